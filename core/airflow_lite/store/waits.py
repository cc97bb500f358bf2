"""Moments that task instances wait by, moved when the wall clock was set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, bindparam

from airflow_lite.store.batches import run_many
from airflow_lite.store.schema import task_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

_ti = task_instance.c
_IS_SAME = (
    _ti.id == bindparam("row"),
    _ti.attempt.is_not_distinct_from(bindparam("was_attempt", type_=String)),
)
_SHIFT_START = (
    task_instance.update()
    .where(*_IS_SAME, _ti.try_started_us.between(bindparam("low_us"), bindparam("high_us")))
    .values(try_started_us=_ti.try_started_us + bindparam("by_us"))
)
_SHIFT_NEXT = (
    task_instance.update()
    .where(*_IS_SAME, _ti.state == bindparam("was_state"))
    .values(next_at_us=_ti.next_at_us + bindparam("by_us"))
)


def shift(
    connection: sa.Connection, starts: Sequence[dict[str, Any]], nexts: Sequence[dict[str, Any]]
) -> None:
    """Move when tries started, and when instances are due again, by `by_us`.

    A row of `starts` has `row, was_attempt, low_us, high_us, by_us`: only a start between these
    two is moved; one of `nexts` has `row, was_attempt, was_state, by_us`. What others changed
    meanwhile stays.
    """
    run_many(connection, _SHIFT_START, starts)
    run_many(connection, _SHIFT_NEXT, nexts)
