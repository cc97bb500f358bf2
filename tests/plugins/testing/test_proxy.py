"""The proxy that stands between an executor and its engine: what is cut is cut."""

from __future__ import annotations

import socket
import threading

import pytest

from airflow_lite_testing.proxy import LOOPBACK, Proxy
from fixtures.waits import DEADLINE_S


@pytest.fixture
def target():
    """A server that repeats what it hears."""

    def echo(connection):
        with connection:
            while data := connection.recv(1024):
                connection.sendall(data)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=[connection], daemon=True).start()

    listener = socket.create_server((LOOPBACK, 0))
    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy(target):
    proxy = Proxy(target)
    yield proxy
    proxy.close()


def connected(proxy):
    return socket.create_connection((LOOPBACK, proxy.port), DEADLINE_S)


def answer(connection):
    """Return what comes back for a word: nothing where the connection is broken."""
    try:
        connection.sendall(b"word")
        return connection.recv(1024)
    except OSError:
        return b""


def test_what_is_sent_comes_through(proxy):
    with connected(proxy) as connection:
        assert answer(connection) == b"word"


def test_a_cut_breaks_what_is_connected_and_lets_nothing_new_in(proxy):
    with connected(proxy) as connection:
        assert answer(connection) == b"word"
        proxy.cut()
        assert answer(connection) == b""
        with pytest.raises(OSError, match="refused"):
            connected(proxy)
    proxy.open()
    with connected(proxy) as connection:
        assert answer(connection) == b"word"


def test_a_cut_breaks_a_connection_that_is_just_being_accepted(proxy, monkeypatch):
    real = socket.create_connection

    def cut_then_connect(address, *arguments):
        if threading.current_thread() is not threading.main_thread():
            proxy.cut()
        return real(address, *arguments)

    monkeypatch.setattr(socket, "create_connection", cut_then_connect)
    with connected(proxy) as connection:
        assert answer(connection) == b""


def test_a_server_that_is_away_for_a_while_can_be_reached_again(proxy, monkeypatch):
    real = socket.create_connection
    is_away = threading.Event()

    def connect(address, *arguments):
        if is_away.is_set() and threading.current_thread() is not threading.main_thread():
            raise ConnectionRefusedError
        return real(address, *arguments)

    monkeypatch.setattr(socket, "create_connection", connect)
    is_away.set()
    with connected(proxy) as connection:
        assert answer(connection) == b""
    is_away.clear()
    with connected(proxy) as connection:
        assert answer(connection) == b"word"
