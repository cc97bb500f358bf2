"""Basic: the class, how it is made, its flags."""

from __future__ import annotations

import inspect
from typing import Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.check import MANDATORY
from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite_testing.case import NotApplicable, case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.experience import START
from airflow_lite_testing.needs import own_thread
from airflow_lite_testing.processes import belongings

FLAGS = (
    "supports_ad_hoc_ti_run",
    "supports_pickling",
    "supports_sentry",
    "is_local",
    "is_single_threaded",
    "is_production",
    "change_sensor_mode_to_reschedule",
    "serve_logs",
    "runs_in_process",
)
#: How the scheduler calls each method: positional arguments, then names.
CALLS: dict[str, tuple[int, tuple[str, ...]]] = {
    "start": (0, ()),
    "sync": (0, ()),
    "heartbeat": (0, ()),
    "end": (0, ()),
    "terminate": (0, ()),
    "execute_async": (0, ("key", "command", "queue", "executor_config")),
    "queue_command": (4, ()),
    "has_task": (1, ()),
    "get_event_buffer": (0, ()),
    "revoke_task": (0, ("ti",)),
    "cleanup_stuck_queued_tasks": (1, ()),
    "try_adopt_task_instances": (1, ()),
    "get_task_log": (2, ()),
    "change_state": (2, ("info", "remove_running")),
    "check_store": (1, ()),
    "configure": (1, ()),
    "send_callback": (1, ()),
}
STORES = ("sqlite:////tmp/airflow_lite.db", "postgresql+psycopg://user@localhost/airflow_lite")


class ContractCases(Cases):
    """The class itself."""

    @case("basic.contract.defines-what-it-must")
    def test_defines_what_it_must(self) -> None:
        """A subclass of BaseExecutor that writes `sync` and `execute_async`."""
        missing = [name for name in MANDATORY if _own(self.subject.type, name) is None]
        assert not missing, f"{self.subject} does not define {' and '.join(missing)}"

    @case("basic.contract.takes-the-schedulers-calls")
    def test_takes_the_schedulers_calls(self) -> None:
        """Every method takes the arguments that the scheduler gives it."""
        for name, (count, names) in CALLS.items():
            signature = inspect.signature(getattr(self.subject.type, name))
            arguments: dict[str, Any] = dict.fromkeys(names)
            try:
                signature.bind(None, *[None] * count, **arguments)
            except TypeError as error:
                raise AssertionError(f"{name}{signature} cannot be called: {error}") from None

    @case("basic.contract.made-without-arguments")
    def test_made_without_arguments(self) -> None:
        """It is made without arguments, and `super().__init__` is called."""
        executor = self.subject.make()
        for name in ("queued_tasks", "running", "event_buffer", "parallelism"):
            assert hasattr(executor, name), (
                f"{self.subject} has no {name}: it does not call super().__init__()"
            )

    @case("basic.contract.making-it-does-nothing")
    def test_making_it_does_nothing(self) -> None:
        """Making an executor starts no thread and no process, and opens nothing: `start` does."""
        self.subject.make()
        before = belongings()
        made = self.subject.make()
        after = belongings()
        assert after.threads <= before.threads, f"{made} started {after.threads - before.threads}"
        assert after.children <= before.children, f"{made} started a process when it was made"
        assert after.descriptors <= before.descriptors, f"{made} opened a descriptor when made"

    @case("basic.contract.takes-the-configured-parallelism")
    def test_takes_the_configured_parallelism(self) -> None:
        """`[core] parallelism` is what it takes at once, unless its author fixed that."""
        default = self.rig().executor.parallelism
        parallelism = self.rig(parallelism=3).executor.parallelism
        if self.subject.type.is_single_threaded or self.subject.type.runs_in_process:
            return
        if parallelism == default != 3:
            fixed = self.subject.make()._takes_configured_parallelism  # noqa: SLF001
            assert not fixed, f"{self.subject} stays at {parallelism} when [core] parallelism is 3"
            raise NotApplicable(f"its author fixed its parallelism at {parallelism}")
        assert parallelism == 3, (
            f"{self.subject} takes {parallelism} at once when [core] parallelism is 3"
        )

    @case("basic.contract.refuses-negative-parallelism")
    def test_refuses_negative_parallelism(self) -> None:
        """A negative `[core] parallelism` is refused before anything is started."""
        executor = self.subject.make()
        if not executor._takes_configured_parallelism:  # noqa: SLF001
            raise NotApplicable(f"its author fixed its parallelism at {executor.parallelism}")
        try:
            executor.configure(Config.load(overrides={("core", "parallelism"): "-1"}))
        except ConfigError:
            return
        raise AssertionError(f"{self.subject} takes a parallelism of -1")

    @case("basic.flags.are-booleans-of-the-class")
    def test_flags_are_booleans_of_the_class(self) -> None:
        """Each capability flag is True or False on the class: it is read without an instance."""
        for name in FLAGS:
            value = inspect.getattr_static(self.subject.type, name)
            assert isinstance(value, bool), f"{self.subject}.{name} is {value!r}, not a boolean"

    @case("basic.flags.one-at-a-time-where-it-says-so")
    def test_one_at_a_time_where_it_says_so(self) -> None:
        """Where `is_single_threaded` is set, no two attempts ever run at the same time."""
        if not self.subject.type.is_single_threaded:
            raise NotApplicable("is_single_threaded is False")
        rig = self.rig().start()
        attempts = [self.bench.attempt(waits=own_thread(self.subject) is None) for _ in range(3)]
        rig.queue(*attempts)
        rig.until(lambda: any(map(self.bench.starts, attempts)), START, kind=START)
        rig.for_a_while()
        self.bench.release(*attempts)
        rig.until_ended(*attempts)
        most = self.bench.most_at_once(attempts)
        assert most == 1, f"{most} attempts ran at once though is_single_threaded is set"

    @case("basic.flags.says-which-stores-it-serves")
    def test_says_which_stores_it_serves(self) -> None:
        """`check_store` returns None or the reason with a remedy; a local one serves SQLite."""
        executor = self.rig().executor
        answers = {url: executor.check_store(url) for url in STORES}
        for url, answer in answers.items():
            assert answer is None or (isinstance(answer, str) and answer.strip()), (
                f"check_store({url!r}) returned {answer!r}: return None, or the reason and remedy"
            )
        local = self.subject.type.is_local or self.subject.type.is_single_threaded
        assert not local or answers[STORES[0]] is None, (
            f"{self.subject} runs on the scheduler's machine, and refuses SQLite: "
            f"{answers[STORES[0]]}"
        )


def _own(executor_type: type, name: str) -> Any:
    method = getattr(executor_type, name, None)
    return None if method is getattr(BaseExecutor, name) else method
