"""Wrong in what the class is, and in what it says of itself."""
# mypy: disable-error-code="override"

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite_testing.mutants.base import Mutant

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.keys import TaskInstanceKey


class WithoutSync(BaseExecutor):
    """Writes no `sync`."""

    caught_by: ClassVar[str] = "basic.contract.defines-what-it-must"

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Do nothing."""


class OddSignature(Mutant):
    """Takes a key where the scheduler gives a task instance by name."""

    caught_by = "basic.contract.takes-the-schedulers-calls"

    def revoke_task(self, key: TaskInstanceKey) -> None:
        """Take back one attempt."""
        self._forget(key)


class WithoutSuper(Mutant):
    """Does not call `super().__init__`."""

    caught_by = "basic.contract.made-without-arguments"

    def __init__(self, parallelism: int | None = None) -> None:
        self.parallelism = parallelism or 32


class BusyConstructor(Mutant):
    """Starts a thread when it is made."""

    caught_by = "basic.contract.making-it-does-nothing"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.over = threading.Event()
        threading.Thread(target=self.over.wait, args=(30,), daemon=True).start()


class DeafToParallelism(Mutant):
    """Takes 16 at once, whatever is configured."""

    caught_by = "basic.contract.takes-the-configured-parallelism"

    def configure(self, config: Config) -> None:
        """Take `config`, without its parallelism."""
        super().configure(config)
        self.parallelism = 16


class NegativeParallelism(Mutant):
    """Takes a negative parallelism, and would never start anything."""

    caught_by = "basic.contract.refuses-negative-parallelism"

    def configure(self, config: Config) -> None:
        """Take `config`, unchecked."""
        self._config = config
        self.parallelism = int(config.get("core", "parallelism"))


class FlagOnTheInstance(Mutant):
    """Has a flag that needs an instance to be read."""

    caught_by = "basic.flags.are-booleans-of-the-class"

    @property
    def serve_logs(self) -> bool:
        """Whether it serves logs."""
        return True


class SeveralThoughSingle(Mutant):
    """Says that it runs one attempt at a time, and runs four."""

    caught_by = "basic.flags.one-at-a-time-where-it-says-so"
    is_single_threaded = True


class RefusesSqlite(Mutant):
    """Is local and refuses SQLite."""

    caught_by = "basic.flags.says-which-stores-it-serves"

    def check_store(self, url: str) -> str | None:
        """Refuse SQLite."""
        return "SQLite is not for production." if url.startswith("sqlite") else None
