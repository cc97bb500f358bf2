"""BashOperator: a task that runs a bash command."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered
from airflow_lite.authoring.operators.programs import RunsPrograms, ids_of_run
from airflow_lite.errors import AirflowException, AirflowSkipException


class RunsBash(RunsPrograms):
    """Runs commands with bash.

    Who derives from it keeps `env` and `output_encoding`, and `append_env` if it has that.
    """

    env: Any
    append_env: Any = False
    output_encoding: Any

    def run_bash(self, command: str, folder: str, context: Any) -> tuple[int, str]:
        """Run a command and log what it prints; return its exit code and its last line."""
        bash = shutil.which("bash")
        if bash is None:
            raise AirflowException("There is no bash on this machine's PATH. Install it.")
        self.log.info("Running command: %s", command)
        env = self.get_env(context)
        return self.run_program([bash, "-c", command], folder, env, self.output_encoding)

    def get_env(self, context: Any) -> dict[str, str]:
        """Return the environment of the command: `env`, or this process's, with the run's ids."""
        base = os.environ.copy() if self.env is None or self.append_env else {}
        own = {name: str(value) for name, value in (self.env or {}).items()}
        return base | ids_of_run(context) | own


class BashOperator(RunsBash):
    """A task that runs `bash_command` with bash; its last line of output becomes the XCom.

    Text that ends in `.sh` or `.bash` names a template file. Output that is not valid in
    `output_encoding` is shown escaped. Exit code `skip_on_exit_code` skips the task, any other
    but 0 fails it. Without `cwd` the command runs in a temporary folder of its own.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    bash_command = Argument(rendered(checks.text))
    env = Argument(optional(rendered(checks.mapping)))
    append_env = Argument(checks.flag)
    output_encoding = Argument(checks.encoding)
    skip_on_exit_code = Argument(checks.exit_codes)
    cwd = Argument(optional(rendered(checks.path)))
    output_processor = Argument(checks.function)

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | Callable[..., Any] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_exit_code: int | None = None,
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | Callable[..., Any] | None = None,
        output_processor: Callable[[str], Any] = lambda result: result,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if skip_exit_code is not None:  # the older name
            skip_on_exit_code = skip_exit_code
        self._keep(BashOperator, locals())

    def execute(self, context: Any) -> Any:
        """Run the command; return its last line, or what `output_processor` makes of it."""
        with self._folder() as folder:
            code, last_line = self.run_bash(self.bash_command, folder, context)
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Bash command returned exit code {code}. Skipping.")
        if code != 0:
            raise AirflowException(
                f"Bash command failed. The command returned a non-zero exit code {code}."
            )
        return self.output_processor(last_line)

    @contextmanager
    def _folder(self) -> Iterator[str]:
        if self.cwd is None:
            with tempfile.TemporaryDirectory(prefix="airflow-lite-") as folder:
                yield folder
        elif not os.path.exists(self.cwd):
            raise AirflowException(f"Can not find the cwd: {self.cwd}")
        elif not os.path.isdir(self.cwd):
            raise AirflowException(f"The cwd {self.cwd} must be a directory")
        else:
            yield str(self.cwd)
