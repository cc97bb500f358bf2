"""The doorbell: whoever changes the store wakes those who schedule.

SQLite serves one machine: a datagram goes to the socket in the home, once the transaction is over.
PostgreSQL serves several: the server notifies all who listen as the transaction commits.
A ring is a hint and may get lost: whoever waits looks by itself now and then, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from airflow_lite.processes import doorbell as socket_bell

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.store.connection import Connection
    from airflow_lite.store.engine import Store

#: Whom PostgreSQL notifies.
CHANNEL = "airflow_lite"
#: PostgreSQL's longest message has one byte less.
_MOST_BYTES = 8_000
_NOTIFY = "SELECT pg_notify(%s, %s)"
#: Where a connection to SQLite keeps what is to be rung.
_RINGS = "airflow_lite_rings"


class Bell(Protocol):
    """The listening end, held by whoever schedules. No method blocks."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when someone rang."""

    def messages(self) -> list[dict[str, Any]]:
        """Return what was rung since the last call; `{}` stands for anything."""

    def close(self) -> None:
        """Stop listening."""


def ring(connection: Connection, **message: Any) -> None:
    """Wake those who schedule, once this transaction has committed.

    `message` says what to look at: `instances=[row id, …]`, `runs=[row id, …]`; none: all over.
    """
    if connection.dialect.name == "sqlite":
        connection.info.setdefault(_RINGS, []).append(message)
        return
    text = json.dumps(message)
    text = text if len(text) < _MOST_BYTES else "{}"
    connection.exec_driver_sql(_NOTIFY, (CHANNEL, text))


def send_rings(config: Config, kept: dict[Any, Any]) -> None:
    """Send what was rung in a transaction of SQLite that is over, and kept with its connection."""
    for message in kept.pop(_RINGS, ()):
        socket_bell.ring(config.home, **message)


def check(config: Config, store: Store) -> None:
    """Raise `StoreError` where a setting is wrong by which `hang` would listen."""
    if not store.is_sqlite:
        from airflow_lite.store.listener import address_of

        address_of(config)


def hang(config: Config, store: Store) -> Bell:
    """Listen to the doorbell from now on; raise `StoreError` as `check` does."""
    if store.is_sqlite:
        return socket_bell.Doorbell(config.home)
    from airflow_lite.store.listener import Listener, address_of

    return Listener(address_of(config))
