"""`dag.test()`: a DAG file that runs its DAG when it is run itself."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring import current
from airflow_lite.errors import AirflowDagException

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def test_in_subprocess(
    dag_id: str,
    fileloc: str,
    execution_date: datetime | None,
    run_conf: Mapping[str, Any] | None,
    *,
    use_executor: bool,
) -> None:
    """Run a DAG by `airflow-lite dags test`; end this program if that fails.

    Raises `AirflowDagException` where the DAG file is loaded, which must run nothing.
    """
    if current.LOADING.get() is not None:
        raise AirflowDagException(
            f"DAG {dag_id}: dag.test() is called whenever the file is loaded."
            " Put it under `if __name__ == '__main__':`."
        )
    words = ["dags", "test", dag_id]
    if execution_date is not None:
        words.append(execution_date.isoformat())
    if run_conf is not None:
        words += ["--conf", json.dumps(run_conf)]
    if use_executor:
        words.append("--use-executor")
    command = [sys.executable, "-m", "airflow_lite", *words, "--subdir", fileloc]
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        raise AirflowDagException(
            f"DAG {dag_id}: run_conf is too large for dag.test(). Put the data into a file, and"
            " the file's path into run_conf."
        ) from None
    code = _exit_code(process)
    if code:
        sys.exit(code)


def _exit_code(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end; an interrupt from the terminal is for the process, which hears it, too."""
    while True:
        with suppress(KeyboardInterrupt):
            return process.wait()
