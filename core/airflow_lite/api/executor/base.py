"""`BaseExecutor`: the contract between the scheduler and what gets attempts run."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite.api.executor import metrics
from airflow_lite.api.executor.event_buffer import EventBuffer
from airflow_lite.api.executor.events import Refused, Requeue
from airflow_lite.clock import Clock, SystemClock
from airflow_lite.errors import AirflowTaskTimeout, AttemptRefused, ConfigError
from airflow_lite.keys import RUN_PREFIX, RunCommand, TaskInstanceKey
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.api.commands.spec import GroupCommand
    from airflow_lite.api.executor.routes import Routes
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.config import Config

# ruff: noqa: FBT001, FBT002 - the signatures are Airflow's


DEFAULT_PARALLELISM = 32
#: Longest wait, in seconds, between two `sync` while `end` waits for what runs.
END_SYNC_INTERVAL_S = 0.2

CommandType = list[str]
QueuedTaskInstanceType = tuple[CommandType, int, "str | None", "TaskInstance"]
TaskTuple = tuple[TaskInstanceKey, CommandType, "str | None", Any]

logger = logging.getLogger(__name__)


class BaseExecutor(EventBuffer):
    """Gets attempts run. An author must write `sync` and `execute_async`; all else has a default.

    Every method is called on one thread of the executor's own, on which it may block for up to
    `[scheduler] executor_budget_s`. Only `change_state` and the four methods that call it may be
    called from other threads. Options are read from `config` in `start` or later.
    """

    #: Airflow's, for its web page; nothing here asks.
    supports_ad_hoc_ti_run: bool = False
    #: Tasks may be run from pickled DAGs: the command, with `--pickle ID`, goes to a task host or
    #: to `airflow-lite tasks run`. Nothing is pickled unless the user turns that on.
    supports_pickling: bool = True
    #: Its tasks run on task hosts, which report those that fail to Sentry.
    supports_sentry: bool = False
    #: Tasks run on the scheduler's machine.
    is_local: bool = False
    #: One task at a time, so that any database will do.
    is_single_threaded: bool = False
    #: Where False, the user is warned.
    is_production: bool = True
    #: Sensors that poke would block the executor: run them in reschedule mode.
    change_sensor_mode_to_reschedule: bool = False
    #: The executor's machine serves the logs of its tasks.
    serve_logs: bool = False
    #: Tasks run on the scheduler's main thread.
    runs_in_process: bool = False

    #: The id of the scheduler's job, set before `start`.
    job_id: Any = None
    #: The name by which it was chosen, once it is loaded.
    name: str | None = None
    #: Where `send_callback` hands requests to; set before `start`.
    callback_sink: Any = None
    #: Of a hybrid, the executors that it is made of.
    halves: ClassVar[tuple[type[BaseExecutor], ...]] = ()
    #: Of a hybrid, which half an attempt goes to, once it is configured; None for all others.
    routes: Routes | None = None
    #: Where its gauges go: any object with `gauge(name, value, tags)`.
    metrics: metrics.MetricSink = metrics.NoMetrics()

    def __init__(self, parallelism: int | None = None, *, clock: Clock | None = None) -> None:
        """Take at most `parallelism` attempts at once: 0 is no limit, None is `[core]`'s."""
        super().__init__()
        self._takes_configured_parallelism = parallelism is None
        #: Most attempts at once; 0 is no limit.
        self.parallelism = _checked(DEFAULT_PARALLELISM if parallelism is None else parallelism)
        #: What was handed in and is not with the engine yet: (command, priority, queue, instance)
        #: of each key. `trigger_tasks` takes from it. Use it on the executor's thread alone.
        self.queued_tasks: dict[TaskInstanceKey, QueuedTaskInstanceType] = {}
        #: What to take the time from, so that a test can move it.
        self.clock: Clock = clock or SystemClock()
        self.attempts: defaultdict[TaskInstanceKey, RunningRetryAttemptType] = defaultdict(
            lambda: RunningRetryAttemptType(self.clock)
        )
        self._config: Config | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(parallelism={self.parallelism})"

    @classmethod
    def logger(cls) -> logging.Logger:
        """Return the logger of the executor's class, named by its module and name."""
        return logging.getLogger(f"{cls.__module__}.{cls.__name__}")

    @cached_property
    def log(self) -> logging.Logger:
        """The logger of the executor's class. The scheduler shows it from INFO on."""
        return self.logger()

    @property
    def config(self) -> Config:
        """The settings that `configure` got, else those that `Config.load` reads now."""
        if self._config is None:
            from airflow_lite.config import Config

            self._config = Config.load()
        return self._config

    def configure(self, config: Config) -> None:
        """Take `config`, with the parallelism where the author fixed none; raise `ConfigError`."""
        self._config = config
        if self._takes_configured_parallelism:
            self.parallelism = _checked(config.getint("core", "parallelism"))

    def sync(self) -> None:
        """Look at the engine, and report what ended by `success` and `fail`."""

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: CommandType,
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Hand `command`, which runs one attempt, to the engine, and return at once.

        Raise `AttemptRefused` if it can never run so; anything else raised is tried again.
        """
        raise NotImplementedError(f"{type(self).__name__} has no execute_async. Write it.")

    def start(self) -> None:
        """Connect to the engine. Called once, before everything but `configure`."""

    def end(self) -> None:
        """Wait until what runs has ended, or `[scheduler] shutdown_grace_s` is over."""
        deadline = self.clock.monotonic() + self.config.getfloat("scheduler", "shutdown_grace_s")
        while True:
            self._news.clear()
            self.sync()
            self._absorb()
            left_s = deadline - self.clock.monotonic()
            if not self.running or left_s <= 0:
                return
            self._news.wait(min(left_s, END_SYNC_INTERVAL_S))

    def terminate(self) -> None:
        """Stop without waiting. The default starts nothing more, and lets go of what runs.

        May come on another thread while `end` is still waiting on the executor's own.
        """
        if self.queued_tasks or self.running:
            counts = len(self.queued_tasks), len(self.running)
            logger.warning("%s: terminated with %d queued and %d running", self, *counts)
        self.queued_tasks.clear()
        self.running.clear()
        self._news.set()

    def cleanup_stuck_queued_tasks(self, tis: list[TaskInstance]) -> list[str]:
        """Take back attempts that were queued for too long; return their reprs, for the log."""
        for ti in tis:
            if self._overrides("revoke_task"):
                self.revoke_task(ti=ti)
            else:
                self._forget(ti.key)
        return [repr(ti) for ti in tis]

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Take back one attempt: stop it if possible, forget it; no event, no exception.

        By default it is forgotten, which is enough: its token is void, so it cannot start.
        """
        if self._overrides("cleanup_stuck_queued_tasks"):
            self.cleanup_stuck_queued_tasks([ti])
        self._forget(ti.key)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Take over a dead scheduler's attempts; return those that could not be: here, all."""
        return tis

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the executor's groups of commands, as data: no work, no configuration."""
        return []

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return (messages, logs) that the task's environment knows beside its log file.

        Called when a log is shown, on an executor that was configured but not started, in a
        process of its own, which is ended after 10 seconds.
        """
        return [], []

    def check_store(self, url: str) -> str | None:
        """Return why this executor cannot serve the database at `url`, with the remedy, or None."""
        serves_any = self.is_local or self.is_single_threaded or self.runs_in_process
        if serves_any or not url.startswith("sqlite"):
            return None
        return (
            f"{self.name or type(self).__name__} runs tasks on other machines, which cannot reach "
            "the SQLite file of this one. Set [database] sql_alchemy_conn to a PostgreSQL "
            "database, or [core] executor to LocalExecutor."
        )

    def queue_command(
        self,
        task_instance: TaskInstance,
        command: CommandType,
        priority: int = 1,
        queue: str | None = None,
    ) -> None:
        """Queue an attempt; one that is queued already is logged and left as it is."""
        key = task_instance.key
        if key in self.queued_tasks:
            logger.error("%s: could not queue task %s: it is queued already", self, key)
            return
        logger.debug("%s: adding to queue: %s", self, command)
        self.queued_tasks[key] = (command, priority, queue, task_instance)

    def queue_task_instance(
        self,
        task_instance: TaskInstance,
        mark_success: bool = False,
        pickle_id: int | None = None,
        ignore_all_deps: bool = False,
        ignore_depends_on_past: bool = False,
        wait_for_past_depends_before_skipping: bool = False,
        ignore_task_deps: bool = False,
        ignore_ti_state: bool = False,
        pool: str | None = None,
        cfg_path: str | None = None,
    ) -> None:
        """Build the command of a task instance and queue it.

        Dependencies are decided before an attempt is made, so asking to ignore them here, or for
        another configuration, or for a pickled DAG of an executor that does not support it, raises
        `ValueError`.
        """
        passed_on = _PASSED_ON | ({"pickle_id"} if self.supports_pickling else set())
        arguments = {name: value for name, value in locals().items() if name not in passed_on}
        names = [name for name, value in arguments.items() if value]
        if names:
            raise ValueError(
                f"queue_task_instance cannot pass on {', '.join(names)}. "
                "An attempt is queued when the scheduler has decided that it runs."
            )
        command = RunCommand(
            task_instance.key,
            pool=pool or task_instance.pool,
            pickle_id=pickle_id or task_instance.pickle_id,
        ).words()
        self.queue_command(
            task_instance, command, task_instance.priority_weight, task_instance.queue
        )

    def has_task(self, task_instance: TaskInstance) -> bool:
        """Return whether this attempt is queued or running here."""
        key = task_instance.key
        return key in self.queued_tasks or key in self.running

    def heartbeat(self) -> None:
        """Trigger what is queued, as far as slots go, then sync."""
        self._absorb()
        open_slots = self._open_slots()
        self._emit_metrics()
        if self.parallelism and open_slots <= 0 and self.queued_tasks:
            logger.debug("%s: parallelism limit reached, 0 open slots", self)
        self.trigger_tasks(open_slots)
        self.sync()
        self._absorb()

    def _open_slots(self) -> int:
        return self.parallelism - len(self.running) if self.parallelism else len(self.queued_tasks)

    def _emit_metrics(self) -> None:
        name = type(self).__name__
        for metric, status, value in (
            (metrics.OPEN_SLOTS, "open", self._open_slots()),
            (metrics.QUEUED_TASKS, "queued", len(self.queued_tasks)),
            (metrics.RUNNING_TASKS, "running", len(self.running)),
        ):
            self.metrics.gauge(metric, value, {"status": status, "name": name})

    def order_queued_tasks_by_priority(
        self,
    ) -> list[tuple[TaskInstanceKey, QueuedTaskInstanceType]]:
        """Return the queue, highest priority first, first come first within one priority."""
        return sorted(self.queued_tasks.items(), key=lambda item: item[1][1], reverse=True)

    def trigger_tasks(self, open_slots: int) -> None:
        """Execute up to `open_slots` of the queue; a key that still runs takes no slot."""
        if open_slots <= 0:
            return
        chosen: list[TaskTuple] = []
        for key, (command, _, queue, ti) in self.order_queued_tasks_by_priority():
            if len(chosen) >= open_slots:
                break
            if key in self.running:
                self._look_again(key)
            else:
                self.attempts.pop(key, None)
                chosen.append((key, command, queue, ti.executor_config))
        if chosen:
            self._process_tasks(chosen)

    def _look_again(self, key: TaskInstanceKey) -> None:
        attempt = self.attempts[key]
        if attempt.can_try_again():
            logger.info(
                "%s: queued but still running; attempt=%s task=%s", self, attempt.total_tries, key
            )
            return
        reason = f"still running after {attempt.total_tries} attempts"
        logger.error("%s: could not queue task %s (%s)", self, key, reason)
        self.log_task_event(event="task launch failure", extra=reason, ti_key=key)
        del self.attempts[key], self.queued_tasks[key]
        self.change_state(key, TaskInstanceState.FAILED, Requeue(reason), remove_running=False)

    def _process_tasks(self, task_tuples: list[TaskTuple]) -> None:
        for key, command, queue, executor_config in task_tuples:
            self.running.add(key)  # before the call: it may report an event of the key at once
            self.queued_tasks.pop(key, None)
            try:
                self.execute_async(
                    key=key, command=command, queue=queue, executor_config=executor_config
                )
            except AttemptRefused as error:
                logger.error("%s: refused %s: %s", self, key, error)
                self.fail(key, Refused(str(error)))
            except (Exception, AirflowTaskTimeout) as error:
                logger.exception("%s: execute_async of %s raised", self, key)
                self.fail(key, Requeue(f"execute_async raised {type(error).__name__}: {error}"))

    @property
    def slots_available(self) -> int:
        """How many attempts more could be queued; below 0 if there are too many."""
        return sys.maxsize if self.parallelism == 0 else self.parallelism - self.slots_occupied

    @property
    def slots_occupied(self) -> int:
        """How many attempts are queued or running, each counted once."""
        both = len(self.queued_tasks.keys() & self.running) if self.queued_tasks else 0
        return len(self.running) + len(self.queued_tasks) - both

    def half_slots(self) -> dict[str, int]:
        """Return how many attempts more each half of a hybrid can take; {} for all others."""
        return {}

    def send_callback(self, request: Any) -> None:
        """Hand a callback request to the sink; raise `ValueError` where none is configured."""
        if self.callback_sink is None:
            raise ValueError(
                "Callback sink is not ready. Set the executor's callback_sink before start()."
            )
        self.callback_sink.send(request)

    @staticmethod
    def validate_airflow_tasks_run_command(command: CommandType) -> tuple[str | None, str | None]:
        """Return (DAG id, task id) of a run command, (None, None) of one that asks for help.

        Raises `ValueError` or `InvalidIdError` where `RunCommand.parse` does.
        """
        if tuple(command[:3]) != RUN_PREFIX:
            raise ValueError(f"The command must start with {list(RUN_PREFIX)}.")
        if len(command) == len(RUN_PREFIX) or "--help" in command:
            return None, None
        key = RunCommand.parse(command).key
        return key.dag_id, key.task_id

    @staticmethod
    def validate_command(command: CommandType) -> None:
        """Check a run command under the older name of the method."""
        import warnings

        warnings.warn(
            "validate_command is deprecated. Call validate_airflow_tasks_run_command.",
            DeprecationWarning,
            stacklevel=2,
        )
        BaseExecutor.validate_airflow_tasks_run_command(command)

    def debug_dump(self) -> None:
        """Log what is queued, what runs, and the events that nobody took yet."""
        for name, entries in (
            ("queued", self.queued_tasks.items()),
            ("running", self.running),
            ("event_buffer", self.event_buffer.items()),
        ):
            items = list(entries)
            logger.info("executor.%s (%d)\n\t%s", name, len(items), "\n\t".join(map(repr, items)))

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(BaseExecutor, method)

    def _forget(self, key: TaskInstanceKey) -> None:
        self.queued_tasks.pop(key, None)
        self.running.discard(key)
        self.attempts.pop(key, None)
        self.external_ids.pop(key, None)


_PASSED_ON = frozenset({"self", "task_instance", "pool", "passed_on"})


def _checked(parallelism: int) -> int:
    if parallelism < 0:
        raise ConfigError(f"[core] parallelism is {parallelism}. Make it 0 for no limit, or more.")
    return parallelism


class RunningRetryAttemptType:
    """Counts the looks at one key: at least two, and until one came after `MIN_SECONDS`."""

    MIN_SECONDS = 10

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.total_tries = 0
        self.tries_after_min = 0
        self.first_attempt_time = self.clock.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the first look."""
        return self.clock.monotonic() - self.first_attempt_time

    def can_try_again(self) -> bool:
        """Count one look; return False if the last one already came late enough."""
        if self.tries_after_min > 0:
            return False
        self.total_tries += 1
        if self.elapsed > self.MIN_SECONDS:
            self.tries_after_min += 1
        return True
