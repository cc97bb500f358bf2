"""`airflow-lite tasks run` of a queued attempt while the server of its database is out of reach."""

from __future__ import annotations

import signal
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

from fixtures.commit_proxy import CommitProxy
from fixtures.databases import SETTING
from fixtures.hosted import TASK_DECORATOR

DAG_FILE = (
    "import os\nfrom datetime import datetime\nfrom airflow_lite import DAG, PythonOperator\n"
    + TASK_DECORATOR
    + """
@task()
def quiet():
    note("ran", "quiet")
"""
)


class Away:
    """A port of this machine at which nobody listens, until the server can be had there."""

    def __init__(self, url):
        self._url = url
        self._taken = socket.socket()
        self._taken.bind(("127.0.0.1", 0))
        self._port = self._taken.getsockname()[1]
        place = urlsplit(url)
        self.url = url.replace(f"@{place.hostname}:{place.port}/", f"@127.0.0.1:{self._port}/")
        self._proxy = None

    def come_back(self):
        self._taken.close()
        self._proxy = CommitProxy(self._url, self._port)

    def close(self):
        self._taken.close()
        if self._proxy is not None:
            self._proxy.close()


@pytest.fixture
def url(made_postgres):
    return made_postgres()


@pytest.fixture
def away(url):
    server = Away(url)
    yield server
    server.close()


@pytest.fixture
def hosted(make_hosted, url):
    return make_hosted(DAG_FILE, **{SETTING: url})


def begin(hosted, url):
    """Queue the attempt, and run it by the command, whose database is at this URL."""
    token = hosted.queue("quiet")
    hosted.home.environ[SETTING] = url
    words = ("hosted", "quiet", "run", "--try-number", "1", "--attempt", token)
    return hosted.home.start("tasks", "run", *words, stderr=subprocess.PIPE)


def test_an_attempt_waits_for_a_server_that_is_out_of_reach(hosted, away):
    with begin(hosted, away.url) as command:
        told = command.stderr.readline()
        away.come_back()
        _, rest = command.communicate(timeout=60)

    assert "Connection refused" in told
    assert told.endswith("Trying again for 60 s.\n")
    assert (command.returncode, rest) == (0, "")
    assert hosted.row("quiet").state == "success"


def test_a_signal_ends_the_wait(hosted, away):
    with begin(hosted, away.url) as command:
        command.stderr.readline()
        command.send_signal(signal.SIGTERM)
        command.communicate(timeout=60)

    assert command.returncode == 1
    assert hosted.row("quiet").state == "queued"


@pytest.mark.parametrize(
    ("part", "wrong", "reason"),
    [
        ("username", "nobody", "authentication failed"),
        ("path", "/nothing", 'database "nothing" does not exist'),
    ],
)
def test_a_refusal_that_lasts_is_not_waited_for(hosted, url, part, wrong, reason):
    with begin(hosted, url.replace(getattr(urlsplit(url), part), wrong)) as command:
        _, told = command.communicate(timeout=60)

    assert command.returncode == 1
    assert "Trying again" not in told
    assert reason in told
