"""The listening end of the doorbell on PostgreSQL: a connection, on a thread that waits for it."""

from __future__ import annotations

import json
import logging
import os
import select
import threading
import time
from collections import deque
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import StoreError
from airflow_lite.processes.backoff import Backoff
from airflow_lite.store.doorbell import CHANNEL
from airflow_lite.store.engine import known_url
from airflow_lite.store.postgres import arguments_of, is_pooled

if TYPE_CHECKING:
    import psycopg

    from airflow_lite.config import Config

logger = logging.getLogger(__name__)

_DIRECT = "sql_alchemy_conn_direct"
#: Seconds until a lost connection is made again; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 5.0
#: A failure that is the first in a row is often mended by the next try, and told by none.
_TOLD_FAILURE = 2
#: Seconds that `close` waits for a thread that may be connecting.
_CLOSE_S = 1.0


class Address(NamedTuple):
    """Where to listen, as libpq's parameters, and how often all is looked at where that fails."""

    parameters: dict[str, Any]
    is_direct: bool
    poll_s: float


class _CannotListen(Exception):
    """What keeps this process from hearing the doorbell, as long as it runs."""


def address_of(config: Config) -> Address:
    """Return where to listen: at the direct address if there is one; raise `StoreError`."""
    is_direct = bool(config.get("database", _DIRECT))
    url = known_url(config, _DIRECT if is_direct else "sql_alchemy_conn")
    if url.get_backend_name() == "sqlite":
        raise StoreError(f"[database] {_DIRECT} is for PostgreSQL alone. Remove it.")
    parameters = url.get_dialect()().create_connect_args(url)[1]
    return Address(
        {**arguments_of(url.query, "scheduler"), **parameters},
        is_direct,
        config.getfloat("scheduler", "fallback_poll_s"),
    )


class Listener:
    """Hears what others notify; after a loss it listens anew, and `{}` stands for what it missed.

    All that may block is done on a thread of its own, which takes no processor's time while nobody
    rings.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._messages: deque[dict[str, Any]] = deque()
        self._has_warned = False  # of a pooler
        self._news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._end = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return the descriptor that is readable when someone rang."""
        return self._news

    def messages(self) -> list[dict[str, Any]]:
        """Return what was rung since the last call; `{}` stands for anything."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._news)
        messages = []
        while self._messages:
            messages.append(self._messages.popleft())
        return messages

    def close(self) -> None:
        """Stop listening."""
        os.eventfd_write(self._end, 1)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():  # else it still reads these, and ends with the process
            os.close(self._news)
            os.close(self._end)

    def _run(self) -> None:
        try:
            self._listen_on()
        except _CannotListen as error:
            logger.warning(
                "%s: changes that commands make are seen after up to %g s.",
                error,
                self._address.poll_s,
            )

    def _listen_on(self) -> None:
        """Listen until told to end, over as many connections as it takes."""
        try:
            import psycopg
        except ModuleNotFoundError:
            raise _CannotListen(
                "Notifications of PostgreSQL need pip install 'airflow-lite[postgres]'"
            ) from None
        outage = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S)
        delay_s = 0.0
        while not self._is_over(delay_s):
            try:
                with closing(self._connect()) as connection:
                    self._tell_return(outage)
                    outage.succeed()
                    self._put({})
                    self._hear(connection)
            except psycopg.Error as error:
                delay_s = outage.fail(time.monotonic())
                self._tell_outage(outage, error)

    def _connect(self) -> psycopg.Connection[Any]:
        """Return a connection that listens; raise `_CannotListen` where it would hear nothing."""
        import psycopg

        connection = psycopg.connect(**self._address.parameters, autocommit=True)
        try:
            self._check_pooler(connection)
            connection.execute(f"LISTEN {CHANNEL}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_pooler(self, connection: psycopg.Connection[Any]) -> None:
        """Raise `_CannotListen` if a pooler is in front of the server and nobody vouches for it."""
        if is_pooled(connection):
            if not self._address.is_direct:
                raise _CannotListen(
                    "A connection pooler such as PgBouncer is in front of PostgreSQL, and no"
                    f" notification comes through it. Set [database] {_DIRECT} to the server's"
                    " own address; until then"
                )
            self._warn_of_pooler()

    def _warn_of_pooler(self) -> None:
        if not self._has_warned:
            logger.warning(
                "[database] %s leads to a connection pooler: it must pool sessions,"
                " or no notification comes through it.",
                _DIRECT,
            )
        self._has_warned = True

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        """Take what is notified until told to end; raise `psycopg.Error` at a loss."""
        line = connection.pgconn
        waiting = select.poll()
        for descriptor in (line.socket, self._end):
            waiting.register(descriptor, select.POLLIN)
        while not self._is_over():
            waiting.poll()
            line.consume_input()
            while (notified := line.notifies()) is not None:
                self._put(_message(notified.extra))

    def _put(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        os.eventfd_write(self._news, 1)

    def _is_over(self, within_s: float = 0.0) -> bool:
        """Wait for so long whether we are told to end."""
        return bool(select.select([self._end], [], [], within_s)[0])

    def _tell_outage(self, outage: Backoff, error: Exception) -> None:
        if outage.failures == _TOLD_FAILURE:
            logger.warning(
                "the database cannot be listened to: %s; it is tried again until it can",
                str(error).strip().partition("\n")[0],
            )

    def _tell_return(self, outage: Backoff) -> None:
        if outage.failures >= _TOLD_FAILURE:
            logger.info("the database can be listened to again")


def _message(text: bytes) -> dict[str, Any]:
    """Return what was rung; an unreadable ring is `{}`."""
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    return message if isinstance(message, dict) else {}
