"""What triggers ask is answered together: few transactions and statements, each his own answer."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.processes.packing import packed
from airflow_lite.security.cipher import Cipher
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import variables
from airflow_lite.store.engine import open_store
from airflow_lite.triggerer import answering
from airflow_lite.worker.messages import (
    Ask,
    FinishedTasks,
    GetVariable,
    SetVariable,
    StatesOfDag,
)
from fixtures.query_plans import counted_commits, recorded_statements
from fixtures.store_rows import add_run, add_version

RUNS = range(4)


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path)


@pytest.fixture
def store(config):
    made = open_store(config)
    with made.begin() as connection:
        for dag_id in ("d", "e"):
            spec = DagSpec(dag_id, tasks={name: TaskSpec(name) for name in "ab"})
            version = add_version(connection, spec)
            for at in RUNS:
                add_run(connection, spec, version, f"r{at}", at)
    yield made
    made.close()


@pytest.fixture
def ask(store, config):
    """Ask several questions at once; return the values or errors by question, and statements."""

    def ask(*questions):
        asks = [Ask(at, [*question]) for at, question in enumerate(questions)]
        with recorded_statements(store) as statements:
            told = {answer.number: answer for answer in answering.answers(store, config, asks)}
        assert [*sorted(told)] == [*range(len(asks))]
        read = [text for text, _ in statements if text.startswith("SELECT")]
        return [told[at].error or told[at].value for at in range(len(asks))], read

    return ask


def states(dag_id, dates, task="a"):
    return packed(StatesOfDag(dag_id, dates, [task]))


def rows(dates, task="a"):
    return [(at, task, None) for at in dates]


def test_states_of_the_same_tasks_are_one_statement_whatever_the_dates(ask):
    asked = [[at] for at in RUNS] + [[0, 2], [0], [99]]
    told, statements = ask(*(states("d", dates) for dates in asked))

    assert told == [rows(dates) for dates in asked[:-1]] + [[]]
    assert len(statements) == 1


def test_others_are_a_statement_each(ask):
    told, statements = ask(states("d", [1]), states("d", [1], "b"), states("e", [1]))
    assert told == [rows([1]), rows([1], "b"), rows([1])]
    assert len(statements) == 3


def test_one_statement_asks_for_so_many_dates(ask, monkeypatch):
    monkeypatch.setattr(answering, "_MOST_DATES", 2)
    told, statements = ask(*(states("d", [at]) for at in RUNS))
    assert told == [rows([at]) for at in RUNS]
    assert 2 <= len(statements) <= 3


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (["StatesOfDag", "d", ["x"], ["a"], None, False], []),
        (["StatesOfDag", "d", [[]], ["a"], None, False], "cannot be asked that"),
        (["StatesOfDag", "d", [1], [[]], None, False], "cannot be asked that"),
        (["StatesOfDag", "d", [2**70], ["a"], None, False], "cannot be "),
        (["StatesOfDag", "gone", [1], ["a"], None, True], "gone does not exist"),
        (["StatesOfDag"], "cannot be asked that"),
        (packed(FinishedTasks()), "Variables and connections alone"),
        (["Nothing"], "cannot be asked that"),
        ([], "cannot be asked that"),
    ],
)
def test_what_makes_no_sense_is_an_error_of_who_asked_alone(ask, question, said):
    first, told, last = ask(states("d", [1]), question, states("d", [2]))[0]
    assert (first, last) == (rows([1]), rows([2]))
    assert told == said or said in told


def test_each_write_is_committed_when_its_answer_is_told(store, config, ask):
    """What is answered is asked no more, whatever fails after it."""
    sets = [Ask(at, packed(SetVariable(f"v{at}", "x"))) for at in range(2)]
    with counted_commits(store) as commits:
        for told, _ in enumerate(answering.answers(store, config, sets), 1):
            assert len(commits) == told
            with store.read() as connection:
                assert variables.get(connection, Cipher(config), f"v{told - 1}") is not None

    assert ask(packed(GetVariable("v0")), packed(GetVariable("v1")))[0] == ["x", "x"]
