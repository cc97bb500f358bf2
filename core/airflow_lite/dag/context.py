"""The context of the task that runs in this process: what `get_current_context` returns."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


@contextmanager
def set_current_context(context: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Make `context` what `get_current_context` returns. For whoever calls `task.execute`."""
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
