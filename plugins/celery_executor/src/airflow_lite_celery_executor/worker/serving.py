"""A Celery worker in the foreground, with our pool and our gate, until a signal ends it."""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_celery_executor.app import make_app, make_queue
from airflow_lite_celery_executor.settings import KEY, CelerySettings, is_loopback

if TYPE_CHECKING:
    from airflow_lite.config import Config

_LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"


class WorkerOptions(NamedTuple):
    """What the command line asks of a worker; None where it asks nothing."""

    queues: tuple[str, ...]
    concurrency: int | None = None
    autoscale: tuple[int, int] | None = None
    hostname: str | None = None
    pid_file: str | None = None
    without_mingle: bool = False
    without_gossip: bool = False


def run_worker(config: Config, options: WorkerOptions) -> int:
    """Run a worker; return its exit code. Raises `ConfigError`, and `UserError` for its name."""
    from airflow_lite.worker import shared_key
    from airflow_lite_celery_executor.worker import control  # noqa: F401 - registers commands
    from airflow_lite_celery_executor.worker.context import WorkerContext
    from airflow_lite_celery_executor.worker.liveness import LivenessFile
    from airflow_lite_celery_executor.worker.reporter import Reporter

    settings = CelerySettings.read(config)
    key = shared_key(config, *KEY, is_made=is_loopback(settings.broker_url))
    _set_up_logging()
    app = make_app(settings, key)
    name = node_name(options.hostname)
    reporter = Reporter(app, key, name, settings.operation_timeout_s)
    liveness = LivenessFile(settings.liveness_file)
    WorkerContext(config, key, reporter, liveness).put(app)
    worker = _make_worker_of_own_name(config, app, settings, options, name)
    liveness.start()
    reporter.start()
    try:
        worker.start()
    finally:
        reporter.close()
        liveness.remove()
    code = worker.exitcode
    return code if isinstance(code, int) else 0  # words, where a command told it to end


def node_name(hostname: str | None) -> str:
    """Return the name of this worker's node: two of one name would take each other's commands."""
    from celery.utils.nodenames import default_nodename, host_format

    if hostname:
        return str(host_format(default_nodename(hostname)))
    return f"celery@{socket.gethostname()}-{os.getpid()}"


def _make_worker_of_own_name(
    config: Config, app: Any, settings: CelerySettings, options: WorkerOptions, name: str
) -> Any:
    """Return the worker; raise `UserError` if another one of that name answers meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(_answers, config, name) if options.hostname else None
        worker = _make_worker(app, settings, options, name)
    if answer is not None and answer.result():
        from airflow_lite.cli import UserError

        raise UserError(
            f"A worker that is named {name} runs already, and each would take commands for the"
            " other. Give this one another name with --celery-hostname, such as"
            f" {name.partition('@')[2]}@%h, or leave that out."
        )
    return worker


def _answers(config: Config, name: str) -> bool:
    """Return whether a worker of that name answers which is not about to end."""
    from airflow_lite_celery_executor.looking import BrokerUnreachable, looking

    try:
        with looking(config) as view:
            answer = view.ask("airflow_lite_status", [name]).get(name)
    except BrokerUnreachable:
        return False  # there is none that could take commands, either
    return answer is not None and not answer.get("is_ending")


def _make_worker(app: Any, settings: CelerySettings, options: WorkerOptions, name: str) -> Any:
    from celery import signals

    from airflow_lite_celery_executor.worker.shutdown import SignalledWorker

    signals.worker_ready.connect(_say_ready, weak=False)
    queues = options.queues or (settings.default_queue,)
    app.conf.task_queues = [make_queue(app, queue) for queue in queues]
    autoscale = options.autoscale
    if autoscale is None and options.concurrency is None:
        autoscale = settings.autoscale
    return SignalledWorker(
        app=app,
        hostname=name,
        queues=list(queues),
        concurrency=options.concurrency or settings.concurrency,
        autoscale=autoscale,
        pidfile=options.pid_file,
        loglevel=logging.WARNING,
        without_mingle=options.without_mingle,
        without_gossip=options.without_gossip,
        optimization="fair",
        quiet=True,
    )


def _say_ready(sender: Any, **_: Any) -> None:
    queues = ", ".join(sorted(queue.name for queue in sender.task_consumer.queues))
    slots = sender.pool.limit
    sys.stdout.write(
        f"Celery worker {sender.hostname} takes tasks from {queues}: {slots} at once\n"
    )
    sys.stdout.flush()


def _set_up_logging() -> None:
    """Log in one line each, whatever Celery would make of it."""
    from celery import signals

    signals.setup_logging.connect(_leave_logging, weak=False)
    logging.basicConfig(level=logging.WARNING, format=_LOG_FORMAT)
    logging.getLogger("airflow_lite_celery_executor").setLevel(logging.INFO)
    logging.getLogger("airflow_lite").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    logging.getLogger("celery.worker.loops").addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Cut the traceback off: at a lost connection, it shows only where that was noticed."""
    record.exc_info = None
    return True


def _leave_logging(**_: Any) -> None:
    """Take the place of Celery's own set-up of logging."""
