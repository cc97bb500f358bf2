"""What code that runs in-process may ask of the store, and what it leaves there."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from airflow_lite.store import queued
from airflow_lite.testing import FakeClock
from airflow_lite.worker.dag_questions import (
    DatasetEventPage,
    MappedCount,
    MappedPage,
    TriggeringEvents,
    TriggerRun,
)
from airflow_lite.worker.host.questions import Asker, answer
from airflow_lite.worker.in_process.store_access import DirectStoreClient, DryRunStoreClient
from airflow_lite.worker.messages import (
    FinishedTasks,
    FirstReschedule,
    GivenState,
    InstanceCount,
    PreviousRun,
    PullXComs,
    Question,
    StatesOfDag,
    TaskInstances,
)

OWN_XCOMS = PullXComs("hosted", "run", 1_700_000_000_000_000, "k", ["t"])
ASKED = [
    OWN_XCOMS,
    MappedCount(1, "t", "k"),
    MappedPage(1, "t", "k", 0, 10),
    PreviousRun("success"),
    FinishedTasks(),
    TaskInstances(1),
    FirstReschedule(1),
    InstanceCount(),
    StatesOfDag("d", [1]),
    TriggerRun("hosted", 1_700_000_000_000_000, 5, resets=True),
    DatasetEventPage("s3://a", None, 0, 10),
    DatasetEventPage(None, "alias", 0, 0),
    TriggeringEvents(),
    GivenState(),
]


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted("")
    hosted.token = hosted.queue("t")
    return hosted


@pytest.fixture
def row(hosted):
    key = hosted.command("t", hosted.token).key
    with hosted.store.read() as connection:
        return queued.find(connection, [key])[key.primary]


@pytest.fixture
def make_client(hosted, row):
    return lambda kind: kind(hosted.store, FakeClock(), row.run, (row.id, "t", -1))


def test_every_question_is_asked_here():
    assert {type(question) for question in ASKED} == set(get_args(Question))


@pytest.mark.parametrize("question", ASKED, ids=lambda question: type(question).__name__)
def test_code_in_process_gets_the_answer_that_a_host_would_send(hosted, row, make_client, question):
    client = make_client(DirectStoreClient)
    client.push("k", "7")

    with hosted.store.read() as connection:
        of_host = answer(connection, Asker(row.id, row.run), question)

    assert client.ask(question) == of_host
    json.dumps(of_host)


def test_an_xcom_that_was_pushed_is_in_the_store(hosted, row, make_client):
    client = make_client(DirectStoreClient)
    client.push("k", "7")

    assert hosted.xcoms("t") == {"k": 7}
    assert client.pull(OWN_XCOMS) == [("t", -1, "k", "7", row.run.id)]


def test_a_dry_run_sees_what_it_pushed_before_what_is_stored_and_writes_nothing(
    hosted, row, make_client
):
    make_client(DirectStoreClient).push("k", "1")
    client = make_client(DryRunStoreClient)
    client.push("k", "2")
    client.rendered("{}")

    assert client.pull(OWN_XCOMS) == [("t", -1, "k", "2", row.run.id)]
    assert client.pull(OWN_XCOMS._replace(task_ids=["other"])) == []
    assert hosted.xcoms("t") == {"k": 1}


def test_a_dry_run_of_a_mapped_index_sees_what_it_pushed_alone(hosted, row):
    client = DryRunStoreClient(hosted.store, FakeClock(), row.run, (row.id, "t", 2))
    client.push("k", "2")

    assert client.pull(OWN_XCOMS._replace(is_single=True)) == [("t", 2, "k", "2", row.run.id)]
    assert client.mapped_count(MappedCount(row.run.id, "t", "k")) == 1
    assert client.mapped_page(MappedPage(row.run.id, "t", "k", 0, 9)) == (["2"], True)
    assert client.mapped_page(MappedPage(row.run.id, "t", "k", 1, 9)) == ([], True)
    assert client.mapped_count(MappedCount(row.run.id, "other", "k")) == 0


def test_nothing_stops_code_in_process_for_what_its_row_became(hosted, make_client):
    hosted.mark("t", "failed")

    assert make_client(DirectStoreClient).given_state() is None
