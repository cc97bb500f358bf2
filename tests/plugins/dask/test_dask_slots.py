"""How many attempts DaskExecutor takes: by the size of the cluster, and by how brisk it is."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_lite.api.executor.pace import BRISK_S
from airflow_lite.executors import RunCommand, TaskInstance
from airflow_lite.testing import FakeClock
from airflow_lite_dask_executor.cluster import Cluster, DaskWorker
from airflow_lite_dask_executor.executor import DaskExecutor


class Link:
    """A connection to a cluster of four threads, or to none."""

    def __init__(self):
        self.is_ready = True
        self.cluster = Cluster((DaskWorker("tcp://127.0.0.1:1", "one", 4),))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(clock):
    def executor(parallelism):
        made: Any = DaskExecutor(parallelism, clock=clock)
        made._connection = Link()
        return made

    return executor


def submit(executor, number):
    ti = TaskInstance("dag", f"t{number}", "run", attempt=f"{number:032x}")
    executor.running.add(ti.key)
    executor.execute_async(ti.key, RunCommand(ti.key).words(), "default", {})


def test_before_start_and_without_connection_there_is_no_slot(make):
    assert DaskExecutor(8).slots_available == 0
    executor = make(8)
    executor._connection.is_ready = False
    assert executor.slots_available == 0


@pytest.mark.parametrize(("parallelism", "slots"), [(0, 8), (32, 8), (3, 3)])
def test_slots_follow_the_cluster_up_to_parallelism(make, parallelism, slots):
    assert make(parallelism).slots_available == slots


def test_behind_a_long_attempt_nothing_is_queued_beyond_the_threads(make, clock):
    executor = make(0)
    submit(executor, 1)
    assert executor.slots_available == 7
    clock.advance(BRISK_S)
    assert executor.slots_available == 3
