"""A proxy on loopback that can be cut and stalled, for engines that are reached by TCP."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from typing import Any

LOOPBACK = "127.0.0.1"
#: Linux gives away ports from 32768 on where none is asked for, others from 49152 on.
_PORTS = range(10_000, 32_768)


class Proxy:
    """Forwards a port of loopback to another, until it is cut or stalled."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self.open()

    def open(self) -> None:
        """Listen, and let flow what was held back."""
        self._flows.set()
        if self._listener is not None:
            return
        listener = socket.create_server((LOOPBACK, self.port))
        self._listener = listener
        self._start(self._accept, listener)

    def stall(self) -> None:
        """Accept connections and what comes by them, and pass nothing on."""
        self._flows.clear()

    def cut(self) -> None:
        """Listen no more, and break every connection."""
        self._flows.set()
        with self._lock:
            listener, self._listener = self._listener, None
            ends, self._ends = self._ends, []
        _break(*ends, *([listener] if listener is not None else []))

    close = cut

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                ours, _ = listener.accept()
            except OSError:
                return
            try:
                theirs = socket.create_connection((LOOPBACK, self._target))
            except OSError:
                _break(ours)
                continue
            with self._lock:
                is_cut = self._listener is not listener
                if not is_cut:
                    self._ends += [ours, theirs]
            if is_cut:
                _break(ours, theirs)
                return
            self._start(self._carry, ours, theirs)
            self._start(self._carry, theirs, ours)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                target.sendall(data)
        _break(source, target)
        with self._lock:
            self._ends = [end for end in self._ends if end not in {source, target}]

    def _start(self, function: Any, *arguments: Any) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()


def _break(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def free_port() -> int:
    """Return a free port of loopback of those that no kernel gives away by itself.

    So nothing else takes it between now and the start of what is to listen there.
    """
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
