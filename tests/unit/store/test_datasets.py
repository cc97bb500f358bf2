"""Datasets in the store: who names them, their changes, what is queued, and what goes when."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.errors import DatasetNotFound
from airflow_lite.parsing.pool import FileResult
from airflow_lite.spec.model import DagSpec, ScheduleSpec, TaskSpec
from airflow_lite.store import attempts, cleaning, dataset_listing, dataset_reads, edits, schema
from airflow_lite.store.dag_saving import save_results
from airflow_lite.store.dataset_events import DatasetChange
from airflow_lite.store.engine import open_store
from fixtures.query_plans import recorded_statements
from fixtures.store_rows import add_run

HOST = attempts.Supervisor("s", "host", "h", "b", 1, 2)


def consumer(dag_id, expression):
    schedule = ScheduleSpec("dataset", datasets=expression)
    return DagSpec(dag_id, tasks={"t": TaskSpec("t")}, schedule=schedule, datasets={"a": {}})


PRODUCER = DagSpec(
    "producer",
    tasks={"t": TaskSpec("t", outlets=("a",), outlet_aliases=("x",)), "u": TaskSpec("u")},
    datasets={"a": {"team": 1}},
)
BY_URI = consumer("by_uri", {"all": ["a"]})
BY_ALIAS = consumer("by_alias", {"alias": "x"})


@pytest.fixture
def store(tmp_path, new_database):
    opened = open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), **new_database()}))
    yield opened
    opened.close()


@pytest.fixture
def connection(store):
    with store.begin() as connection:
        save(connection, PRODUCER, BY_URI, BY_ALIAS)
        yield connection


def save(connection, *specs, at=1):
    results = [FileResult(f"{spec.dag_id}.py", str(at), dags=(spec,)) for spec in specs]
    return save_results(connection, results, at)


def run(connection, run_id="r", at_us=5):
    """Make a run of the producer whose first task is running, and return what it ends by."""
    version = connection.execute(
        sa.select(schema.dag.c.version_id).where(schema.dag.c.dag_id == "producer")
    ).scalar()
    row = add_run(connection, PRODUCER, version, run_id, at_us, state="running")
    token = run_id.ljust(32, "-")
    ti = schema.task_instance
    (instance,) = connection.execute(
        sa.select(ti.c.id).where(ti.c.dag_run_id == row, ti.c.task_id == "t")
    ).one()
    connection.execute(
        ti.update().where(ti.c.id == instance).values(state="running", attempt=token, try_number=1)
    )
    connection.execute(
        schema.attempt.insert().values(
            token=token, task_instance_id=instance, try_number=1, queued_us=1
        )
    )
    return instance, token


def end(connection, ran, changes, *, state="success", at_us=7):
    made = tuple(
        DatasetChange(uri, json.dumps(extra), tuple(aliases), "producer", "t", "r", -1)
        for uri, extra, *aliases in changes
    )
    instance_id, token = ran
    report = attempts.Ended(instance_id, token, state, state, None, at_us, changes=made)
    return attempts.end(connection, [report], HOST)


def rows(connection, table):
    return connection.execute(sa.select(table).order_by(*table.primary_key.columns)).all()


def queue(connection):
    return sorted(row.dag_id for row in rows(connection, schema.dataset_queue))


def test_a_change_is_written_with_the_end_and_queued_for_who_waits(connection):
    end(connection, run(connection), [("a", {"n": 1})])
    (event,) = rows(connection, schema.dataset_event)
    assert (event.extra, event.at_us, event.source_map_index) == ('{"n": 1}', 7, -1)
    assert (event.source_dag_id, event.source_task_id, event.source_run_id) == (
        "producer",
        "t",
        "r",
    )
    assert queue(connection) == ["by_uri"]


def test_an_end_that_is_written_again_changes_nothing_twice(connection):
    ran = run(connection)
    end(connection, ran, [("a", {}), ("b", {}, "x")])
    connection.execute(schema.dataset_queue.delete())  # a run was made for it meanwhile
    end(connection, ran, [("a", {}), ("b", {}, "x")])
    assert len(rows(connection, schema.dataset_event)) == 2
    assert queue(connection) == []


@pytest.mark.parametrize("state", ["failed", "skipped", "up_for_retry"])
def test_a_try_that_does_not_succeed_changes_nothing(connection, state):
    end(connection, run(connection), [("a", {})], state=state)
    assert rows(connection, schema.dataset_event) == []


@pytest.mark.parametrize("meanwhile", ["restarting", "failed", "removed"])
def test_an_end_that_is_not_accepted_changes_nothing(connection, meanwhile):
    ran = run(connection)
    connection.execute(schema.task_instance.update().values(state=meanwhile))
    end(connection, ran, [("a", {})])
    assert rows(connection, schema.dataset_event) == []


def test_a_change_through_an_alias_links_the_dataset_which_then_counts_by_itself(connection):
    end(connection, run(connection), [("new", {"k": 1}, "x", "y")])
    assert queue(connection) == ["by_alias"]
    through = rows(connection, schema.dataset_event_alias)
    assert [row.alias for row in through] == ["x", "y"]
    connection.execute(schema.dataset_queue.delete())
    end(connection, run(connection, "r2", 6), [("new", {})])
    assert queue(connection) == ["by_alias"]


@pytest.mark.parametrize("column", [{"is_paused": True}, {"is_active": False}])
def test_nothing_is_queued_for_a_dag_that_is_paused_or_gone(connection, column):
    is_it = schema.dag.c.dag_id == "by_uri"
    connection.execute(schema.dag.update().where(is_it).values(column))
    end(connection, run(connection), [("a", {})])
    assert len(rows(connection, schema.dataset_event)) == 1
    assert queue(connection) == []


def test_what_has_no_outlets_costs_no_statement(store, connection):
    first, second = run(connection), run(connection, "r2", 6)
    with recorded_statements(store) as statements:
        end(connection, first, [])
    without = Counter(text for text, _ in statements)
    with recorded_statements(store) as statements:
        end(connection, second, [("a", {})])
    assert not [text for text in without if "dataset" in text]
    assert len([text for text, _ in statements if "dataset" in text]) == 5


def test_many_ends_of_one_pass_take_as_many_statements_as_one(store, connection):
    taken = []
    made = DatasetChange("a", "{}", ("x",), "producer", "t", "r", -1)
    for count in (1, 30):
        reports = [
            attempts.Ended(instance_id, token, "success", "success", None, 7, changes=(made,))
            for at in range(count)
            for instance_id, token in [run(connection, f"r{count}x{at}", count * 1_000 + at)]
        ]
        with recorded_statements(store) as statements:
            attempts.end(connection, reports, HOST)
        taken.append(len({text for text, _ in statements}))
    assert taken[0] == taken[1]
    assert len(rows(connection, schema.dataset_event)) == 31


def test_a_new_definition_replaces_where_a_dag_names_datasets(connection):
    changed = DagSpec("producer", tasks={"t": TaskSpec("t", outlets=("b",))}, datasets={"b": {}})
    save(connection, changed, at=2)
    found = {row.uri: row for row in dataset_listing.datasets(connection)}
    assert found["a"].producing == []
    assert found["b"].producing == [("producer", "t")]
    assert found["a"].consuming == ["by_uri"]


def test_a_dataset_tells_who_makes_and_awaits_it(connection):
    end(connection, run(connection), [("a", {}), ("a", {"k": 1}, "x")])
    found = dataset_listing.the_dataset(connection, "a")
    assert (found.extra, found.event_count, found.last_event_us) == ({"team": 1}, 2, 7)
    assert found.consuming == ["by_uri", "by_alias"]
    assert found.producing == [("producer", "t")]
    assert found.aliases == ["x"]
    assert dataset_listing.queued_dags(connection, found.id) == ["by_alias", "by_uri"]
    with pytest.raises(DatasetNotFound):
        dataset_listing.the_dataset(connection, "none")


def test_events_are_read_by_pages_with_the_run_that_they_come_from(connection):
    for at in range(3):
        end(connection, run(connection, f"r{at}", at), [("a", {"n": at}, "x")], at_us=at)
    assert dataset_reads.page(connection, "a", None, 0, 0) == (3, [])
    _, found = dataset_reads.page(connection, "a", None, 1, 1)
    _, newest = dataset_reads.page(connection, None, "x", 0, 1, is_newest_first=True)
    assert [event["extra"] for event in (*found, *newest)] == [{"n": 1}, {"n": 2}]
    assert found[0]["source_run"] is None  # of the id that the change names, there is none
    json.dumps(found)


def test_a_dag_that_is_deleted_waits_for_nothing(connection):
    end(connection, run(connection), [("a", {})])
    edits.delete_dag(connection, "by_uri")
    assert queue(connection) == []
    assert dataset_listing.the_dataset(connection, "a").consuming == []


def test_old_changes_go_but_for_those_that_a_run_is_still_to_be_made_for(store):
    with store.begin() as connection:
        save(connection, PRODUCER, BY_URI)
        end(connection, run(connection), [("a", {}), ("b", {}, "x")])
    with store.read() as connection:
        assert cleaning.count_old(connection, "dataset_event", 8) == 1
    assert cleaning.delete_some(store, "dataset_event", 8) == 1
    with store.read() as connection:
        left = dataset_listing.datasets(connection)
        assert {row.uri: row.event_count for row in left} == {"a": 1, "b": 0}
        assert rows(connection, schema.dataset_event_alias) == []
