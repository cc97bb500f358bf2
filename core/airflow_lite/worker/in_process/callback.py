"""Call what no child can call any more.

Run as `python -m airflow_lite.worker.in_process.callback REQUEST_ID [FILE]`.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from airflow_lite.clock import iso
from airflow_lite.errors import StoreError
from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.programs import NOT_BEGUN
from airflow_lite.secrets_masker import redact, secrets_masker
from airflow_lite.security.cipher import Cipher
from airflow_lite.store.callbacks import ALERT
from airflow_lite.task_logger import task_logger
from airflow_lite.text import described
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task_log.file import LogFile, log_to
from airflow_lite.worker.task_log.pump import MaskedOutput
from airflow_lite.worker.task_log.streams import TaskStream

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.store.callbacks import Callback
    from airflow_lite.store.engine import Store
    from airflow_lite.worker.settings import HostSettings

logger = task_logger()

#: How often its end is written while the database cannot be used, and the pauses in seconds.
_MOST_RETRIES, _FIRST_RETRY_S, _LONGEST_RETRY_S = 10, 0.2, 5.0


def main(arguments: list[str]) -> int:
    """Run one callback request and record how it ended."""
    from airflow_lite.clock import SystemClock
    from airflow_lite.config import Config
    from airflow_lite.store import callbacks
    from airflow_lite.store.engine import open_store

    config, clock, request_id = Config.load(), SystemClock(), int(arguments[0])
    try:
        store = open_store(config, name="callback")
        with store.begin() as connection:
            request = callbacks.begin(connection, request_id, clock.now_us())
    except (StoreError, SQLAlchemyError):
        return NOT_BEGUN  # whoever started this says why
    if request is None:
        return 0  # another has it
    error = _run(store, config, request, "".join(arguments[1:2]))
    _record(store, request_id, clock.now_us(), error)
    return 0


def _record(store: Store, request_id: int, ended_us: int, error: str | None) -> None:
    """Write how a callback ended; an outage of the database is waited for, within bounds."""
    from airflow_lite.store import callbacks

    outage = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S)
    while True:
        try:
            with store.begin() as connection:
                callbacks.end(connection, request_id, ended_us, error)
        except SQLAlchemyError:
            if outage.failures >= _MOST_RETRIES:
                raise
            time.sleep(outage.fail(time.monotonic()))
        else:
            return


def _run(store: Store, config: Config, request: Callback, path: str) -> str | None:
    """Call the functions; return the first error. `path` empty: the DAG folder's file."""
    from airflow_lite.authoring.secrets.search import using
    from airflow_lite.worker.in_process.store_access import direct_secrets

    try:
        with using(direct_secrets(store, Cipher(config))):
            if request.kind == ALERT:
                return _send_alert(config, request)
            return _call(store, config, request, path)
    except BaseException as error:
        logger.exception("The callback could not be called")
        return str(redact(described(error)))


def _send_alert(config: Config, request: Callback) -> str | None:
    """Send what `[alerts]` says of a run; what did not go out is told where the scheduler logs."""
    from airflow_lite.worker.in_process.alert import Alert, AlertSettings, send
    from airflow_lite.worker.settings import HostSettings

    run, schedulers_log = request.instance.run, os.dup(2)
    _log(HostSettings.read(config), request)
    alert = Alert(run.dag_id, run.run_id, iso(run.logical_us) or "", request.reason)
    logger.info("Sending an alert: %s", alert.text)
    failures = [str(redact(line)) for line in send(AlertSettings.read(config), alert)]
    for line in failures:
        logger.error("%s", line)
        told = f"the alert of run {run.run_id!r} of DAG {run.dag_id!r} was not sent: {line}\n"
        os.write(schedulers_log, told.encode())
    return "; ".join(failures) or None


def _call(store: Store, config: Config, request: Callback, path: str) -> str | None:
    from airflow_lite.clock import SystemClock
    from airflow_lite.errors import AirflowException
    from airflow_lite.parsing.locations import path_of
    from airflow_lite.worker.in_process.runner import load_dags
    from airflow_lite.worker.in_process.store_access import DirectStoreClient
    from airflow_lite.worker.settings import HostSettings
    from airflow_lite.worker.task.execution import Execution

    settings = HostSettings.read(config)
    row = request.instance
    _log(settings, request)
    path = path or path_of(request.key.dag_id, row.fileloc, settings.dags_folder)
    dag = load_dags(path, "")[request.key.dag_id]
    if request.kind == "task" or request.key.task_id in dag.task_dict:
        task = dag.get_task(request.key.task_id)
    else:  # the task that ended the run is gone from the file: any other speaks for the run
        task = next(iter(dag.task_dict.values()))
    owner = (row.id, request.key.task_id, request.key.map_index)
    execution = Execution(
        _attempt_request(request, settings),
        task,
        DirectStoreClient(store, SystemClock(), row.run, owner),
    )
    context = execution.ti.get_template_context()
    context["reason"] = request.reason
    if request.kind == "task":
        context["exception"] = AirflowException(request.reason)
    of = task if request.kind == "task" else dag
    event = request.callback.removeprefix("on_").removesuffix("_callback")
    errors = [_one(function, context) for function in of.callbacks_on(event)]
    return next((error for error in errors if error), None)


def _attempt_request(request: Callback, settings: HostSettings) -> AttemptRequest:
    row = request.instance
    return AttemptRequest(
        key=request.key,
        run=row.run.fields(),
        max_tries=row.max_tries,
        start_us=row.try_started_us,
        try_started_us=row.try_started_us,
        queued_us=row.queued_us,
        hostname=settings.hostname,
        max_xcom_bytes=settings.max_xcom_bytes,
    )


def _one(function: Any, context: dict[str, Any]) -> str | None:
    try:
        function(context)
    except Exception as error:
        logger.exception("callback %r raised", getattr(function, "__name__", function))
        return str(redact(described(error)))
    return None


def _log(settings: HostSettings, request: Callback) -> None:
    """Log into the try's file, or for a DAG run beside its tasks."""
    from airflow_lite.worker.task_log.paths import open_callback_log, open_for_writing

    try:
        if request.kind == "task":
            fd = open_for_writing(settings.log_folder, request.key)
        else:
            fd = open_callback_log(settings.log_folder, request.key)
    except OSError:
        return
    file = LogFile(fd, settings.max_log_bytes)
    log_to(file, settings.log_level)
    if secrets_masker().secrets:
        output = MaskedOutput(fd, settings.max_log_bytes)
        atexit.register(output.close)
    else:
        os.dup2(fd, 1)
        os.dup2(fd, 2)
    sys.stdout = TaskStream(file, 1, "INFO")
    sys.stderr = TaskStream(file, 2, "WARNING")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
