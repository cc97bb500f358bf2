"""`HybridExecutor`: two executors as one, and a queue that says which of them runs a task."""
# ruff: noqa: FBT001, FBT002 - the signatures are Airflow's

from __future__ import annotations

import logging
import sys
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.event_buffer import EventBuffer
from airflow_lite.api.executor.events import (
    UNENDED,
    Adopted,
    CallbackRequest,
    Event,
    Failure,
    Requeue,
    TaskEventLog,
)
from airflow_lite.api.executor.routes import Routes
from airflow_lite.errors import ConfigError
from airflow_lite.executors.driving.driver import QueueItem
from airflow_lite.executors.half import HalfThread
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.api.commands.spec import GroupCommand
    from airflow_lite.api.executor.events import Report
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.keys import TaskInstanceKey

logger = logging.getLogger(__name__)

#: Seconds that a half has to say which of a dead scheduler's attempts it takes over.
ADOPTION_S = 3.0
#: Seconds beyond `[scheduler] shutdown_grace_s` that the halves have to end.
END_S = 3.0
#: Seconds that both halves have to terminate.
TERMINATE_S = 4.0

#: Flags that a hybrid has where both halves have them; of the others one half is enough.
_OF_BOTH = frozenset({"is_local", "is_production", "supports_pickling"})
#: Flags that no hybrid has: two halves are two at once, each on a thread of its own.
_OF_NONE = frozenset({"is_single_threaded", "runs_in_process"})


class HybridExecutor(BaseExecutor):
    """Two executors as one: tasks of some queues run on the second, all others on the first.

    An author names two classes as `halves`, and the `queues` of the second or, in `queue_option`,
    the section and name of the setting that lists them. Each half lives on a thread of its own,
    so that neither waits for the other; whatever is asked of an attempt goes to the half that has
    it. `[core] parallelism` holds for both together.
    """

    #: The executor of all queues but some, and that of the others.
    halves: ClassVar[tuple[type[BaseExecutor], ...]] = ()
    #: The queues of the second half.
    queues: ClassVar[Sequence[str]] = ()
    #: The section and name of the setting that lists them instead, comma-separated.
    queue_option: ClassVar[tuple[str, str] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "halves" in vars(cls):
            _check_halves(cls)
            for name, value in _flags(cls.halves).items():
                if name not in vars(cls):
                    setattr(cls, name, value)
            if all(half.get_task_log is BaseExecutor.get_task_log for half in cls.halves):
                cls.get_task_log = BaseExecutor.get_task_log  # type: ignore[method-assign]
            if "get_cli_commands" not in vars(cls):
                cls.get_cli_commands = staticmethod(lambda: _groups(cls))  # type: ignore[method-assign]

    def __init__(self, parallelism: int | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(parallelism, clock=clock)
        self._executors = {half.__name__: _new(half) for half in self.halves}
        self._threads: dict[str, HalfThread] = {}
        self._items: dict[TaskInstanceKey, QueueItem] = {}
        #: The half that has each attempt; read on any thread.
        self._owners: dict[TaskInstanceKey, str] = {}
        self._start_errors: dict[str, BaseException] = {}
        self._told_queues: set[tuple[str | None, str]] = set()
        #: What was offered for adoption, and is waited for.
        self._offered: set[TaskInstanceKey] = set()

    def configure(self, config: Config) -> None:
        """Take `config`, and hand it to both halves; raise `ConfigError`."""
        super().configure(config)
        for executor in self._executors.values():
            executor.configure(config)
        default, other = self._executors
        queues = config.getlist(*self.queue_option) if self.queue_option else self.queues
        self.routes = Routes(default, (default, other), dict.fromkeys(queues, other))

    def start(self) -> None:
        """Start both halves; raise `ConfigError` where none does.

        One that does not start is tried again later, while the other works.
        """
        budget_s = self.config.getfloat("scheduler", "executor_budget_s")
        for name, executor in self._executors.items():
            executor.job_id = self.job_id
            self._threads[name] = HalfThread(
                executor,
                lambda name=name: self._made_again(name),  # type: ignore[misc]
                wake=self._half_woke,
                budget_s=budget_s,
                clock=self.clock,
            )
        for thread in self._threads.values():
            thread.start()
        deadline = time.monotonic() + budget_s
        for thread in self._threads.values():
            thread.has_begun.wait(max(deadline - time.monotonic(), 0))
        self.sync()
        if len(self._start_errors) == len(self._threads):
            self._give_up()

    def _give_up(self) -> None:
        for thread in self._threads.values():
            thread.end(0)
        why = "; ".join(f"{name}: {error}" for name, error in self._start_errors.items())
        raise ConfigError(f"Neither half of {self.name or type(self).__name__} starts. {why}")

    def _made_again(self, name: str) -> BaseExecutor:
        executor = _new(type(self._executors[name]))
        executor.configure(self.config)
        executor.job_id = self.job_id
        return executor

    def _half_woke(self) -> None:
        self._news.set()
        self._wake()

    def queue_command(
        self,
        task_instance: TaskInstance,
        command: list[str],
        priority: int = 1,
        queue: str | None = None,
    ) -> None:
        """Queue an attempt; the half of its queue gets it as soon as a slot is free."""
        key = task_instance.key
        if key not in self.queued_tasks:
            self._items[key] = QueueItem(task_instance, command, priority, queue)
        super().queue_command(task_instance, command, priority, queue)

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Hand an attempt to the half of its queue."""
        item = self._items.pop(key)._replace(command=command, queue=queue)
        name = self._half_of(item.task_instance, queue)
        self._owners[key] = name
        self._tell_queue(queue, name)
        self._threads[name].queue([item])

    def _tell_queue(self, queue: str | None, name: str) -> None:
        """Say once of each queue which half has it: one that nobody serves is noticed so."""
        if (queue, name) not in self._told_queues:
            self._told_queues.add((queue, name))
            logger.info("tasks of queue %r go to %s", queue, name)

    def sync(self) -> None:
        """Take what the halves report."""
        for name, thread in self._threads.items():
            for report in thread.drain():
                self._hear(name, report)

    def _hear(self, name: str, report: Report) -> None:
        match report:
            case Event(key, state, info):
                self._hear_event(key, state, info)
            case Adopted():
                self._settle_offer(name, report)
            case CallbackRequest():
                self.send_callback(report)
            case TaskEventLog():
                self._task_event_logs.append(report)
            case Failure("start", error):
                self._start_errors[name] = error

    def _hear_event(self, key: TaskInstanceKey, state: str | None, info: Any) -> None:
        if key not in self._owners:
            logger.debug("%s: late event of %s: %s", self, key, state)
            return
        is_end = state not in UNENDED
        if is_end:
            del self._owners[key]
        EventBuffer.change_state(self, key, state, info, remove_running=is_end)

    def change_state(
        self,
        key: TaskInstanceKey,
        state: str | None,
        info: Any = None,
        remove_running: bool = True,
    ) -> None:
        """Tell the half that has the attempt, which reports it; note it where none has it."""
        thread = self._threads.get(self._owners.get(key, ""))
        if thread is None or thread.ended:
            super().change_state(key, state, info, remove_running)
        else:
            thread.executor.change_state(key, state, info, remove_running)

    @property
    def slots_available(self) -> int:
        """How many attempts more could be queued: as many as both halves can take together."""
        own = super().slots_available
        if not self._threads:
            return own
        rooms = self.half_slots().values()
        return min(own, sys.maxsize if sys.maxsize in rooms else sum(rooms))

    def half_slots(self) -> dict[str, int]:
        """Return how many attempts more each half can take; 0 for one that does not answer."""
        queued = Counter(self._half_of(item[3], item[2]) for item in self.queued_tasks.values())
        return {name: _left(thread, queued[name]) for name, thread in self._threads.items()}

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Take an attempt back from the half that has it."""
        was_waiting = ti.key in self._items
        name = self._owners.get(ti.key) or self._half_of(ti, ti.queue)
        self._forget(ti.key)
        if not was_waiting and name in self._threads:
            self._threads[name].revoke(ti)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Offer each attempt to the half that it was queued for; return what that cannot take.

        What a half has not answered in time counts as adopted, and is told as failed if it is
        given back later.
        """
        batches: defaultdict[str, list[TaskInstance]] = defaultdict(list)
        for ti in tis:
            batches[self._half_of(ti, ti.queue)].append(ti)
        for name, batch in batches.items():
            if name in self._threads:
                keys = {ti.key for ti in batch}
                self.running |= keys
                self._owners |= dict.fromkeys(keys, name)
                self._offered |= keys
                self._threads[name].adopt(batch)
        self._wait_for_answers()
        return [ti for ti in tis if ti.key not in self._owners]

    def _wait_for_answers(self) -> None:
        deadline = time.monotonic() + ADOPTION_S
        while True:
            self._news.clear()
            self.sync()
            left_s = deadline - time.monotonic()
            if not self._offered or left_s <= 0:
                break
            self._news.wait(left_s)
        for name in sorted({self._owners[key] for key in self._offered}):
            logger.warning("%s: %s does not say in time what it adopts", self, name)
        self._offered.clear()

    def _settle_offer(self, name: str, answer: Adopted) -> None:
        for key in answer.returned:
            if key in self._offered:
                self._forget(key)
            else:
                self._hear_event(key, TaskInstanceState.FAILED, Requeue(f"{name} did not adopt it"))
        self._offered.difference_update(answer.adopted, answer.returned)

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return what the half that has, or had, the attempt knows of its log."""
        return self._made_again(self._half_of(ti, ti.queue)).get_task_log(ti, try_number)

    def check_store(self, url: str) -> str | None:
        """Return why one of the halves cannot serve the database at `url`, or None."""
        reasons = (executor.check_store(url) for executor in self._executors.values())
        return next((reason for reason in reasons if reason is not None), None)

    def end(self) -> None:
        """Let both halves wait for what runs, at the same time; one that hangs is terminated."""
        grace_s = self.config.getfloat("scheduler", "shutdown_grace_s")
        deadline = time.monotonic() + grace_s + END_S
        for thread in self._threads.values():
            thread.end(0)
        for thread in self._threads.values():
            if not thread.end(max(deadline - time.monotonic(), 0)):
                logger.warning("%s: %s does not end, and is terminated", self, thread.executor)
                thread.begin_terminating()
        self.sync()
        self._absorb()

    def terminate(self) -> None:
        """Terminate both halves at the same time."""
        super().terminate()
        self._items.clear()
        self._owners.clear()
        deadline = time.monotonic() + TERMINATE_S
        done = [thread.begin_terminating() for thread in self._threads.values()]
        for event in done:
            event.wait(max(deadline - time.monotonic(), 0))

    def debug_dump(self) -> None:
        """Log the state of the hybrid, and that of each half."""
        super().debug_dump()
        for thread in self._threads.values():
            thread.debug_dump()

    def _half_of(self, ti: TaskInstance, queue: str | None) -> str:
        assert self.routes is not None  # it is configured
        return self.routes.half_of(queue or ti.queue, ti.executor)

    def _forget(self, key: TaskInstanceKey) -> None:
        super()._forget(key)
        self._items.pop(key, None)
        self._owners.pop(key, None)


def _check_halves(cls: type[HybridExecutor]) -> None:
    names = [half.__name__ for half in cls.halves]
    if len(set(names)) != 2:
        raise TypeError(f"{cls.__name__}.halves are {names}. Name two executors of other names.")
    for half in cls.halves:
        if half.runs_in_process or issubclass(half, HybridExecutor):
            raise TypeError(
                f"{cls.__name__} cannot have {half.__name__} as a half: each half lives on a "
                "thread of its own. Take an executor that runs its tasks in other processes."
            )


def _flags(halves: Sequence[type[BaseExecutor]]) -> dict[str, bool]:
    """Return the flags of a hybrid: of each, whether enough of its halves have it."""
    names = [name for name, value in vars(BaseExecutor).items() if isinstance(value, bool)]
    return {
        name: name not in _OF_NONE
        and (all if name in _OF_BOTH else any)(getattr(half, name) for half in halves)
        for name in names
    }


def _groups(cls: type[HybridExecutor]) -> list[GroupCommand]:
    """Return the groups of commands of both halves, each once."""
    groups = (group for half in cls.halves for group in half.get_cli_commands())
    return list({group.name: group for group in groups}.values())


def _new(half: type[BaseExecutor]) -> BaseExecutor:
    executor = half()
    executor.name = half.__name__
    return executor


def _left(thread: HalfThread, queued: int) -> int:
    slots = thread.slots_available
    return slots if slots == sys.maxsize else max(slots - queued, 0)
