"""A task host's loop over a store with a run, and attempts that are queued by hand."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import send
from airflow_lite.worker.host.loop import HostLoop
from airflow_lite.worker.host.write_batch import WriteBatch
from airflow_lite.worker.messages import RunAttempts
from airflow_lite.worker.settings import HostSettings
from fixtures.databases import SETTING
from fixtures.host_loop import MOST_XCOM_BYTES, Child


@pytest.fixture
def hosted(make_hosted, request):
    """A store with a run, in which attempts are queued by hand."""
    options = {"AIRFLOW_LITE__CORE__MAX_XCOM_SIZE": str(MOST_XCOM_BYTES)}
    if getattr(request, "param", None) == "postgresql":
        options[SETTING] = request.getfixturevalue("made_postgres")()
    return make_hosted("", **options)


@pytest.fixture
def ends():
    """What the host told of, as a list of (token, state)."""
    return []


@pytest.fixture
def loop(hosted, who, base, clock, ends, monkeypatch):
    """A host's loop that never waits: each turn does what there is to do."""
    monkeypatch.setattr(HostLoop, "_wait_s", lambda _: 0)
    settings = HostSettings.read(hosted.config)
    loop = HostLoop(
        settings, hosted.store, who, base.of_host, clock, on_end=lambda *end: ends.append(end)
    )
    loop.start()
    yield loop
    loop.end()


@pytest.fixture
def scheduler(loop):
    """The scheduler's end of its channel to the host."""
    ours, theirs = socket.socketpair()
    loop.serve(theirs)
    channel = Channel(ours)
    yield channel
    channel.close()


@pytest.fixture
def begin(hosted, base, loop, scheduler):
    """Queue an attempt of a task, and bring it to its child."""
    children: list[Any] = []

    def begin(task_id="t"):
        token = hosted.queue(task_id)
        send(scheduler, RunAttempts([hosted.command(task_id, token).words()]))
        loop.turn()
        zygotes = base.new_zygotes()
        for zygote in zygotes:
            zygote.parse()
        loop.turn()
        children.append(Child(zygotes[0] if zygotes else children[0].zygote))
        return children[-1]

    yield begin
    for child in children:
        child.line.close()


@pytest.fixture
def failing_commits(monkeypatch):
    """Let commits fail while the list has something."""
    failures: list[Any] = []
    commit = WriteBatch.commit

    def fail_or_commit(batch, *args, **options):
        if failures:
            cause = failures[0]
            is_error = isinstance(cause, Exception)
            raise OperationalError("INSERT", {}, cause if is_error else Exception("disk I/O error"))
        return commit(batch, *args, **options)

    monkeypatch.setattr(WriteBatch, "commit", fail_or_commit)
    return failures
