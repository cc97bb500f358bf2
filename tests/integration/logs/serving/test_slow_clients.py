"""Nobody holds a connection to the log server by keeping it waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import pytest

from airflow_lite.logs.serving import slow_clients
from airflow_lite.logs.serving.server import _server, make_app
from airflow_lite.logs.serving.token import sign
from fixtures.waits import DEADLINE_S

KEY = b"k" * 64
PATH = "dag_id=d/run_id=r/task_id=t/attempt=1.log"


@pytest.fixture
def running(tmp_path, monkeypatch, wait_until):
    """A server in a thread, with a log far larger than what sockets buffer."""
    monkeypatch.setattr(slow_clients, "WAIT_S", 2.0)
    log = tmp_path / PATH
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        file.truncate(1 << 28)
    listener = socket.create_server(("127.0.0.1", 0))
    crowd = slow_clients.Crowd()
    server = _server(make_app(tmp_path, KEY), crowd)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    wait_until(lambda: server.started, "the server to start")
    yield SimpleNamespace(
        address=listener.getsockname(), connections=server.server_state.connections, crowd=crowd
    )
    server.should_exit = server.force_exit = True
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def request():
    token = sign(KEY, PATH, 600)
    return f"GET /log/{PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def read_to_its_end(client):
    """Return how many bytes come until the connection is closed or cut."""
    count = 0
    with suppress(ConnectionResetError):
        while data := client.recv(1 << 20):
            count += len(data)
    return count


def test_a_client_that_stops_reading_is_cut(running, wait_until):
    with socket.create_connection(running.address, DEADLINE_S) as client:
        client.sendall(request())
        assert client.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: not running.connections, "the connection to be cut")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /log/x HTT", request()[:-2]],
    ids=["nothing", "half a line", "no end"],
)
def test_a_request_that_does_not_come_is_not_waited_for(running, sent):
    with socket.create_connection(running.address, DEADLINE_S) as client:
        client.sendall(sent)
        assert read_to_its_end(client) == 0


def test_a_client_that_reads_gets_all_of_it(running):
    with socket.create_connection(running.address, DEADLINE_S) as client:
        client.sendall(request().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert read_to_its_end(client) > 1 << 28


def test_a_crowd_that_asks_for_nothing_keeps_nobody_out_and_is_told_of_once(
    running, wait_until, monkeypatch, capsys
):
    monkeypatch.setattr(slow_clients, "_TELL_S", 3600.0)
    part = b"\r\nRange: bytes=0-9\r\nConnection: close\r\n\r\n"
    with ExitStack() as open_connections:
        for number in range(300):
            client = socket.create_connection(running.address, DEADLINE_S)
            open_connections.enter_context(client)
            client.sendall(b"GET /log" if number % 2 else b"")
        with socket.create_connection(running.address, DEADLINE_S) as client:
            client.sendall(request().replace(b"\r\n\r\n", part))
            assert client.recv(12) == b"HTTP/1.1 206"
            assert read_to_its_end(client) > 10
        wait_until(lambda: not running.connections, "the crowd to be cut")
    running.crowd.tell()
    running.crowd.tell()

    assert capsys.readouterr().err == (
        "airflow-lite: the log server cut 300 connections that asked for nothing,"
        " or did not take their answer\n"
    )


def test_a_connection_that_has_its_answer_waits_with_the_others(running, monkeypatch):
    monkeypatch.setattr(slow_clients, "MOST_WAITING", 1)
    with socket.create_connection(running.address, DEADLINE_S) as first:
        first.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.recv(12) == b"HTTP/1.1 404"
        with socket.create_connection(running.address, DEADLINE_S) as second:
            read_to_its_end(first)  # or its own time to wait would have to pass
            second.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert second.recv(12) == b"HTTP/1.1 404"
