"""Pickled DAGs: signed bytes, saved with what was parsed and read by task hosts."""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite import __version__
from airflow_lite.parsing.pickled import layout
from airflow_lite.store.batches import chunks
from airflow_lite.store.schema import dag_pickle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: Returns the signature of a DAG's pickle: (dag id, version id, payload).
    Sign = Callable[[str, int, bytes], str]

#: A replaced pickle is kept so long: attempts that name it may be queued.
_KEPT_US = 24 * 3600 * 1_000_000
#: Byte code is of one minor version of Python.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Pickle(NamedTuple):
    """One row. Its payload may be anything until its signature is checked."""

    id: int
    dag_id: str
    version_id: int
    python: str
    payload: bytes
    signature: str


class Unsaved(NamedTuple):
    """The pickle of one DAG, to be saved."""

    dag_id: str
    version_id: int
    payload: bytes


def pickled_by(sign: Sign | None) -> str | None:
    """Return the versions and the key that pickle here; if they change, DAGs are pickled again."""
    if sign is None:
        return None
    core = f"airflow-lite {__version__} {layout()}"
    return f"Python {PYTHON}, {core}, key {sign('', 0, b'')[:8]}"


def payload_digest(payload: bytes) -> str:
    """Return the digest by which two pickles are compared."""
    return sha256(payload).hexdigest()


def get(connection: sa.Connection, pickle_id: int) -> Pickle | None:
    """Return a pickled DAG; None if there is no such row."""
    query = sa.select(*(dag_pickle.c[name] for name in Pickle._fields))
    row = connection.execute(query.where(dag_pickle.c.id == pickle_id)).first()
    return None if row is None else Pickle(*row)


def save(
    connection: sa.Connection, unsaved: Sequence[Unsaved], sign: Sign, now_us: int
) -> dict[str, int]:
    """Sign and save pickles, one a DAG; return their ids by DAG id."""
    rows = [
        {
            **pickle._asdict(),
            "python": PYTHON,
            "digest": payload_digest(pickle.payload),
            "signature": sign(*pickle),
            "created_us": now_us,
        }
        for pickle in unsaved
    ]
    if not rows:
        return {}
    connection.execute(dag_pickle.insert(), rows)
    newest: dict[str, int] = {}
    for ids in chunks([pickle.dag_id for pickle in unsaved]):
        _forget_old(connection, ids, now_us - _KEPT_US)
        query = sa.select(dag_pickle.c.dag_id, sa.func.max(dag_pickle.c.id))
        query = query.where(dag_pickle.c.dag_id.in_(ids)).group_by(dag_pickle.c.dag_id)
        newest |= {row[0]: row[1] for row in connection.execute(query)}
    return newest


def _forget_old(connection: sa.Connection, dag_ids: Sequence[str], before_us: int) -> None:
    """Delete the pickles of these DAGs that a newer one replaced before a moment."""
    newer = dag_pickle.alias("newer")
    is_replaced = sa.exists().where(
        newer.c.dag_id == dag_pickle.c.dag_id,
        newer.c.id > dag_pickle.c.id,
        newer.c.created_us < before_us,
    )
    connection.execute(dag_pickle.delete().where(dag_pickle.c.dag_id.in_(dag_ids), is_replaced))
