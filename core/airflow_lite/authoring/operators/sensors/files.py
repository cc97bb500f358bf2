"""FileSensor: waits for a file, or for a folder that holds one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import rendered
from airflow_lite.authoring.connection import Connection
from airflow_lite.authoring.operators.sensor import BaseSensorOperator
from airflow_lite.authoring.triggers.file import FileTrigger, find_file
from airflow_lite.errors import AirflowException


class FileSensor(BaseSensorOperator):
    """A sensor whose condition is met when `filepath`, which may be a pattern, is there.

    A folder counts once a file is in it or below it. A relative path is taken from the `path` of
    the connection `fs_conn_id`, if there is one. With `recursive`, `**` in a pattern goes through
    folders. With `deferrable` it looks once, and then waits without a process and without a slot.
    """

    template_fields: Sequence[str] = ("filepath",)
    ui_color = "#91818a"

    filepath = Argument(rendered(checks.path))
    fs_conn_id = Argument(checks.text)
    recursive = Argument(checks.flag)
    deferrable = Argument(checks.flag)

    def __init__(
        self,
        *,
        filepath: Any,
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool = False,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(FileSensor, locals())

    @property
    def path(self) -> str:
        """The path that is looked for, with that of the connection before it."""
        connection = Connection.get_connection_from_secrets(self.fs_conn_id, None)
        base = connection.extra_dejson.get("path", "") if connection else ""
        return os.path.join(base, self.filepath)

    def poke(self, context: Any) -> bool:
        """Look for it."""
        path = self.path
        self.log.info("Poking for file %s", path)
        found = find_file(path, recursive=self.recursive)
        if found is not None:
            self.log.info("Found %s", found)
        return found is not None

    def execute(self, context: Any) -> Any:
        """Wait for it; with `deferrable`, raise `TaskDeferred` if it is not there."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            self.defer(
                timeout=timedelta(seconds=self.timeout),
                trigger=FileTrigger(self.path, self.recursive, self.poke_interval),
                method_name="execute_complete",
            )
        return None

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """End: it is there; raise `AirflowException` if the event does not say so."""
        if not event:
            raise AirflowException(f"{self.task_id} task failed as {self.filepath} not found.")
        self.log.info("%s completed successfully as %s found.", self.task_id, self.filepath)
