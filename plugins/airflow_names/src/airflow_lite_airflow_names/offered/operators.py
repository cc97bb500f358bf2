"""Operators of Airflow's core that airflow-lite has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_lite.authoring.hook import BaseHook
from airflow_lite.authoring.operator import BaseOperator


class GenericTransfer(BaseOperator):
    """Copies what a query gives from one database to a table of another."""

    template_fields: Sequence[str] = (
        "sql",
        "destination_table",
        "preoperator",
        "insert_args",
    )
    template_ext: Sequence[str] = (".sql", ".hql")

    def __init__(
        self,
        *,
        sql: str,
        destination_table: str,
        source_conn_id: str,
        destination_conn_id: str,
        source_hook_params: dict[str, Any] | None = None,
        destination_hook_params: dict[str, Any] | None = None,
        preoperator: str | list[str] | None = None,
        insert_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.destination_table = sql, destination_table
        self.source_conn_id, self.source_hook_params = source_conn_id, source_hook_params
        self.destination_conn_id = destination_conn_id
        self.destination_hook_params = destination_hook_params
        self.preoperator, self.insert_args = preoperator, insert_args or {}

    def execute(self, context: Any) -> None:
        """Read, run what goes before, and insert."""
        source = BaseHook.get_hook(self.source_conn_id, self.source_hook_params)
        destination = BaseHook.get_hook(self.destination_conn_id, self.destination_hook_params)
        rows = source.get_records(self.sql)
        if self.preoperator:
            destination.run(self.preoperator)
        destination.insert_rows(table=self.destination_table, rows=rows, **self.insert_args)


def is_venv_installed() -> bool:
    """Return whether virtual environments can be made."""
    import importlib.util

    return importlib.util.find_spec("venv") is not None
