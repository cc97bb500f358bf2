"""DAGs that wait for datasets, with real schedulers, hosts and tasks."""

from __future__ import annotations

import json

import pytest

DAGS = """
from datetime import datetime
from airflow_lite import DAG, Dataset, DatasetAlias, EmptyOperator, Metadata, task

a, b, x = Dataset("s3://a"), Dataset("b", extra={"team": 1}), DatasetAlias("x")
usual = {"start_date": datetime(2024, 1, 1)}

with DAG("producer", schedule=None, **usual) as producer:

    @task(outlets=[a])
    def make(outlet_events):
        outlet_events[a].extra = {"rows": 5}

    @task(outlets=[b])
    def announce():
        yield Metadata(b, {"n": 1})
        return 7

    @task(outlets=[x])
    def find(outlet_events):
        outlet_events[x].add(Dataset("found/1"), extra={"k": 1})
        outlet_events[x].add(Dataset("found/2"))

    @task(outlets=[a])
    def fail(params):
        if "fails" in params:
            raise ValueError

    make() >> find() >> announce() >> fail()  # by `announce`, all is there that `both` looks at

with DAG("both", schedule=[a, b], **usual):

    @task(inlets=[a, x])
    def look(triggering_dataset_events, inlet_events, dag_run):
        events = [event for found in triggering_dataset_events.values() for event in found]
        return {
            "run": dag_run.run_type,
            "interval": str(dag_run.data_interval_end),
            "events": sorted((e.uri, e.source_task_id, str(e.extra)) for e in events),
            "source": events[0].source_dag_run.run_id,
            "inlets": [inlet_events[a][0].extra, len(inlet_events[x])],
        }

    look()

with DAG("aliased", schedule=x, **usual):
    EmptyOperator(task_id="t")

with DAG("mapped", schedule=None, **usual):

    @task(outlets=[Dataset("each")])
    def each(number, outlet_events):
        outlet_events[Dataset("each")].extra = {"number": number}

    each.expand(number=list(range(20)))

with DAG("of_each", schedule=Dataset("each"), max_active_runs=1, **usual):

    @task
    def numbers(triggering_dataset_events):
        return [event.extra["number"] for event in triggering_dataset_events["each"]]

    numbers()
"""

#: In place of `return 7`: says that it has begun, and goes on once the gate is open.
WAIT = """\
import pathlib, time

        pathlib.Path("{begun}").touch()
        while not pathlib.Path("{gate}").exists():
            time.sleep(0.01)"""


def runs(home, dag_id):
    return home.json("dags", "list-runs", "-d", dag_id)


def are_over(home, dag_id, count):
    return [row["state"] for row in runs(home, dag_id)] == ["success"] * count


def results(home, dag_id):
    """Return what the tasks of a DAG's runs returned."""
    rows = home.execute(
        "SELECT value FROM xcom JOIN dag_run ON dag_run.id = xcom.dag_run_id"
        f" WHERE dag_run.dag_id = '{dag_id}' AND key = 'return_value'"
    )
    return [json.loads(value) for (value,) in rows]


def test_a_run_is_made_once_all_have_changed_and_sees_what_changed_them(home, wait_until):
    home.dag("all", DAGS)
    with home.scheduler():
        home.run("dags", "trigger", "producer", "-r", "one", "-e", "2024-06-01", "--wait")
        wait_until(lambda: are_over(home, "both", 1) and are_over(home, "aliased", 1), "the runs")

    (run,) = runs(home, "both")
    assert run["run_id"].startswith("dataset_triggered__20")
    (found,) = results(home, "both")
    assert found == {
        "run": "dataset_triggered",
        "interval": "2024-06-01 00:00:00+00:00",
        "events": [["b", "announce", "{'n': 1}"], ["s3://a/", "make", "{'rows': 5}"]],
        "source": "one",
        "inlets": [{"rows": 5}, 2],
    }
    listed = {row["uri"]: row for row in home.json("datasets", "list")}
    assert list(listed) == ["b", "each", "found/1", "found/2", "s3://a/"]
    assert listed["b"]["extra"] == {"team": 1}
    assert listed["b"]["consuming_dags"] == [{"dag_id": "both"}]
    assert listed["found/1"]["consuming_dags"] == [{"dag_id": "aliased"}]
    assert [row["task_id"] for row in listed["s3://a/"]["producing_tasks"]] == ["fail", "make"]
    # `fail` changed it once more, for which no run is made before `b` has changed, too.
    (details,) = home.json("datasets", "details", "--uri", "s3://a/")
    assert (details["total_updates"], details["queued_for_dags"]) == (2, ["both"])
    missing = home.run("datasets", "details", "--uri", "none", exit_code=1)
    assert missing.stderr == (
        "airflow-lite: error: There is no dataset 'none'."
        " List them with `airflow-lite datasets list`.\n"
    )


def test_what_fails_changes_nothing(home):
    home.dag("all", DAGS)
    with home.scheduler():
        words = "dags", "trigger", "producer", "-c", '{"fails": 1}', "--wait"
        home.run(*words, exit_code=1)

    (details,) = home.json("datasets", "details", "--uri", "s3://a/")
    assert details["total_updates"] == 1


def test_changes_that_come_while_a_run_goes_on_are_in_the_next_one(home, wait_until):
    home.dag("all", DAGS)
    with home.scheduler():
        home.run("dags", "trigger", "mapped", "--wait")
        wait_until(lambda: sum(map(len, results(home, "of_each"))) == 20, "all changes")

    assert sorted(number for found in results(home, "of_each") for number in found) == [*range(20)]


def test_a_paused_dag_gets_a_run_for_what_came_meanwhile_with_the_first_change_after(
    home, wait_until
):
    home.dag("all", DAGS)
    with home.scheduler():
        home.run("dags", "pause", "of_each", "-y")
        home.run("dags", "trigger", "mapped", "--wait")
        home.run("dags", "unpause", "of_each", "-y")
        home.run("dags", "trigger", "producer", "--wait")
        assert runs(home, "of_each") == []
        home.run("dags", "trigger", "mapped", "--wait")
        wait_until(lambda: sum(map(len, results(home, "of_each"))) == 40, "all changes")


def test_a_scheduler_that_was_killed_loses_no_change(home, wait_until):
    """The hosts that it left write their ends, and the next one makes the runs."""
    begun, gate = home.folder / "begun", home.folder / "gate"
    home.dag("all", DAGS.replace("return 7", WAIT.format(begun=begun, gate=gate)))
    scheduler = home.start("--executor", "LocalExecutor", "scheduler")
    home.run("dags", "trigger", "producer", "-r", "one")
    wait_until(begun.exists, "the task")
    scheduler.kill()
    scheduler.wait()
    gate.touch()
    with home.scheduler():
        wait_until(lambda: are_over(home, "both", 1), "the run")

    (found,) = results(home, "both")
    assert [event[:2] for event in found["events"]] == [["b", "announce"], ["s3://a/", "make"]]


@pytest.mark.parametrize("executor", ["SequentialExecutor"])
def test_changes_are_made_on_other_executors_and_in_a_test_too(home, wait_until, executor):
    home.dag("all", DAGS)
    home.run("dags", "test", "producer", "2024-06-01")
    with home.scheduler(executor=executor):
        wait_until(lambda: are_over(home, "both", 1), "the run")
