"""Serving the logs of this machine to others, at no cost while nobody asks for any.

`LogService` only listens. The log server is a process of its own, started when the first one
connects, and it ends when nobody has asked for a while.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.config import child_environment
from airflow_lite.errors import ConfigError
from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.children import Child, End
from airflow_lite.processes.programs import Program

if TYPE_CHECKING:
    from airflow_lite.config import Config

logger = logging.getLogger(__name__)

#: What the extra `server` brings.
_NEEDS = ("starlette", "uvicorn")
#: Seconds without a request after which the server ends.
IDLE_S = 60.0
#: Seconds until a port that is taken is tried again; the one who has it may end.
_RETRY_S = 5.0
#: Seconds until a server that failed is started again, doubled up to the longest.
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 60.0
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))
_BACKLOG = 64


class LogService:
    """Listens on `[logging] worker_log_server_host` and `worker_log_server_port`.

    `poll` is to be called when `fileno()` is readable, and now and then; nothing here blocks.
    Whatever keeps logs from being served is logged once, and harms nothing else.
    """

    def __init__(self, config: Config, *, idle_s: float = IDLE_S) -> None:
        self._config = config
        self._idle_s = idle_s
        self._where = _where(config)
        self._selector = selectors.DefaultSelector()  # so that what is waited for may change
        self._listener: socket.socket | None = None
        self._server: Child | None = None
        self._lifeline: socket.socket | None = None
        self._backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
        self._again_at = 0.0
        self._is_told = False
        self.is_possible = not _missing()

    def fileno(self) -> int:
        """Return the descriptor that is readable when `poll` has something to do."""
        return self._selector.fileno()

    @property
    def port(self) -> int | None:
        """The port that it listens on; None if it does not."""
        return None if self._listener is None else int(self._listener.getsockname()[1])

    @property
    def server_pid(self) -> int | None:
        """The process that serves; None while nobody asks."""
        return None if self._server is None else self._server.pid

    def start(self) -> None:
        """Listen, or log why not; a port that is taken is tried again later by `poll`."""
        if not self.is_possible:
            # On this machine alone nobody else could ask: not worth a line to everyone.
            level = logging.DEBUG if self._where[0] in _LOOPBACK else logging.INFO
            logger.log(
                level,
                "logs are not served to other machines: there is no %s"
                " (pip install 'airflow-lite[server]')",
                " and no ".join(_missing()),
            )
            return
        try:
            self._listener = self._listen()
        except OSError as error:
            self._again_at = time.monotonic() + _RETRY_S
            self.is_possible = not isinstance(error, socket.gaierror)  # asking again may take long
            self._tell_of(error)
            return
        self._selector.register(self._listener, selectors.EVENT_READ)
        host = self._where[0]
        logger.info(
            "logs are served at http://%s:%s", f"[{host}]" if ":" in host else host, self.port
        )

    def _listen(self) -> socket.socket:
        family, *_, address = socket.getaddrinfo(
            *self._where, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    def _tell_of(self, error: OSError) -> None:
        if self._is_told:
            return
        self._is_told = True
        logger.warning(
            "logs are not served at %s:%s: %s. If it is not another scheduler or worker that serves"
            " them there, change [logging] worker_log_server_host or worker_log_server_port",
            *self._where,
            error.strerror or error,
        )

    def poll(self) -> None:
        """Start the server if somebody has connected, see to its end; never raises, never waits."""
        if self._listener is None:
            if self.is_possible and time.monotonic() >= self._again_at:
                self.start()
        elif self._server is not None:
            if (end := self._server.poll()) is not None:
                self._bury(end)
        elif time.monotonic() >= self._again_at:
            self._watch(self._listener)
            if self._selector.select(0):
                self._spawn(self._listener)

    def _watch(self, wanted: socket.socket | None) -> None:
        """Let `fileno()` be readable when `wanted` is, and for nothing else."""
        for key in list(self._selector.get_map().values()):
            if key.fileobj is wanted:
                return
            self._selector.unregister(key.fileobj)
        if wanted is not None:
            self._selector.register(wanted, selectors.EVENT_READ)

    def _spawn(self, listener: socket.socket) -> None:
        try:
            self._lifeline, theirs = socket.socketpair()
            with theirs:
                self._server = self._started(listener.fileno(), theirs.fileno())
        except OSError as error:
            self._cut()
            self._wait_after(f"cannot be started: {error.strerror or error}")
            return
        self._watch(self._lifeline)  # readable when the server is gone

    def _started(self, listener: int, lifeline: int) -> Child:
        return Child.start(
            Program.LOG_SERVER.command(str(listener), str(self._idle_s)),
            environ=child_environment(self._config),
            stdin=lifeline,  # at its end when we are gone, however that comes
            pass_fds=[listener],
        )

    def _bury(self, end: End) -> None:
        self._watch(self._listener)
        self._server = None
        self._cut()
        if end.code:
            self._wait_after(f"ended {end}")
        else:
            self._backoff.succeed()

    def _wait_after(self, what: str) -> None:
        self._watch(None)
        now = time.monotonic()
        delay_s = self._backoff.fail(now)
        logger.warning("the log server %s; not started again for %g s", what, delay_s)
        self._again_at = now + delay_s

    def _cut(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None

    def close(self) -> None:
        """Stop listening, and the server with it, at once."""
        self._selector.close()
        self._cut()
        if self._server is not None:
            self._server.kill()
        if self._listener is not None:
            self._listener.close()


def _where(config: Config) -> tuple[str, int]:
    host = config.get("logging", "worker_log_server_host").strip()
    port = config.getint("logging", "worker_log_server_port")
    if not host:
        raise ConfigError(
            "[logging] worker_log_server_host is empty. Make it 127.0.0.1 for this machine alone,"
            " or the address that other machines reach."
        )
    return host, port


def _missing() -> list[str]:
    from importlib.util import find_spec

    with suppress(ImportError, ValueError):
        return [name for name in _NEEDS if find_spec(name) is None]
    return list(_NEEDS)
