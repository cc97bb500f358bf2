"""BashOperator: a task that runs a bash command."""

from __future__ import annotations

import codecs
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered, templated
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.errors import AirflowException, AirflowSkipException

_READ_BYTES = 1 << 16
#: A line is cut after so many characters, so that output without line ends stays bounded.
MOST_CHARACTERS = 1 << 20
#: So many lines are logged one by one. Past them what one read brings is one record, since a
#: gigabyte of short lines would take hours otherwise.
SINGLE_LINES = 10_000
#: Seconds that a command gets to end after SIGTERM, before SIGKILL.
_GRACE_S = 30.0
#: Marks the children of a task that runs in the process of `dags test`: see `orphan_guard`.
GUARD_MARK = "AIRFLOW_LITE_GUARD"


def _encoding(value: object) -> str:
    try:
        codecs.getincrementaldecoder(checks.text(value))
    except LookupError:
        raise checks.WrongType("the name of an encoding") from None
    return str(value)


def _path(value: object) -> str:
    return str(value) if isinstance(value, Path) else checks.text(value)


def _codes(value: Any) -> Container[int]:
    if value is None:
        return ()
    if isinstance(value, Container) and not isinstance(value, (str, bytes)):
        return value
    return (checks.whole(value),)


class BashOperator(BaseOperator):
    """A task that runs `bash_command` with bash; its last line of output becomes the XCom.

    Text that ends in `.sh` or `.bash` names a template file. Output that is not valid in
    `output_encoding` is shown escaped. Exit code `skip_on_exit_code` skips the task, any other
    but 0 fails it. Without `cwd` the command runs in a temporary folder of its own.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    bash_command = Argument(templated(checks.text))
    env = Argument(optional(rendered(checks.mapping)))
    append_env = Argument(checks.flag)
    output_encoding = Argument(_encoding)
    skip_on_exit_code = Argument(_codes)
    cwd = Argument(optional(rendered(_path)))
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
        self._process: subprocess.Popen[bytes] | None = None
        self._signalled: subprocess.Popen[bytes] | None = None  # `on_kill` is called twice

    def execute(self, context: Any) -> Any:
        """Run the command; return its last line, or what `output_processor` makes of it."""
        bash = shutil.which("bash")
        if bash is None:
            raise AirflowException("There is no bash on this machine's PATH. Install it.")
        with self._folder() as folder:
            self.log.info("Running command: %s", self.bash_command)
            code, last_line = self._run([bash, "-c", self.bash_command], folder, context)
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

    def _run(self, command: list[str], folder: str, context: Any) -> tuple[int, str]:
        with subprocess.Popen(
            command,
            cwd=folder,
            env=self.get_env(context),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            process_group=0,  # so that on_kill reaches whatever bash started
        ) as process:
            self._process = process
            self.log.info("Output:")
            try:
                assert process.stdout is not None  # it is a pipe
                last_line = log_output(process.stdout.fileno(), self.output_encoding, self.log)
                code = process.wait()
            except BaseException:
                self._stop(process)
                raise
        self.log.info("Command exited with return code %s", code)
        return code, last_line

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        self.on_kill()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def get_env(self, context: Any) -> dict[str, str]:
        """Return the environment of the command: `env`, or this process's, with the run's ids."""
        base = os.environ.copy() if self.env is None or self.append_env else {}
        ids = context_variables(context)
        if GUARD_MARK in os.environ:
            ids[GUARD_MARK] = os.environ[GUARD_MARK]
        return base | ids | {name: str(value) for name, value in (self.env or {}).items()}

    def on_kill(self) -> None:
        """Send SIGTERM to bash and all that it started in its group."""
        process = self._process
        if process is not None and process is not self._signalled and process.poll() is None:
            self._signalled = process
            self.log.info("Sending SIGTERM signal to process group")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def context_variables(context: Mapping[str, Any]) -> dict[str, str]:
    """Return the AIRFLOW_CTX_… variables that Airflow sets for every command."""
    task, ti, run = context.get("task"), context.get("ti"), context.get("dag_run")
    logical_date = context.get("logical_date")
    variables = {
        "DAG_OWNER": getattr(task, "owner", None),
        "DAG_ID": getattr(ti, "dag_id", None),
        "TASK_ID": getattr(ti, "task_id", None),
        "EXECUTION_DATE": logical_date.isoformat() if logical_date is not None else None,
        "TRY_NUMBER": getattr(ti, "try_number", None),
        "DAG_RUN_ID": getattr(run, "run_id", None),
    }
    return {
        f"AIRFLOW_CTX_{name}": str(value) for name, value in variables.items() if value is not None
    }


def log_output(descriptor: int, encoding: str, log: logging.Logger) -> str:
    """Log the lines of `descriptor` until its end; return the last, without blanks at its end.

    Bytes that are not valid in `encoding` become backslash escapes.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="backslashreplace")
    last, pending, count = "", "", 0
    while True:
        raw = os.read(descriptor, _READ_BYTES)
        whole, ended, pending = (pending + decoder.decode(raw, final=not raw)).rpartition("\n")
        if pending and (not raw or len(pending) >= MOST_CHARACTERS):
            whole, ended, pending = f"{whole}{ended}{pending}", "\n", ""
        if ended:
            count, last = _log_lines(whole, count, log)
        if not raw:
            return last


def _log_lines(text: str, count: int, log: logging.Logger) -> tuple[int, str]:
    """Log the lines of `text`; return how many there were by now, and the last."""
    if count >= SINGLE_LINES:
        log.info("%s", text)
        return count, text.rpartition("\n")[2].rstrip()
    lines = text.split("\n")
    for line in lines:
        log.info("%s", line.rstrip())
    return count + len(lines), lines[-1].rstrip()
