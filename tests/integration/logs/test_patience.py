"""Nobody holds a connection to the log server by keeping it waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest

from airflow_lite.logs import patience
from airflow_lite.logs.server import _server, make_app
from airflow_lite.logs.token import sign

KEY = b"k" * 64
PATH = "dag_id=d/run_id=r/task_id=t/attempt=1.log"


@pytest.fixture
def running(tmp_path, monkeypatch, wait_until):
    """A server in a thread, with a log far larger than what sockets buffer."""
    monkeypatch.setattr(patience, "WAIT_S", 0.5)
    log = tmp_path / PATH
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        file.truncate(1 << 28)
    listener = socket.create_server(("127.0.0.1", 0))
    server = _server(make_app(tmp_path, KEY))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    wait_until(lambda: server.started, "the server to start")
    yield SimpleNamespace(
        address=listener.getsockname(), connections=server.server_state.connections
    )
    server.should_exit = server.force_exit = True
    thread.join(60)
    assert not thread.is_alive()


def request():
    token = sign(KEY, PATH, 600)
    return f"GET /log/{PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def test_a_client_that_stops_reading_is_cut(running, wait_until):
    with socket.create_connection(running.address) as client:
        client.sendall(request())
        assert client.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: not running.connections, "the connection to be cut")


@pytest.mark.parametrize("sent", [b"", b"GET /log/x HTT", request()[:-2]])
def test_a_request_that_does_not_come_is_not_waited_for(running, wait_until, sent):
    with socket.create_connection(running.address) as client:
        client.sendall(sent)
        wait_until(lambda: running.connections, "the connection to be taken")
        wait_until(lambda: not running.connections, "the connection to be cut")


def test_a_client_that_reads_gets_all_of_it(running):
    with socket.create_connection(running.address) as client:
        client.sendall(request())
        left = 1 << 28
        while left > 0 and (data := client.recv(1 << 20)):
            left -= len(data)
        assert left <= 0
