"""The context of the task that runs in this process: what `get_current_context` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from airflow_lite.errors import AirflowException

_CURRENT: ContextVar[Mapping[str, Any] | None] = ContextVar("airflow_lite_context", default=None)

#: The names that Airflow 2.10 puts into a task's context.
CONTEXT_KEYS = frozenset(
    """
    conf conn dag dag_run data_interval_end data_interval_start ds ds_nodash exception
    execution_date expanded_ti_count inlet_events inlets logical_date macros
    map_index_template next_ds next_ds_nodash next_execution_date outlet_events outlets
    params prev_data_interval_end_success prev_data_interval_start_success prev_ds
    prev_ds_nodash prev_end_date_success prev_execution_date prev_execution_date_success
    prev_start_date_success reason run_id task task_instance task_instance_key_str
    templates_dict test_mode ti tomorrow_ds tomorrow_ds_nodash triggering_dataset_events
    try_number ts ts_nodash ts_nodash_with_tz var yesterday_ds yesterday_ds_nodash
    """.split()  # noqa: SIM905 - a name a line would hide all else of this page
)


class Lazy:
    """A value of the context that most tasks never read: it is looked up at its first use."""

    def __init__(self, look_up: Callable[[], Any]) -> None:
        self._look_up = look_up

    @cached_property
    def value(self) -> Any:
        """The value itself."""
        return self._look_up()


def plain(value: Any) -> Any:
    """Return `value`, looked up if it is lazy."""
    return value.value if isinstance(value, Lazy) else value


class Context(dict[str, Any]):
    """The names that a running task sees; reading a value looks it up if it is `Lazy`."""

    def __getitem__(self, name: str) -> Any:
        return plain(super().__getitem__(name))

    def __iter__(self) -> Iterator[str]:
        # Because it is there, `dict(context)` and `**context` ask for each value, too.
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of this name, or `default`."""
        return plain(super().get(name, default))

    def pop(self, name: str, *default: Any) -> Any:
        """Take the value of this name out; return it, or `default` if that is given."""
        return plain(super().pop(name, *default))

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of this name, which is `default` from now on if it has none."""
        return plain(super().setdefault(name, default))

    def items(self) -> Any:
        """Return names and values, all looked up."""
        return dict(self).items()

    def values(self) -> Any:
        """Return the values, all looked up."""
        return dict(self).values()

    def copy(self) -> dict[str, Any]:
        """Return a plain dict with all values looked up."""
        return dict(self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def unresolved(self) -> dict[str, Any]:
        """Return a plain dict in which lazy values are still `Lazy`."""
        return dict(super().items())


@contextmanager
def set_current_context(context: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Let `get_current_context` return `context`. For the caller of `task.execute`."""
    token = _CURRENT.set(context)
    try:
        yield context
    finally:
        _CURRENT.reset(token)


def get_current_context() -> Mapping[str, Any]:
    """Return the context of the task that runs; raise `AirflowException` outside of one."""
    context = _CURRENT.get()
    if context is None:
        raise AirflowException(
            "There is no current context: get_current_context() works only while a task runs."
        )
    return context
