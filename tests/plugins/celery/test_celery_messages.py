"""What a worker runs: messages that a scheduler of its home has signed, and nothing else."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import kombu
import pytest

from airflow_lite.executors import RunCommand, TaskInstanceKey
from airflow_lite_celery_executor.messages import (
    MOST_BYTES,
    TASK,
    Beat,
    Hint,
    RefusedMessage,
    RunMessage,
    _signed,
    fingerprint,
    read_hint,
    read_run_message,
)

KEY, OTHER = b"k" * 32, b"x" * 32
TOKEN = "0123456789abcdef" * 2
COMMAND = RunCommand(TaskInstanceKey("dag", "task", "run", 1, -1, TOKEN)).words()
MESSAGE = RunMessage(COMMAND)
SECRET = "its signature is not of this home's key"


def read(body, headers=None, content_type="application/json", encoding="utf-8"):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return read_run_message(text, headers or MESSAGE.headers(), content_type, encoding, KEY)


def changed(**fields):
    """Return the body of a message with fields that nobody signed."""
    body = json.loads(json.dumps(MESSAGE.body(KEY)))
    body[0][0].update(fields)
    return body


def test_what_is_signed_comes_out_as_it_went_in():
    assert read(MESSAGE.body(KEY)) == MESSAGE
    assert MESSAGE.token == TOKEN


NUMBER: Any = 5


def with_headers(**headers):
    return {**MESSAGE.headers(), **headers}


@pytest.mark.parametrize(
    ("body", "options", "reason"),
    [
        (b"\x80\x04N.", {"content_type": "application/x-python-serialize"}, "not JSON"),
        (MESSAGE.body(KEY), {"content_type": None}, "it is None, not JSON"),
        (MESSAGE.body(KEY), {"encoding": "utf-16"}, "its encoding is 'utf-16'"),
        (MESSAGE.body(KEY), {"headers": {"task": "os.system"}}, "it asks for the task 'os.system'"),
        (MESSAGE.body(KEY), {"headers": {"id": TOKEN}}, "it asks for the task None"),
        (MESSAGE.body(KEY), {"headers": ["odd"]}, "it asks for the task None"),
        (MESSAGE.body(KEY), {"headers": with_headers(id="f" * 32)}, "its id is not the attempt's"),
        (MESSAGE.body(OTHER), {}, SECRET),
        (changed(command=[*COMMAND[:4], "other", *COMMAND[5:]]), {}, SECRET),
        (changed(signature=""), {}, SECRET),
        (changed(signature=None), {}, SECRET),
        (changed(more=1), {}, "its fields are others"),
        ("{", {}, "its body is not JSON"),
        ("[" * 100_000, {}, "more than"),
        ("[" * 60_000, {}, "its body is not JSON"),
        (" " * (MOST_BYTES + 1), {}, f"it has {MOST_BYTES + 1} bytes, more than {MOST_BYTES}"),
        ({"task": TASK}, {}, "its body has another form"),
        ([[], {}, {}], {}, "its body has another form"),
        ([[1, 2], {}, MESSAGE.body(KEY)[2]], {}, "its body has another form"),
        ([["text"], {}, MESSAGE.body(KEY)[2]], {}, "its fields are others"),
        ([*MESSAGE.body(KEY)[:2], {"chain": [{"task": "other"}]}], {}, "its body has another"),
        (RunMessage(["sh", "-c", "true"]).body(KEY), {}, "its command is not allowed"),
        (RunMessage([*COMMAND[:3], "../up", *COMMAND[4:]]).body(KEY), {}, "is not allowed"),
        (RunMessage([*COMMAND, "--cfg-path", "/x"]).body(KEY), {}, "its command is not allowed"),
        (RunMessage([*COMMAND[:4], NUMBER]).body(KEY), {}, "its command is no list of words"),
    ],
)
def test_anything_else_is_refused_with_its_reason(body, options, reason):
    with pytest.raises(RefusedMessage) as caught:
        read(body, **options)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("beat", [None, Beat([TOKEN], ["default"], 4, "why"), Beat([], [], 0)])
def test_hints_are_signed_too(beat):
    hint = Hint("celery@one", [TOKEN], [], [], beat)
    assert read_hint(json.loads(json.dumps(hint.body(KEY))), KEY) == hint
    payloads: list[Any] = [hint.body(OTHER), {**hint.body(KEY), "ended": [TOKEN]}, [], None]
    for payload in payloads:
        with pytest.raises(RefusedMessage):
            read_hint(payload, KEY)


@pytest.mark.parametrize(
    "beat", [[], [[], [], "4", None], [[5], [], 4, None], [[], "q", 4, None], [[], [], 4, 5], {}]
)
def test_a_hint_of_another_form_is_refused(beat):
    fields = {**Hint("one", [], [], [])._asdict(), "beat": beat}
    with pytest.raises(RefusedMessage, match="^its fields have other types$"):
        read_hint(_signed(fields, KEY), KEY)


def test_a_fingerprint_tells_keys_apart_and_no_key():
    assert fingerprint(KEY) == fingerprint(KEY) != fingerprint(OTHER)
    assert "k" * 4 not in fingerprint(KEY)


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


CHAIN = """
from datetime import datetime
from airflow_lite import DAG, BashOperator
with DAG("after", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="one", bash_command="true")
"""


def attacks(canary, command):
    """Yield the content type, headers and body of messages that must not run."""
    forged = RunMessage(command)
    bomb = pickle.dumps(Canary(canary))
    headers = forged.headers()
    body = json.dumps(forged.body(OTHER))
    yield "application/x-python-serialize", headers, bomb
    yield "application/x-python-serialize", {}, bomb
    yield "application/data", headers, bomb
    yield "application/json", headers, body
    yield "application/json", {**headers, "task": "celery.backend_cleanup"}, body
    yield "application/json", {**headers, "task": "os.system"}, json.dumps([["touch"], {}, {}])
    yield "application/json", {}, json.dumps({"task": TASK, "id": "1", "args": [], "kwargs": {}})
    yield "application/json", {**headers, "eta": "2024-01-01T00:00:00"}, "no JSON"
    yield "application/json", {**headers, "compression": "application/x-gzip"}, "not packed"
    yield "text/plain", headers, "é" * 300_000


def test_a_poisoned_broker_runs_nothing_and_the_worker_goes_on(
    home, workers, broker, wait_until, tmp_path
):
    home.dag("after", CHAIN)
    home.run("db", "migrate")
    workers.start("one", "-c", "2")
    canary = tmp_path / "canary"
    sent = list(attacks(canary, COMMAND))
    with broker.connect() as connection, connection.Producer() as producer:
        for content_type, headers, body in sent:
            producer.publish(
                body,
                routing_key=broker.name,
                declare=[broker.queue()],
                headers=dict(headers),
                content_type=content_type,
                content_encoding="utf-8",
                exchange=kombu.Exchange(""),
            )
    broker.put_garbage(b"no JSON at all", b"[]", b"{}", b'{"body": 5}')
    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "after", "-r", "r", "--wait", "--timeout", "60")
    log = workers.output()
    assert log.count("refused a message from queue") == len(sent), log
    assert "Traceback" not in log
    assert not canary.exists()

    def refused():
        rows = {row["state"]: row for row in home.json("celery", "status")}
        row = rows["refused messages"]
        return row["queue"] if row["waiting"] == len(sent) else None

    queue = wait_until(refused, "the refused messages to be counted")
    (row,) = wait_until(lambda: home.json("celery", "list-workers"), "the worker to answer")
    assert row["refused"] == len(sent)
    broker.clean(queue)


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_flood_and_a_huge_message_run_nothing_and_tasks_behind_them_run(
    kind, home, own_broker, wait_until
):
    workers = own_broker(kind)
    broker = workers.broker
    home.dag("after", CHAIN)
    home.run("db", "migrate")
    with broker.connect() as connection, connection.Producer() as producer, producer.batch():
        where = {"routing_key": broker.name, "exchange": kombu.Exchange("")}
        broker.queue()(connection.default_channel).declare()
        for number in range(10_000):
            producer.publish([[], {}, {}], headers={"task": "evil", "id": str(number)}, **where)
        # Last: RabbitMQ may stop what publishes for as long as the huge one is in its memory.
        producer.publish(b"x" * 100_000_000, content_encoding="binary", **where)
    worker = workers.start("one", "-c", "1")
    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "after", "-r", "r", "--wait", "--timeout", "120")

    def refused():
        return worker.log.read_text().count("refused a message from queue")

    wait_until(lambda: refused() == 10_001, "the rest to be refused")
    assert "Traceback" not in worker.log.read_text()
