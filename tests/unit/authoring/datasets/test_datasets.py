"""Datasets as authors write them: URIs, conditions, and what a task says of its outlets."""

from __future__ import annotations

import itertools
import logging
from datetime import datetime

import pytest

from airflow_lite import (
    DAG,
    AirflowException,
    CronTriggerTimetable,
    Dataset,
    DatasetAlias,
    DatasetAll,
    DatasetAny,
    DatasetOrTimeSchedule,
    EmptyOperator,
    Metadata,
)
from airflow_lite.authoring.datasets.inlet_events import (
    DatasetEvent,
    InletEventsAccessors,
)
from airflow_lite.authoring.datasets.model import condition_of
from airflow_lite.authoring.datasets.outlet_events import (
    OutletEventAccessors,
    changes_made,
    run_yielding,
)
from airflow_lite.errors import AirflowDagException, AirflowTimetableInvalid
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec.datasets import MOST_BYTES, aliases_in, is_met, uris_in
from fixtures.goldens import read_golden

START = datetime(2024, 1, 1)
A, B, C, D = map(Dataset, ("s3://a/", "b", "c", "d"))
X = DatasetAlias("x")
CONDITIONS = {
    "[a]": [A],
    "[a, b]": [A, B],
    "a | b": A | B,
    "a & b | c": A & B | C,
    "(a | b) & (c | d)": (A | B) & (C | D),
    "a | b | c": A | B | C,
    "a & b & c": A & B & C,
    "[]": [],
}
GOLDEN = read_golden("datasets")


@pytest.mark.filterwarnings("ignore:A dataset URI should not contain auth info")
@pytest.mark.parametrize("text", GOLDEN["uris"])
def test_a_uri_is_written_as_there_or_refused_as_there(text):
    expected = GOLDEN["uris"][text]
    if isinstance(expected, str):
        assert Dataset(text).uri == expected
        return
    with pytest.raises(ValueError, match=expected["error"]):
        Dataset(text)


def test_a_password_in_a_uri_is_dropped_and_told_of():
    with pytest.warns(UserWarning, match="should not contain auth info"):
        assert Dataset("s3://user:pw@bucket/k").uri == "s3://bucket/k"


@pytest.mark.parametrize("kind", [Dataset, DatasetAlias])
def test_a_name_that_no_database_could_index_is_refused(kind):
    assert kind("a" * MOST_BYTES)
    with pytest.raises(ValueError, match=f"has {MOST_BYTES + 1} bytes. Use at most {MOST_BYTES}."):
        kind("a" * (MOST_BYTES + 1))


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_met_by_the_same_datasets_as_there(name):
    condition = condition_of(CONDITIONS[name])
    assert condition is not None
    expression = condition.as_expression()
    every = [item.uri for item in (A, B, C, D)]
    subsets = itertools.chain(*(itertools.combinations(every, n) for n in range(5)))
    assert expression == GOLDEN["conditions"][name]["expression"]
    assert [[*some] for some in subsets if is_met(expression, some, {})] == GOLDEN["conditions"][
        name
    ]["met_by"]


def test_an_alias_is_met_by_any_of_the_datasets_linked_to_it():
    expression = (X & A).as_expression()
    assert (list(aliases_in(expression)), list(uris_in(expression))) == (["x"], [A.uri])
    assert not is_met(expression, {A.uri, B.uri}, {})
    assert is_met(expression, {A.uri, B.uri}, {"x": {B.uri, C.uri}})
    assert not is_met(expression, {A.uri, D.uri}, {"x": {B.uri, C.uri}})


def test_what_is_no_dataset_is_in_no_condition():
    with pytest.raises(TypeError, match="expect dataset expressions in condition"):
        DatasetAny(A, "b")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unsupported operand"):
        A | "b"
    with pytest.raises(AirflowDagException, match="All elements in 'schedule' should be datasets"):
        DAG("d", schedule=[A, "b"], start_date=START)


@pytest.mark.parametrize(
    ("schedule", "summary"),
    [([A, B], "Dataset"), (A | X, "Dataset"), (X, "Unresolved DatasetAlias")],
)
def test_a_dag_waits_for_what_its_schedule_names(schedule, summary):
    with DAG("d", schedule=schedule, start_date=START) as dag:
        EmptyOperator(task_id="t", outlets=[C, X, C], inlets=D)
    spec = dag_spec(dag)
    condition = condition_of(schedule)
    assert condition is not None
    assert spec.schedule.datasets == condition.as_expression()
    assert (spec.schedule.kind, spec.schedule.summary) == ("dataset", summary)
    task = spec.tasks["t"]
    assert (task.outlets, task.outlet_aliases) == (("c",), ("x",))
    assert not task.is_empty  # whatever ends in the scheduler changes nothing
    assert set(spec.datasets) == {"c", *(uri for uri, _ in condition.iter_datasets())}


def test_a_schedule_may_be_of_datasets_and_of_time():
    timetable = CronTriggerTimetable("0 1 * * 3", timezone="UTC")
    schedule = DatasetOrTimeSchedule(timetable=timetable, datasets=[A, B])
    dag = DAG("d", schedule=schedule, start_date=START)
    spec = dag_spec(dag)
    assert spec.schedule.kind == "cron_trigger"
    assert spec.schedule.datasets == {"all": [A.uri, B.uri]}
    assert spec.schedule.summary == "Dataset or 0 1 * * 3"
    assert spec.schedule.description.startswith("Triggered by datasets or ")
    assert set(spec.datasets) == {A.uri, B.uri}
    with pytest.raises(AirflowTimetableInvalid, match="cannot nest dataset timetables"):
        DatasetOrTimeSchedule(timetable=schedule, datasets=A)


def test_an_extra_that_is_no_json_is_refused_with_the_dag():
    dag = DAG("d", schedule=Dataset("e", extra={"x": object()}), start_date=START)
    with pytest.raises(AirflowDagException, match="the extra of dataset 'e' cannot be written"):
        dag_spec(dag)


def test_what_is_no_dataset_among_outlets_has_no_effect_and_says_so():
    with DAG("d", schedule=None):
        task = EmptyOperator(task_id="t", outlets=["table", A])
    assert task.notices == ["of inlets and outlets only datasets have an effect."]
    assert changes_made(task.outlets, OutletEventAccessors(), 99) == [[A.uri, "{}", []]]


def test_a_task_changes_each_dataset_once_and_through_aliases_each_extra_once():
    events = OutletEventAccessors()
    events[A].extra = {"rows": 1}
    events["b"].extra["n"] = 2
    for extra in ({"k": 1}, {"k": 1}, {"k": 2}):
        events[X].add(C, extra=extra)
    events[DatasetAlias("y")].add("c", extra={"k": 1})
    events[A].add(D)  # no alias
    assert changes_made([A, B, X, DatasetAlias("y")], events, 99) == [
        [A.uri, '{"rows": 1}', []],
        ["b", '{"n": 2}', []],
        ["c", '{"k": 1}', ["x", "y"]],
        ["c", '{"k": 2}', ["x"]],
    ]
    assert changes_made([], events, 99) is None


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"x": object()}, "cannot be written as JSON: Object of type object"),
        (5, "cannot be written as JSON: 'int' object is not iterable"),
        ({"x": "y" * 99}, r"has 108 bytes as JSON; \[core\] max_xcom_size is 99"),
    ],
)
def test_an_extra_that_cannot_be_kept_fails_its_task(extra, message):
    events = OutletEventAccessors()
    events[A].extra = extra
    with pytest.raises(AirflowException, match=message):
        changes_made([A], events, 99)


def test_what_a_function_yields_of_datasets_is_taken_and_all_else_told_of(caplog):
    def function(last):
        yield Metadata(A, {"rows": 1})
        yield "nothing"
        yield Metadata(C, {"k": 1}, alias=X)
        return last

    events, log = OutletEventAccessors(), logging.getLogger("test")
    assert run_yielding(function, events, log, last=7) == 7
    assert changes_made([A, X], events, 99) == [
        [A.uri, '{"rows": 1}', []],
        ["c", '{"k": 1}', ["x"]],
    ]
    assert "Ignoring unknown data of <class 'str'> received from task" in caplog.text
    assert run_yielding(len, events, log, "abc") == 3


def event(number):
    return DatasetEvent(number, 1, "c", {}, None, None, None, None, None)


def test_events_of_inlets_are_read_where_they_are_asked_for():
    asked = []

    def look_up(page):
        asked.append(page)
        rows = [event(number) for number in range(250)]
        rows = rows[::-1] if page.is_newest_first else rows
        return len(rows), rows[page.first : page.first + page.most]

    events = InletEventsAccessors([C, X, "table"], look_up)
    assert asked == []
    assert (events[C][0].id, events[0][-1].id, events["c"][249].id) == (0, 249, 249)
    assert [item.id for item in events[X][-2:]] == [248, 249]
    assert [item.id for item in events[C]] == list(range(250))
    assert (len(events), len(events[C]), bool(events[C])) == (3, 250, True)
    assert {(page.uri, page.alias) for page in asked} == {("c", None), (None, "x")}
    assert max(page.most for page in asked) == 100
    for wrong, error in ((A, KeyError), (DatasetAlias("c"), KeyError), (2, IndexError)):
        with pytest.raises(error):
            events[wrong]
    with pytest.raises(IndexError):
        events[C][250]


def test_conditions_are_written_flat_and_shown():
    assert repr(A & B & C) == f"DatasetAll({A}, {B}, {C})"
    assert isinstance(A | B, DatasetAny)
    assert isinstance(A & B, DatasetAll)
    assert (A & B).evaluate({A.uri: True, "b": True})
    assert not (A & B).evaluate({A.uri: True, "b": False})
