"""How attempts are put into lanes."""

from __future__ import annotations

import pickle

import pytest

from airflow_lite.executors import TaskInstanceKey
from airflow_lite_dask_executor.placement import Placement
from airflow_lite_dask_executor.submission import Submission, lane_size, lanes_of
from airflow_lite_dask_executor.verdict import HANDED_BACK, NotRunError


@pytest.fixture
def group():
    keys = [TaskInstanceKey("d", f"t{n}", "r", 1, -1, f"{n:032x}") for n in range(5)]
    return [Submission(key, ["run", key.task_id], Placement(), 0.0) for key in keys]


@pytest.mark.parametrize(
    ("waiting", "lanes", "size"),
    [(1, 0, 1), (8, 0, 1), (9, 0, 2), (100, 0, 4), (3, 7, 3), (2, 9, 2)],
)
def test_free_threads_share_what_waits(waiting, lanes, size):
    assert lane_size(4, waiting, threads=8, lanes=lanes) == size


def test_what_was_handed_back_is_in_a_lane_of_its_own(group):
    group[1].is_alone = True
    lanes = lanes_of(group, 3, 7.0)
    assert [[int(token, 16) for token in lane.tokens] for lane in lanes] == [[1], [0, 2, 3], [4]]
    assert [one.lane for one in group] == [lanes[1], lanes[0], lanes[1], lanes[1], lanes[2]]


def test_a_lane_of_one_is_named_by_its_token(group):
    one, others = lanes_of(group[:1], 3, 0.0)[0], lanes_of(group, 3, 0.0)[0]
    assert (one.name, others.name) == (group[0].token, f"{group[0].token}+2")


def test_what_was_not_run_comes_whole_from_the_worker():
    error = NotRunError({"a": HANDED_BACK, "b": HANDED_BACK}, "tcp://w:1", "no database")
    found = pickle.loads(pickle.dumps(error))
    assert (found.reasons, found.worker, found.fault) == (error.reasons, "tcp://w:1", "no database")
    assert str(found) == "Dask worker tcp://w:1: handed back"
