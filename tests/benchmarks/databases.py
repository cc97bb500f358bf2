"""The databases that benchmarks take turns on: SQLite in a home, and new ones of a PostgreSQL server."""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

SETTING = "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"
NAMES = ("sqlite", "postgresql")


def add_option(parser: ArgumentParser, *default: str) -> None:
    """Let a benchmark be told which databases to measure."""
    parser.add_argument("--database", nargs="+", choices=NAMES, default=default or ("sqlite",))


def describe(names: list[str]) -> str:
    """Say what of a PostgreSQL server its speed depends on, after a comma; nothing for SQLite."""
    if "postgresql" not in names:
        return ""
    import psycopg

    with psycopg.connect(_server()) as connection:
        values = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit')"
        ).fetchone()
    assert values is not None
    return ", PostgreSQL {}, fsync {}, synchronous_commit {}".format(*values)


def _server() -> str:
    return os.environ.get("POSTGRES_URL") or sys.exit("POSTGRES_URL names no PostgreSQL")


@contextmanager
def new_database(name: str) -> Iterator[dict[str, str]]:
    """Give the settings, as variables of the environment, by which a home has a database of its own.

    Of PostgreSQL, on the server that POSTGRES_URL names; it is dropped at the end.
    """
    if name == "sqlite":
        yield {}
        return
    import psycopg

    server = _server()
    own = f"bench_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {own}")
        try:
            yield {SETTING: f"{server.rpartition('/')[0]}/{own}"}
        finally:
            connection.execute(f"DROP DATABASE {own} WITH (FORCE)")
