"""`airflow-lite scheduler`: the one process that a user starts."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from airflow_lite.cli import context
from airflow_lite.config import CONFIG_FILE, ENV_PREFIX
from airflow_lite.errors import UnknownExecutorError, UserError
from airflow_lite.task_logger import log_masked

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.config import Config
    from airflow_lite.scheduler.loop.loop import Loop
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def scheduler(args: context.Args) -> int:
    """Run the scheduler until a signal stops it; return 0 if it ended well."""
    from airflow_lite.scheduler.loop.assembly import make_loop
    from airflow_lite.scheduler.loop.shutdown import Stopping

    config = context.config(args)
    config.check()
    if args.do_pickle:  # for the commands that an executor starts
        os.environ[f"{ENV_PREFIX}CORE__DONOT_PICKLE"] = "False"
    _log_to_stderr(config)
    executor = _executor(args, config)
    store = context.store(args)
    _warn_of_other_writers(config, store)
    stopping = Stopping()
    stopping.listen()  # before there is a job, so that whatever ends it records its end
    loop = make_loop(config, store, executor, stopping=stopping)
    _log_start(config, executor)
    serves_logs = executor.serve_logs and not args.skip_serve_logs
    return _run(loop, executor, serves_logs=serves_logs, most_passes=args.num_runs)


def _log_to_stderr(config: Config) -> None:
    level = config.get("logging", "logging_level").upper()
    if level not in logging.getLevelNamesMapping():
        raise UserError(f"[logging] logging_level is {level!r}. Make it INFO, WARNING or DEBUG.")
    log_masked(sys.stderr, level, _FORMAT)


def _executor(args: context.Args, config: Config) -> BaseExecutor:
    """Load the configured executor; if that is gone, say how many tasks wait for it."""
    from airflow_lite.plugins.executors import load_executor

    try:
        return load_executor(config)
    except UserError as error:
        queued = _queued_tasks(args, config)
        if not queued:
            raise
        raise UnknownExecutorError(f"{error} {queued}") from None


def _queued_tasks(args: context.Args, config: Config) -> str | None:
    """Say how many tasks are queued for the executor, or its halves; no store is made for it."""
    from airflow_lite.plugins.discovery.known_packages import names_in_rows
    from airflow_lite.store import migrate, scheduling

    if not migrate.is_made(config):
        return None
    with context.store(args).read() as connection:
        counts = scheduling.waiting_in_queue(connection)
    names = names_in_rows(config.get("core", "executor").rpartition(".")[2])
    count = sum(counts.get(name, 0) for name in names)
    if not count:
        return None
    return (
        f"{count} {'tasks stay' if count > 1 else 'task stays'} queued for it:"
        " install its package again, or start with another --executor, which takes them over."
    )


def _log_start(config: Config, executor: BaseExecutor) -> None:
    from airflow_lite.scheduler.loop.assembly import name_of
    from airflow_lite.worker.task.sentry import why_silent

    logger.info(
        "scheduler started: %s, parallelism %s, home %s",
        name_of(executor),
        executor.parallelism or "without limit",
        config.home,
    )
    if not executor.is_production:
        logger.warning("Do not use the %s in production.", name_of(executor))
    silent = why_silent(config, name_of(executor), is_supported=executor.supports_sentry)
    if silent is not None:
        logger.warning("%s", silent)


def _warn_of_other_writers(config: Config, store: Store) -> None:
    """Name what others may write to, and so run code as this user."""
    from airflow_lite.private_files import who_else_writes

    paths = [str(config.home), config.path(CONFIG_FILE), config.path("cache")]
    paths.append(str(config.getpath("core", "dags_folder")))
    if store.is_sqlite and store.engine.url.database:
        paths.append(store.engine.url.database)
    for path in paths:
        if (who := who_else_writes(path)) is not None:
            logger.warning(
                "%s can write to %s, and so run code as this user: chmod go-w %s",
                who.capitalize(),
                path,
                path,
            )


def _run(loop: Loop, executor: BaseExecutor, *, serves_logs: bool, most_passes: int) -> int:
    from airflow_lite.scheduler.passes.executor_reports import ExecutorDidNotStart

    state = "failed"
    try:
        loop.let_plugins_listen()
        loop.listen()
        if serves_logs:
            loop.serve_logs()
        loop.run(most_passes=most_passes)
        state = "success"
    except ExecutorDidNotStart as error:
        cause = str(error).rstrip(".")
        raise UserError(f"{executor} did not start: {cause}. See the log above.") from None
    finally:
        loop.close(state=state)
        loop.stopping.leave(0 if state == "success" else 1)
    logger.info("scheduler stopped")
    return 0
