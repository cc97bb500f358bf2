"""A log folder that is served, and those who ask."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

import pytest

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.serving import serve_logs
from airflow_lite.logs.serving.service import LogService
from airflow_lite.logs.serving.token import sign, signing_key
from airflow_lite.worker.task_log.paths import log_path, open_for_writing
from fixtures.waits import DEADLINE_S

KEY = TaskInstanceKey("d", "t", "manual__2024-01-01T00:00:00+00:00")


class Served:
    """A home whose logs are served on a free port."""

    def __init__(self, config, idle_s):
        self.config = config
        self.folder = config.home / "logs"
        self.service = LogService(config, idle_s=idle_s)
        self.path = str(log_path(self.folder, KEY).relative_to(self.folder))

    @property
    def port(self):
        return self.service.port

    def write(self, data, key=KEY):
        with open(open_for_writing(self.folder, key), "wb") as file:
            file.write(data)

    def token(self, path=None, valid_s=30):
        return sign(signing_key(self.config), self.path if path is None else path, valid_s)

    def ask(self, token, path=None, **headers):
        """Ask for a path as it is; return the status, the headers and the whole body."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        path = self.path if path is None else path
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", f"/log/{path}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@contextmanager
def polled(service):
    """Have a service looked after by a thread."""
    reader, writer = os.pipe()
    thread = threading.Thread(target=serve_logs._serve, args=(service, reader))
    service.start()
    thread.start()
    try:
        yield
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)
        service.close()


@contextmanager
def serve(home, idle_s=60.0, secret="", **options):
    """Serve the logs of a home; options are those of `[logging]`."""
    environ = {"AIRFLOW_LITE_HOME": str(home), "PATH": os.environ["PATH"]}
    environ["AIRFLOW_LITE__WEBSERVER__SECRET_KEY"] = secret
    for name, value in {"worker_log_server_port": "0", **options}.items():
        environ[f"AIRFLOW_LITE__LOGGING__{name.upper()}"] = value
    served = Served(Config.load(environ), idle_s)
    served.write(b"one\ntw\xff\nthree")
    with polled(served.service):
        yield served


@pytest.fixture
def make_served(tmp_path):
    """Serve the logs of a home of its own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve(tmp_path / "home", **options))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A home whose logs are served, for all tests of a module, with one log in it."""
    with serve(tmp_path_factory.mktemp("served")) as one:
        yield one
