"""BashSensor: waits until a command ends well."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered
from airflow_lite.authoring.operators.bash import RunsBash
from airflow_lite.authoring.operators.sensor import BaseSensorOperator
from airflow_lite.errors import AirflowFailException


class BashSensor(RunsBash, BaseSensorOperator):
    """A sensor whose condition is met when `bash_command` ends with exit code 0.

    With `retry_exit_code` only that code means "not yet", and any other fails the task at once.
    """

    template_fields: Sequence[str] = ("bash_command", "env")

    bash_command = Argument(rendered(checks.text))
    env = Argument(optional(rendered(checks.mapping)))
    output_encoding = Argument(checks.encoding)
    retry_exit_code = Argument(optional(checks.whole))

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(BashSensor, locals())

    def poke(self, context: Any) -> bool:
        """Run the command in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="airflow-lite-") as folder:
            code, _ = self.run_bash(self.bash_command, folder, context)
        if code and self.retry_exit_code is not None and code != self.retry_exit_code:
            raise AirflowFailException(f"Command exited with return code {code}.")
        return code == 0
