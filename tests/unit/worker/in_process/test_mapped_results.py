"""An instance that is mapped over the results of mapped tasks pulls the one that it needs."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime
from typing import Any

import pytest
from jinja2 import Template

from airflow_lite import DAG, task, task_group
from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import lookup, xcom_values, xcoms
from airflow_lite.store.engine import open_store
from airflow_lite.worker.dag_questions import MappedCount, MappedPage
from airflow_lite.worker.in_process.store_access import DirectStoreClient
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task import lazy_xcoms
from airflow_lite.worker.task.dag_run import DagRun
from airflow_lite.worker.task.lazy_xcoms import LazyXComSelectSequence
from airflow_lite.worker.task.task_instance import RuntimeTaskInstance
from airflow_lite.worker.task.xcom import to_json
from fixtures.store_rows import add_run, add_version

#: Results by map index: some instances returned nothing.
RESULTS = {index: index * 10 for index in range(40) if index % 5 != 3}
VALUES = list(RESULTS.values())


class Asked(DirectStoreClient):
    """A client that notes what it is asked."""

    def ask(self, question):
        self.__dict__.setdefault("questions", []).append(question)
        return super().ask(question)


@pytest.fixture
def client(tmp_path):
    """The store of a run in which `first` and `of_group.inner` have results of their indexes."""
    store = open_store(Config(tmp_path))
    names = ("first", "of_group.inner", "over", "three")
    spec = DagSpec("d", tasks={name: TaskSpec(name) for name in names})
    with store.begin() as connection:
        run_id = add_run(connection, spec, add_version(connection, spec), "r", 1)
        values = [
            xcom_values.XComValue(run_id, name, index, key, str(value))
            for name in names[:2]
            for index, value in reversed(RESULTS.items())
            for key in ("return_value", "other")
        ]
        three = [(run_id, "three", at, "return_value", str(at * 10)) for at in range(3)]
        values += [xcom_values.XComValue(*fields) for fields in three]
        xcom_values.put(connection, values, 5)
        run = lookup.find_run(connection, "d", "r", None)
    assert run is not None
    yield Asked(store, SystemClock(), run, (0, "over", 7))
    store.close()


@pytest.fixture
def resolved(client):
    """Return what an index of a task that is mapped so gets."""

    def resolved(mapped_over, index):
        with DAG("d", schedule=None, start_date=datetime(2024, 1, 1)):

            @task
            def first(x):
                return x

            @task
            def over(a, b=None, c=None):
                return [a, b, c]

            @task_group
            def of_group(x):
                return first.override(task_id="inner")(x)

            sources = first.expand(x=[*range(40)]), of_group.expand(x=[*range(40)])
            operator: Any = over.expand(**mapped_over(*sources)).operator
        run = client._run.fields()
        request = AttemptRequest(("d", "over", "r", 1, index, ""), run, start_us=0)
        ti = RuntimeTaskInstance(request, operator, DagRun(run), client, id)
        return operator.expand_input.resolve({"ti": ti})[0]

    return resolved


@pytest.fixture
def results_of(client):
    """Return the results of a task, as one that takes them gets them."""
    return lambda task: LazyXComSelectSequence(client, client._run.id, task, "return_value")


def test_they_are_a_sequence_of_what_was_returned_in_the_order_of_map_indexes(results_of):
    results = results_of("first")

    assert (len(results), list(results)) == (len(VALUES), VALUES)
    assert list(reversed(results)) == VALUES[::-1]
    assert [results[3], results[-1]] == [VALUES[3], VALUES[-1]]
    for bounds in ((2, 9, 3), (-5, None), (None, -3), (9, 2, -2), (None, None, -1), (5, 5), (99,)):
        assert results[slice(*bounds)] == VALUES[slice(*bounds)], bounds
    for place in (len(VALUES), -len(VALUES) - 1):
        with pytest.raises(IndexError):
            results[place]
    assert (results.index(VALUES[4]), results.count(VALUES[4])) == (4, 1)
    none = results_of("over")
    assert (list(none), bool(none), len(none)) == ([], False, 0)


#: What is done with the results 0, 10 and 20 of a mapped task -> as 2.10.5 answers; a list of what
#: is pickled, which there is of no use without a session.
SEEN = {
    "type(x).__name__": "LazyXComSelectSequence",
    "isinstance(x, list)": False,
    "repr(x)": "LazySelectSequence([3 items])",
    "f'{x}'": "LazySelectSequence([3 items])",
    "x == [0, 10, 20]": True,
    "[0, 10, 20] == x": True,
    "x == (0, 10, 20)": True,
    "x == [0, 10]": False,
    "x != [0, 10, 20]": False,
    "x == {0, 10, 20}": False,
    "x == None": False,
    "x[True]": 10,
    "10 in x": True,
    "sum(x)": 30,
    "pickle.loads(pickle.dumps(x))": [0, 10, 20],
    "copy.deepcopy(x)": [0, 10, 20],
    "type(copy.copy(x)).__name__": "LazyXComSelectSequence",
    "x + [4]": "TypeError: unsupported operand type(s) for +: 'LazyXComSelectSequence' and 'list'",
    "[4] + x": 'TypeError: can only concatenate list (not "LazyXComSelectSequence") to list',
    "x * 2": "TypeError: unsupported operand type(s) for *: 'LazyXComSelectSequence' and 'int'",
    "x < [1]": "TypeError: '<' not supported between instances of 'LazyXComSelectSequence'"
    " and 'list'",
    "hash(x)": "TypeError: unhashable type: 'LazyXComSelectSequence'",
    "x[9]": "IndexError: 9",
    "x[-9]": "IndexError: -9",
    "x['a']": "TypeError: Sequence indices must be integers or slices, not str",
    "x[1.0]": "TypeError: Sequence indices must be integers or slices, not float",
    "x.append(1)": "AttributeError: 'LazyXComSelectSequence' object has no attribute 'append'",
    "json.dumps(x)": "TypeError: Object of type LazyXComSelectSequence is not JSON serializable",
    "Template('{{ x }} {{ x | length }} {{ x | list }} {{ x | sum }} {{ x | first }}').render(x=x)": "LazySelectSequence([3 items]) 3 [0, 10, 20] 30 0",
}


@pytest.mark.parametrize("code", SEEN)
def test_a_task_sees_what_it_sees_on_airflow(results_of, code):
    names = {"x": results_of("three"), "pickle": pickle, "copy": copy, "json": json}
    try:
        seen = eval(code, {**names, "Template": Template})
    except (TypeError, IndexError, AttributeError) as error:
        seen = f"{type(error).__name__}: {error}"
    assert seen == SEEN[code]


def test_one_of_them_is_an_item(client, results_of):
    client.push("return_value", "1")
    assert repr(results_of("over")) == "LazySelectSequence([1 item])"


def test_as_an_xcom_they_are_a_list_wherever_they_are(results_of):
    results = results_of("three")
    assert to_json("k", results, 99) == "[0,10,20]"
    assert (
        to_json("k", {"a": [results], "b": (results,)}, 99) == '{"a":[[0,10,20]],"b":[[0,10,20]]}'
    )


@pytest.mark.parametrize(
    ("act", "questions"),
    [
        (list, 2),  # which asks for the length first
        (len, 1),
        (bool, 1),
        (lambda results: results[-1], 1),
        (lambda results: results[-3:], 2),
        (lambda results: [len(results), len(results)], 1),
        (lambda results: list(zip(results, results, strict=True)), 2),
    ],
)
def test_what_is_small_is_one_question(client, results_of, act, questions):
    act(results_of("first"))
    assert len(client.questions) == questions


def test_what_is_large_comes_in_pages_of_a_bounded_size(client, results_of, monkeypatch):
    monkeypatch.setattr(lazy_xcoms, "_MOST", 5)
    assert list(results_of("first")) == VALUES
    assert len(client.questions) == 1 + len(VALUES) // 5 + 1

    large = xcoms.PAGE_SIZE // 2
    run = client._run.id
    texts = [json.dumps(str(at) * large) for at in range(5)]
    with client._store.begin() as connection:
        values = [
            xcom_values.XComValue(run, "over", at, "k", text) for at, text in enumerate(texts)
        ]
        xcom_values.put(connection, values, 5)
    pages = []
    with client._store.read() as connection:
        for first in (0, 2, 4):
            page = xcoms.mapped_page(connection, run, "over", "k", first=first, most=100)
            pages.append(page)
    assert pages == [(texts[:2], False), (texts[2:4], False), (texts[4:], True)]


SHAPES = {
    "plain": (lambda first, _: {"a": first}, {"a": VALUES[7]}),
    "of a group": (lambda _, inner: {"a": inner}, {"a": VALUES[7]}),
    "map": (lambda first, _: {"a": first.map(str)}, {"a": str(VALUES[7])}),
    "zip": (lambda first, inner: {"a": first.zip(inner)}, {"a": (VALUES[7], VALUES[7])}),
    "concat": (lambda first, inner: {"a": first.concat(inner)}, {"a": VALUES[7]}),
    "product": (
        lambda first, inner: {"a": first, "b": inner, "c": [1, 2]},
        {"a": VALUES[0], "b": VALUES[3], "c": 2},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_instance_that_is_mapped_over_them_pulls_no_more_than_its_own(client, resolved, shape):
    mapped_over, expected = SHAPES[shape]

    assert resolved(mapped_over, 7) == expected
    assert {type(question) for question in client.questions} <= {MappedCount, MappedPage}
    assert len(client.questions) <= 4


def test_the_length_is_not_asked_for_where_it_decides_nothing(client, resolved):
    resolved(SHAPES["plain"][0], 7)
    assert client.questions == [MappedPage(client._run.id, "first", "return_value", 7, 1)]
