"""A task host's parts over socket pairs: the test is the base zygote, the zygotes, the children."""

from __future__ import annotations

import os
import socket

import pytest

from airflow_lite.config import Config
from airflow_lite.parsing.folder import fingerprint
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send
from airflow_lite.store.attempts import Supervisor
from airflow_lite.store.engine import open_store
from airflow_lite.testing import FakeClock
from airflow_lite.worker.host.state import HostState
from airflow_lite.worker.messages import TO_BASE, TO_ZYGOTE, FileParsed
from airflow_lite.worker.settings import HostSettings
from airflow_lite.worker.zygote.start import BaseZygote

WHO = Supervisor("s" * 32, "host", "here", "boot", 1, 1)


class FakeZygote:
    """The zygote's end of what a pool ordered."""

    def __init__(self, order, end):
        self.order = order
        self.channel = Channel(end)

    def parse(self, error=None, threads=(), descriptors=()):
        """Tell that the file is imported as it is now."""
        now = fingerprint(self.order.path)
        send(self.channel, FileParsed(error, now, list(threads), list(descriptors)))

    def send(self, message):
        send(self.channel, message)

    def heard(self):
        """Return what the host has sent; its descriptors are in `channel.fds`."""
        return receive(self.channel, TO_ZYGOTE)

    def fork(self):
        """Take the one attempt that the host hands over: its request, and its line's end."""
        (order,) = self.heard()
        line, output, log = (self.channel.fds.popleft() for _ in range(3))
        os.close(output)
        os.close(log)
        return order.request, socket.socket(fileno=line)

    @property
    def is_told_to_end(self):
        """Whether the host has closed its end."""
        self.channel.receive()
        return self.channel.is_closed

    def die(self):
        self.channel.close()


class FakeBase:
    """The base zygote's end: `new_zygotes` takes what was ordered since."""

    def __init__(self):
        ours, end = socket.socketpair()
        self.of_host = BaseZygote(ours, 0, 1024)
        self.channel = Channel(end)
        self._zygotes = []

    def new_zygotes(self):
        orders = receive(self.channel, TO_BASE)
        ends = [socket.socket(fileno=self.channel.fds.popleft()) for _ in orders]
        new = [FakeZygote(order, end) for order, end in zip(orders, ends, strict=True)]
        self._zygotes += new
        return new

    def send(self, message):
        send(self.channel, message)

    def close(self):
        self.channel.close()
        for zygote in self._zygotes:
            zygote.channel.close()


@pytest.fixture
def who():
    return WHO


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def base():
    base = FakeBase()
    yield base
    base.close()


@pytest.fixture
def state(tmp_path, clock):
    config = Config(tmp_path)
    store = open_store(config)
    yield HostState(HostSettings.read(config), store, WHO, clock)
    store.close()
