"""The process that runs triggers: nothing but asyncio, user code, and no store.

Run as `python -m airflow_lite.triggerer.runner PARENT ORDERS QUESTIONS OPTIONS` by `process`: the
process that started it, two descriptors of sockets, and `RunnerOptions` as JSON. It ends with its
parent. A trigger that blocks all others is reported by a thread, which then ends the process: what
is to be run is known to the parent, which starts another.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import select
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_lite.authoring.secrets.search import search
from airflow_lite.authoring.triggers.base import (
    BaseTaskEndEvent,
    BaseTrigger,
    TriggerEvent,
    first_event,
)
from airflow_lite.errors import AirflowException
from airflow_lite.imports import import_string
from airflow_lite.parsing.authoring_hooks import call_hooks
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.children import die_with_parent
from airflow_lite.processes.packing import receive, send
from airflow_lite.processes.programs import BLOCKED
from airflow_lite.secrets_masker import redact
from airflow_lite.task_logger import log_masked
from airflow_lite.terminal import safe
from airflow_lite.text import storable
from airflow_lite.triggerer.messages import (
    TO_RUNNER,
    RunnerOptions,
    StartTrigger,
    TaskEnded,
    TriggerBegan,
    TriggerFailed,
    TriggerFired,
)
from airflow_lite.triggerer.question_line import QuestionLine
from airflow_lite.triggerer.trigger_log import CURRENT, TryLogs
from airflow_lite.worker.messages import StatesOfDag
from airflow_lite.worker.task.secrets_client import AskedSecrets
from airflow_lite.worker.task.xcom import from_json, written

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from airflow_lite.triggerer.messages import RunnerReport, TriggerKey

logger = logging.getLogger("airflow_lite.triggerer")

#: How often, in seconds, the thread looks whether the loop still turns.
_LOOK_S = 1.0


class Runner:
    """Runs the triggers that the parent names, each as a task of the loop."""

    def __init__(
        self, orders: socket.socket, options: RunnerOptions, questions: QuestionLine
    ) -> None:
        self._channel = Channel(orders)
        self._questions = questions
        self._sending = threading.Lock()  # the thread that looks for blocked loops sends, too
        self._options = options
        self._tasks: dict[TriggerKey, asyncio.Task[None]] = {}
        self._gone = asyncio.Event()

    async def serve(self) -> None:
        """Run what comes until the parent is gone."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_make_task)  # type: ignore[arg-type]
        loop.add_reader(self._channel.fileno(), self._hear)
        self._questions.attach(loop)
        Watchdog(self, loop, self._options).start()
        await self._gone.wait()

    def _hear(self) -> None:
        for order in receive(self._channel, TO_RUNNER):
            key = (order.row, order.token)
            if isinstance(order, StartTrigger):
                if key not in self._tasks:
                    self._tasks[key] = asyncio.create_task(self._run(order))
                    _owners()[self._tasks[key]] = order
            elif key in self._tasks:
                self._tasks[key].cancel()
        if self._channel.is_closed:
            self._gone.set()

    async def _run(self, order: StartTrigger) -> None:
        CURRENT.set(order)
        try:
            report = await self._report(order)
        except asyncio.CancelledError:
            report = None
        except BaseException as error:
            logger.error("the trigger of %s failed: %s", _name(order), redact(str(error)))
            report = TriggerFailed(*order.key, _lines(error))
        if report is not None:
            self.send(report)
        del self._tasks[order.key]

    async def _report(self, order: StartTrigger) -> RunnerReport:
        trigger = await _made(order, self._questions)
        asyncio.get_running_loop().call_soon(self.send, TriggerBegan(*order.key))
        try:
            return self._told(order, await first_event(trigger))
        finally:
            with suppress(Exception):
                await trigger.cleanup()

    def _told(self, order: StartTrigger, event: TriggerEvent) -> RunnerReport:
        most = self._options.max_payload_bytes
        if not isinstance(event, BaseTaskEndEvent):
            payload = written("The payload of the trigger's event", event.payload, most)
            return TriggerFired(*order.key, payload)
        xcoms = {
            key: written(f"XCom {key!r}", value, most) for key, value in (event.xcoms or {}).items()
        }
        return TaskEnded(*order.key, str(event.task_instance_state), xcoms)

    def send(self, report: RunnerReport) -> None:
        """Send a report, from whichever thread; wait until there is room for it."""
        with self._sending:
            send(self._channel, report)
            while self._channel.has_unsent:  # a peer that is gone clears it
                room = select.poll()
                room.register(self._channel, select.POLLOUT)
                room.poll()
                self._channel.flush()


async def _made(order: StartTrigger, questions: QuestionLine) -> BaseTrigger:
    """Return the trigger; its module is imported on a thread, since that may take its time."""
    spec = from_json(order.spec)
    kind = await asyncio.to_thread(_trigger_class, str(spec["class"]))
    trigger: BaseTrigger = kind(**spec["kwargs"])
    trigger.task_instance = WaitingInstance(order, questions)
    trigger.trigger_id = order.row
    return trigger


class WaitingInstance:
    """The task instance that waits, as its trigger sees it."""

    def __init__(self, order: StartTrigger, questions: QuestionLine) -> None:
        self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index = order.of_task
        self._questions = questions

    def states_of_dag(self, dag_id: str, dates_us: list[int], **which: Any) -> Any:
        """Return what `ti.states_of_dag` of a task returns; it blocks until that is answered."""
        return self._questions.ask(StatesOfDag(dag_id, dates_us, **which))

    async def await_states_of_dag(self, dag_id: str, dates_us: list[int], **which: Any) -> Any:
        """Await what `states_of_dag` returns, beside whatever else asks now."""
        return await self._questions.asked(StatesOfDag(dag_id, dates_us, **which))


@cache
def _trigger_class(path: str) -> Any:
    kind = import_string(path)
    if not (isinstance(kind, type) and hasattr(kind, "run")):
        raise AirflowException(f"{path} is no trigger. Let serialize() name a class with run().")
    return kind


def _name(order: StartTrigger) -> str:
    dag_id, task_id, run_id, _, map_index = order.of_task
    index = f"[{map_index}]" if map_index >= 0 else ""
    return f"{dag_id}.{task_id}{index} of {run_id}"


def _lines(error: BaseException) -> list[str]:
    """Return the traceback from the author's code on, as lines that can be stored."""
    frames = error.__traceback__
    own = os.path.dirname(__file__)
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(own):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return storable(redact(text) or "").rstrip().split("\n")


def _make_task(
    loop: asyncio.AbstractEventLoop, code: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """Make a task, and note for which trigger: what that starts runs in its context, too."""
    task = asyncio.Task(code, loop=loop, **options)
    if (order := CURRENT.get()) is not None:
        _owners()[task] = order
    return task


@cache
def _owners() -> WeakKeyDictionary[asyncio.Task[Any], StartTrigger]:
    """Return whose trigger each task of the loop is of."""
    return WeakKeyDictionary()


class Watchdog(threading.Thread):
    """Tells of a trigger that blocks the loop, and ends the process if it does so for long."""

    def __init__(
        self, runner: Runner, loop: asyncio.AbstractEventLoop, options: RunnerOptions
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._runner = runner
        self._loop = loop
        self._options = options
        self._turned = threading.Event()

    def run(self) -> None:
        """Look again and again whether the loop turns."""
        while True:
            self._turned.clear()
            self._loop.call_soon_threadsafe(self._turned.set)
            if not self._turned.wait(self._options.notice_s):
                self._tell()
            time.sleep(_LOOK_S)

    def _tell(self) -> None:
        most_s = self._options.most_blocked_s
        order = self._culprit()
        who = "something" if order is None else f"the trigger of {_name(order)}"
        logger.warning(
            "%s blocks all triggers: it does not await what it waits for. It fails after %g s.",
            who,
            most_s,
        )
        if self._turned.wait(max(most_s - self._options.notice_s, 0.0)):
            return
        if (order := self._culprit()) is None:
            os._exit(1)
        reason = (
            f"The trigger blocked all others for {most_s:g} s. Let it await what it waits for,"
            " as by `await asyncio.sleep(…)` or `await asyncio.to_thread(…)`."
        )
        self._runner.send(TriggerFailed(*order.key, [reason]))
        os._exit(BLOCKED)

    def _culprit(self) -> StartTrigger | None:
        task = asyncio.current_task(self._loop)
        return None if task is None else _owners().get(task)


def main(arguments: list[str]) -> int:
    """Run triggers until the parent is gone."""
    parent, orders, questions, options_text = arguments
    die_with_parent(int(parent))
    options = RunnerOptions(**json.loads(options_text))
    form = "%(asctime)s triggerer %(levelname)s %(message)s"
    log_masked(safe(sys.stderr), options.log_level, form)
    logging.getLogger().addHandler(TryLogs(options))
    sys.path.append(options.folder)
    sys.dont_write_bytecode = True  # Python takes it for fresh if a module was edited just now
    line = QuestionLine(_socket(questions))
    search().store = AskedSecrets(line.ask)
    try:
        call_hooks(options.authoring)
    except AirflowException as error:  # the triggers that need it fail by it
        logger.error("%s", error)
    asyncio.run(Runner(_socket(orders), options, line).serve())
    return 0


def _socket(descriptor: str) -> socket.socket:
    end = socket.socket(fileno=int(descriptor))
    os.set_inheritable(end.fileno(), False)
    return end


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
