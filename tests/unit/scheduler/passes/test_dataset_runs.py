"""Runs for changes of datasets: made when the condition is met, for what Airflow makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_lite.clock import iso, to_us
from airflow_lite.spec.model import ScheduleSpec
from airflow_lite.store import edits, schema
from airflow_lite.store.dataset_saving import save_uses
from fixtures.goldens import read_golden
from fixtures.query_plans import recorded_statements

GOLDEN = read_golden("datasets")["stories"]
START = datetime(2024, 1, 1, tzinfo=UTC)
#: Where Airflow 2.10.5 makes a run for the first of two changes alone, and loses that of the other.
DIFFERS = {"twice before a pass": [[0, 1]]}


@pytest.fixture
def story(rig, dag_of):
    return Story(rig, dag_of)


class Story:
    """A consumer of datasets, and changes of them as task hosts write them."""

    def __init__(self, rig, dag_of):
        self.rig, self.dag_of = rig, dag_of
        self.events: list[int] = []

    def begin(self, expression, **settings):
        schedule = ScheduleSpec("dataset", datasets=expression)
        uris: dict[str, Any] = {"a": {}, "b": {}}
        self.spec = self.dag_of({"t": []}, schedule=schedule, datasets=uris, **settings)
        self.producer = self.dag_of({"p": []}, dag_id="producer", datasets=uris)
        self.rig.save(self.spec)
        self.version = self.rig.save(self.producer)
        with self.rig.store.begin() as connection:
            save_uses(connection, [], [self.spec, self.producer], 1)
        self.rig.start()
        self.rig.settle(3)

    def change(self, uri, second, day=None):
        at_us = to_us(START + timedelta(days=30, seconds=second))
        if day is not None:
            begin = START + timedelta(days=day)
            interval = to_us(begin), to_us(begin + timedelta(days=1))
            self.rig.trigger(
                self.producer,
                self.version,
                f"r{second}",
                second,
                interval=interval,
                state="success",
            )
        with self.rig.store.begin() as connection:
            (dataset_id,) = connection.execute(
                schema.dataset.select()
                .with_only_columns(schema.dataset.c.id)
                .where(schema.dataset.c.uri == uri)
            ).one()
            row = {"dataset_id": dataset_id, "at_us": at_us}
            source = {"source_dag_id": "producer", "source_run_id": f"r{second}"}
            event = schema.dataset_event.insert().values({**row, **({} if day is None else source)})
            self.events.append(connection.execute(event).inserted_primary_key[0])
            waits = {row.id for row in self.uses(connection) if row.dataset_id == dataset_id}
            is_paused = next(dag.is_paused for dag in self.dags(connection) if dag.dag_id == "d")
            if waits and not is_paused:
                queued = {"dag_id": "d", "event_id": self.events[-1]}
                connection.execute(schema.dataset_queue.insert().values(queued))
        self.ring()

    def uses(self, connection):
        return connection.execute(schema.dataset_use.select())

    def dags(self, connection):
        return connection.execute(schema.dag.select())

    def ring(self):
        self.rig.loop.context.memory.plan_waiting_dags()

    def pause(self, *, paused):
        with self.rig.store.begin() as connection:
            edits.set_paused(connection, ["d"], paused=paused)
        self.rig.after(6)

    def runs(self):
        return [row for row in self.rig.rows(schema.dag_run) if row.dag_id == "d"]

    def consumed(self, run):
        rows = self.rig.rows(schema.dataset_consumption, dag_run_id=run.id)
        return sorted(self.events.index(row.event_id) for row in rows)


@pytest.mark.parametrize("name", GOLDEN)
def test_runs_are_made_as_airflow_makes_them(story, name):
    told = GOLDEN[name]
    story.begin({"all": told["waits_for"]})
    for step in told["steps"]:
        if step in ("pause", "unpause"):
            story.pause(paused=step == "pause")
        elif step == "pass":
            story.rig.settle()
        else:
            story.change(*step)
    runs = story.runs()
    consumed = [story.consumed(run) for run in runs]
    if name in DIFFERS:
        assert consumed == DIFFERS[name]
        return
    assert consumed == [run["changes"] for run in told["runs"]]
    assert [(run.run_id, run.run_type) for run in runs] == [
        (run["run_id"], run["run_type"]) for run in told["runs"]
    ]
    assert [[iso(run.interval_start_us), iso(run.interval_end_us)] for run in runs] == [
        run["interval"] for run in told["runs"]
    ]
    assert {run.state for run in runs} <= {"success"}


def test_a_change_is_in_one_run_alone(story):
    story.begin({"any": ["a", "b"]})
    for second in (1, 2, 3):
        story.change("a", second)
        story.rig.settle()
    assert [story.consumed(run) for run in story.runs()] == [[0], [1], [2]]
    assert story.rig.rows(schema.dataset_queue) == []


def test_a_change_that_is_older_than_the_run_before_gets_a_run_after_that(story):
    story.begin({"all": ["a"]})
    story.change("a", 5)
    story.rig.settle()
    story.change("a", 2)
    story.rig.settle()
    first, second = story.runs()
    assert second.logical_us == first.logical_us + 1
    assert story.consumed(second) == [1]


def test_a_run_by_hand_of_the_very_date_is_no_obstacle(story):
    story.begin({"all": ["a"]})
    at_us = to_us(START + timedelta(days=30, seconds=1))
    story.rig.trigger(story.spec, story.version, "by_hand", at_us, state="success")
    story.change("a", 1)
    story.rig.settle()
    made = [run for run in story.runs() if run.run_type == "dataset_triggered"]
    assert [run.logical_us for run in made] == [at_us + 1]


def test_no_more_runs_than_max_active_runs_are_made_and_the_rest_follows(story):
    story.begin({"all": ["a"]}, max_active_runs=1)
    story.rig.executor.outcome = lambda _: None
    story.change("a", 1)
    story.rig.settle()
    story.change("a", 2)
    story.change("a", 3)
    story.rig.settle()
    assert len(story.runs()) == 1
    story.rig.executor.outcome = lambda _: "success"
    story.rig.settle()
    assert [story.consumed(run) for run in story.runs()] == [[0], [1, 2]]


def test_a_scheduler_that_missed_the_bell_looks_by_itself(story):
    story.begin({"all": ["a"]})
    story.ring = lambda: None
    story.change("a", 1)
    story.rig.settle()
    assert story.runs() == []
    story.rig.after(6)
    assert len(story.runs()) == 1


def test_a_scheduler_whose_dags_wait_for_no_dataset_asks_for_none(rig, dag_of):
    rig.begin(dag_of({"t": []}))
    with recorded_statements(rig.store) as statements:
        rig.after(6)
    assert not [text for text, _ in statements if "dataset" in text]


def test_looking_costs_one_statement_until_a_condition_is_met(story):
    story.begin({"all": ["a", "b"]})
    story.change("a", 1)
    with recorded_statements(story.rig.store) as statements:
        story.rig.settle()
    assert len([text for text, _ in statements if "dataset" in text]) == 1
