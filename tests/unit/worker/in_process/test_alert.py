"""An alert goes to each that is set, once; what does not take it is told and stops no other."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.secrets_masker import is_secret_option, secrets_masker
from airflow_lite.worker.in_process.alert import Alert, AlertSettings, send
from fixtures.smtp import Mailbox

ALERT = Alert("d", "manual__1", "2024-01-01T00:00:00+00:00", "<a> failed")
SENT = {
    "text": "Run manual__1 of DAG d failed: <a> failed",
    "state": "failed",
    "dag_id": "d",
    "run_id": "manual__1",
    "logical_date": "2024-01-01T00:00:00+00:00",
    "reason": "<a> failed",
}
#: What an address was sent: its kind and the JSON.
TAKEN: list[tuple[str, object]] = []


class _Chat(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        TAKEN.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(200 if self.path == "/hook" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def chat():
    TAKEN.clear()
    server = HTTPServer(("127.0.0.1", 0), _Chat)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def settings_of(**options):
    names = {f"AIRFLOW_LITE__ALERTS__ON_FAILURE_{name.upper()}": v for name, v in options.items()}
    return AlertSettings.read(Config.load({"AIRFLOW_LITE_HOME": "/nowhere", **names}))


def command(source, *arguments):
    return shlex.join([sys.executable, "-c", source, *arguments])


def test_an_address_gets_the_alert_as_json(chat):
    assert send(settings_of(url=f"{chat}/hook"), ALERT) == []
    assert TAKEN == [("application/json", SENT)]


def test_a_command_has_it_on_its_input_and_in_its_environment(tmp_path):
    source = "import os, sys; print(sys.stdin.read() + os.environ['ALERT_TEXT'], file=open(sys.argv[1], 'w'))"
    file = tmp_path / "alert"

    assert send(settings_of(command=command(source, str(file))), ALERT) == []
    line, text = file.read_text().splitlines()
    assert json.loads(line) == SENT
    assert text == SENT["text"]


def test_addresses_get_an_e_mail(monkeypatch):
    mailbox = Mailbox()
    try:
        for name, value in mailbox.options.items():
            monkeypatch.setenv(name, value)
        assert send(settings_of(email="me@example.com,you@example.com"), ALERT) == []
    finally:
        mailbox.close()
    (message,) = mailbox.messages
    assert (message["Subject"], message["To"]) == (
        "Airflow alert: DAG d failed",
        "me@example.com, you@example.com",
    )
    assert "&lt;a&gt; failed" in str(message)


def test_what_fails_is_told_and_stops_no_other(chat):
    told = send(settings_of(command=command("exit(3)"), url=f"{chat}/gone"), ALERT)

    assert told == [
        "[alerts] on_failure_command: it ended with exit code 3",
        "[alerts] on_failure_url: HTTPError: HTTP Error 404: Not Found",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": "echo 'a"}, "on_failure_command cannot be split into words: No closing"),
        ({"url": "chat.example/1"}, "on_failure_url is no address. Write one such as https://"),
        ({"url": "file:///etc/passwd"}, "on_failure_url is no address"),
        ({"url": "http://[x"}, "on_failure_url is no address"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_at_the_start(options, message):
    with pytest.raises(ConfigError, match=message):
        settings_of(**options)


def test_an_address_is_a_secret_and_nothing_is_sent_where_nothing_is_set():
    assert is_secret_option("on_failure_url", secrets_masker())
    assert not settings_of().is_on
