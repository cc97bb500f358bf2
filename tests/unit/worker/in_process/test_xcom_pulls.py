"""Pulled XComs: which value one gets where several fit, and in which order several come."""

from __future__ import annotations

import pytest

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.errors import AirflowException
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import lookup, xcom_values
from airflow_lite.store.engine import open_store
from airflow_lite.worker.in_process.store_access import DirectStoreClient, DryRunStoreClient
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task.dag_run import DagRun
from airflow_lite.worker.task.task_instance import RuntimeTaskInstance
from fixtures.goldens import read_golden
from fixtures.store_rows import add_run, add_version

GOLDEN = read_golden("authors")
TASKS = ("z", "m", "n", "look")
DAYS = (1, 2)


@pytest.fixture
def store(tmp_path):
    with_store = open_store(Config(tmp_path))
    spec = DagSpec("pulls", tasks={name: TaskSpec(name) for name in TASKS})
    with with_store.begin() as connection:
        version = add_version(connection, spec)
        for day in DAYS:
            add_run(connection, spec, version, f"r{day}", day)
    yield with_store
    with_store.close()


@pytest.fixture
def instance(store):
    """Make the task instance of a running task: `instance("z", 1)`."""

    class Task:
        task_display_name, executor_config, retries = "", {}, 0

    def make(task_id, day, kind=DirectStoreClient):
        with store.read() as connection:
            run = lookup.find_run(connection, "pulls", f"r{day}", None)
        assert run is not None
        client = kind(store, SystemClock(), run, (0, task_id, -1))
        key = ("pulls", task_id, run.run_id, 1, -1, "")
        request = AttemptRequest(key, run.fields(), start_us=0)
        return RuntimeTaskInstance(request, Task(), DagRun(run.fields()), client, id)

    return make


@pytest.fixture
def pushed(instance):
    """Push what the tasks of the golden pushed."""
    for day in DAYS:
        for number, name in enumerate(("z", "m", "n"), start=1):
            ti = instance(name, day)
            if day == 1:
                ti.xcom_push("first", f"first of {name}")
            for key in ("found", "b", "a"):
                ti.xcom_push(key, f"{key}{number} of {day}")
            ti.xcom_push("return_value", f"r{number} of {day}")


@pytest.mark.parametrize("name", GOLDEN["pulls asked"])
def test_a_pull_gives_what_it_gives_in_airflow(pushed, instance, name):
    assert (
        instance("look", 2).xcom_pull(**GOLDEN["pulls asked"][name]) == (GOLDEN["xcom_pulls"][name])
    )


def test_of_what_is_written_at_once_the_last_pushed_is_the_newest(store, instance):
    values = [
        xcom_values.XComValue(1, name, -1, key, f'"{name}{key}"') for name in "zma" for key in "ba"
    ]
    with store.begin() as connection:
        xcom_values.put(connection, [*values, values[2]], 5)
    ti = instance("look", 1)

    assert ti.xcom_pull(key=None) == "mb"  # pushed again, after all others
    assert ti.xcom_pull(task_ids="z", key=None) == "za"
    assert ti.xcom_pull(key="a") == "aa"


def test_the_value_of_a_mapped_task_is_that_of_all_its_indexes(store, instance):
    values = [
        xcom_values.XComValue(1, "z", index, "return_value", str(index)) for index in (2, 0, 1)
    ]
    with store.begin() as connection:
        xcom_values.put(
            connection, [xcom_values.XComValue(1, "m", -1, "return_value", "9"), *values], 5
        )

    assert instance("look", 1).xcom_pull() == [0, 1, 2]
    assert instance("look", 1).xcom_pull(task_ids="z") == [0, 1, 2]
    assert instance("look", 1).xcom_pull(map_indexes=1) == 1


def test_names_in_a_set_are_asked_in_one_order(pushed, instance):
    assert instance("look", 2).xcom_pull(task_ids={"z", "n", "m"}) == [
        "r2 of 2",
        "r3 of 2",
        "r1 of 2",
    ]


def test_a_dry_run_sees_what_it_pushed_last_and_only_where_it_is_asked(pushed, instance):
    ti = instance("look", 2, DryRunStoreClient)
    for key in ("x", "found", "x"):
        ti.xcom_push(key, f"own {key}")

    assert ti.xcom_pull(key=None) == "own x"
    assert ti.xcom_pull(key="found") == "own found"
    assert ti.xcom_pull(key="found", dag_id="other") is None
    assert ti.xcom_pull(key="found", run_id="r1") == "found3 of 1"
    assert ti.xcom_pull(key="found", task_ids=[]) == []
    assert ti.xcom_pull(key="found", map_indexes=[3]) == []


@pytest.mark.parametrize("key", ["", "x" * 513, "a\0b", "half of an emoji: \ud83d", 7])
def test_a_key_that_no_column_keeps_fails_where_it_is_pushed(instance, key):
    with pytest.raises(AirflowException, match="^XCom key "):
        instance("z", 1).xcom_push(key, 1)
