"""Whoever opens connections and asks nothing on them keeps nobody out."""

from __future__ import annotations

import http.client
import socket
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from airflow_lite_web import connections, server
from fixtures.waits import DEADLINE_S
from plugins.web.serving import served

HALF = b"GET /health HTTP/1.1\r\nHost: x\r\nX-More: "


@contextmanager
def half_requests(address, count):
    """Have so many connections that sent half a request."""
    with ExitStack() as stack:
        yield [stack.enter_context(half_request(address)) for _ in range(count)]


def half_request(address):
    place = urlsplit(address)
    connection = socket.create_connection((place.hostname, place.port), DEADLINE_S)
    connection.sendall(HALF)
    return connection


def is_closed(connection):
    """Wait for the other end to close it, or for what that says."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:  # something that it was sent was not read any more
        return True


def ask(address):
    client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=DEADLINE_S)
    try:
        client.request("GET", "/health")
        return client.getresponse().status
    finally:
        client.close()


def test_more_unfinished_requests_than_are_answered_at_once_keep_nobody_out(web, monkeypatch):
    monkeypatch.setattr(server, "_MOST_REQUESTS", 10)
    with served(web) as address, half_requests(address, 50) as slow:
        statuses = [ask(address) for _ in range(3)]
        slow[0].sendall(b"1\r\n\r\n")
        answer = slow[0].recv(12)

    assert statuses == [200, 200, 200]
    assert answer == b"HTTP/1.1 200"


def test_of_more_than_may_wait_those_that_waited_longest_are_closed(web, monkeypatch):
    monkeypatch.setattr(connections, "MOST_WAITING", 5)
    with served(web) as address, half_requests(address, 8) as slow:
        closed = [is_closed(connection) for connection in slow[:3]]
        slow[3].sendall(b"1\r\n\r\n")
        answer = slow[3].recv(12)

    assert closed == [True] * 3
    assert answer == b"HTTP/1.1 200"


@pytest.mark.parametrize("begin", [b"", HALF])
def test_a_connection_without_a_whole_request_is_closed_in_time(web, monkeypatch, begin):
    monkeypatch.setattr(connections, "WAIT_S", 0.05)
    with served(web) as address:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), DEADLINE_S) as slow:
            slow.sendall(begin)
            assert is_closed(slow)


def test_a_connection_is_used_again_and_those_that_wait_are_closed_with_the_server(web):
    with ExitStack() as stack:
        with served(web) as address:
            slow = stack.enter_context(half_request(address))
            client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=DEADLINE_S)
            ports = set()
            for _ in range(3):
                client.request("GET", "/health")
                client.getresponse().read()
                ports.add(client.sock.getsockname()[1])
        stack.callback(client.close)
        assert len(ports) == 1
        assert is_closed(slow)


def test_a_stranger_is_refused_before_the_body_has_come(web):
    begin = b"POST /api/v1/pools HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with served(web) as address:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), DEADLINE_S) as stranger:
            stranger.sendall(begin)
            answer = stranger.recv(12)

    assert answer == b"HTTP/1.1 401"
