"""A task run or rendered in this process without its dependencies; nothing of it is recorded."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import UserError
from airflow_lite.task_logger import task_logger
from airflow_lite.terminal import raw
from airflow_lite.worker.in_process.runner import find_task, run_in_this_process
from airflow_lite.worker.messages import AttemptRequest, Outcome, RetryPolicy
from airflow_lite.worker.task.execution import Execution, kept_environment
from airflow_lite.worker.task_log.file import ShownLog
from airflow_lite.worker.task_log.streams import MaskedStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_lite.config import Config
    from airflow_lite.spec.model import DagSpec
    from airflow_lite.store.engine import Store
    from airflow_lite.store.queued import StoredRun


@dataclass(frozen=True)
class TestedTask:
    """A task of a DAG file, and its run: by id or logical date, one that is or might be."""

    spec: DagSpec
    path: str
    task_id: str
    logical_us: int | None
    run_id: str | None
    map_index: int = -1
    params: Mapping[str, Any] = field(default_factory=dict)


TestedTask.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name


def test_task(config: Config, tested: TestedTask, *, pdb: bool) -> int:
    """Run a task here without its dependencies; record nothing; return 0 if it went well."""
    with _test_execution(config, tested) as execution:
        outer = sys.stdout, sys.stderr
        shown = raw if pdb else MaskedStream  # a debugger draws on the terminal itself
        sys.stdout, sys.stderr = shown(sys.stdout), shown(sys.stderr)
        handler = ShownLog(outer[0])
        root = logging.getLogger()
        before = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            run = partial(run_in_this_process, execution, RetryPolicy.of(execution.task), pdb=pdb)
            outcome = run()
            while outcome.state == "deferred":
                outcome = _after_trigger(execution, outcome, run)
        finally:
            root.removeHandler(handler)
            root.setLevel(before)
            sys.stdout, sys.stderr = outer
    return 1 if outcome.state == "failed" else 0


def _after_trigger(execution: Execution, deferred: Outcome, run: Callable[[], Outcome]) -> Outcome:
    """Run a trigger here, and then what follows its event; return how that ended."""
    import asyncio

    from airflow_lite.authoring.triggers.base import BaseTaskEndEvent, first_event
    from airflow_lite.imports import import_string
    from airflow_lite.worker.task.xcom import from_json

    spec = from_json(deferred.trigger_spec or "{}")
    try:
        trigger = import_string(spec["class"])(**spec["kwargs"])
        trigger.task_instance = execution.ti
        task_logger().info("running the trigger here: %r", trigger)
        event = asyncio.run(first_event(trigger))
    except Exception:
        task_logger().exception("Trigger failed")
        return Outcome("failed")
    task_logger().info("the trigger fired: %r", event)
    if isinstance(event, BaseTaskEndEvent):
        return Outcome(str(event.task_instance_state))
    execution.go_on(deferred, event.payload)
    return run()


test_task.__test__ = False  # type: ignore[attr-defined]  # the same


def render_task(config: Config, tested: TestedTask) -> dict[str, Any]:
    """Return a task's templated fields, rendered for a run that is or might be."""
    from airflow_lite.authoring.render import render_fields
    from airflow_lite.worker.task.context import build_context

    with _test_execution(config, tested) as execution:
        return render_fields(execution.task, build_context(execution.ti))


@contextmanager
def _test_execution(config: Config, tested: TestedTask) -> Iterator[Execution]:
    from airflow_lite.authoring.arguments.param import ParamsDict
    from airflow_lite.authoring.secrets.search import using
    from airflow_lite.clock import SystemClock
    from airflow_lite.plugins.timetables import find_timetables
    from airflow_lite.security.cipher import Cipher
    from airflow_lite.store.engine import open_store
    from airflow_lite.worker.in_process.store_access import DryRunStoreClient, direct_secrets
    from airflow_lite.worker.settings import HostSettings

    dag_id, task_id, map_index = tested.spec.dag_id, tested.task_id, tested.map_index
    find_timetables(config)
    store = open_store(config, name="tasks")
    clock, settings = SystemClock(), HostSettings.read(config)
    try:
        with using(direct_secrets(store, Cipher(config))):
            run = _test_run(store, tested)
            task = _imported(tested.path, dag_id, task_id)
            request = AttemptRequest(
                key=(dag_id, task_id, run.run_id, 1, map_index, "0" * 32),
                run=run.fields(),
                max_tries=task.retries,
                start_us=clock.now_us(),
                hostname=settings.hostname,
                max_xcom_bytes=settings.max_xcom_bytes,
                test_mode=True,
            )
            with kept_environment():
                client = DryRunStoreClient(store, clock, run, (0, task_id, map_index))
                execution = Execution(request, task, client, passes_interrupts=True)
                if tested.params:
                    execution.task.params = ParamsDict(task.params)
                    execution.task.params.update(tested.params)
                yield execution
    finally:
        store.close()


def _imported(path: str, dag_id: str, task_id: str) -> Any:
    """Return the task; raise `UserError` where the file that was parsed is not imported here."""
    from airflow_lite.parsing.errors import explain

    try:
        return find_task(path, dag_id, task_id)
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        reason = explain(error, path, 0).partition("\n")[0]
        raise UserError(f"{path} cannot be imported: {reason}") from error


def _test_run(store: Store, tested: TestedTask) -> StoredRun:
    """Return the run that is there, or one as if it had been triggered."""
    from airflow_lite.clock import iso
    from airflow_lite.errors import DagRunNotFound
    from airflow_lite.spec.timetable import manual_interval
    from airflow_lite.store import lookup, queued

    dag_id, run_id, logical_us = tested.spec.dag_id, tested.run_id, tested.logical_us
    with store.read() as connection:
        run = lookup.find_run(connection, dag_id, run_id, logical_us)
    if run is not None:
        return run
    if logical_us is None:
        raise DagRunNotFound(f"DAG {dag_id!r} has no run {run_id!r}. Name another, or a date.")
    interval = manual_interval(tested.spec, logical_us)
    name = f"__airflow_temporary_run_{iso(logical_us)}__"
    return queued.StoredRun(
        0,
        dag_id,
        name,
        "manual",
        "running",
        logical_us,
        *interval,
        logical_us,
        logical_us,
        None,
        True,
        {},
        0,
    )
