"""Wrong where the engine fails."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite_testing.remote_engine import RemoteExecutor

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey

#: Longer than any case waits, in seconds.
PATIENCE_S = 40.0
ENGINE = "airflow_lite_testing.remote_engine:RemoteEngine"


class RemoteMutant(RemoteExecutor):
    """Correct but for what its docstring says."""

    caught_by: ClassVar[str]
    mutants_engine: ClassVar[str] = ENGINE


class WaitsForTheLost(RemoteMutant):
    """Takes what its worker lost for something that still runs."""

    caught_by = "faults.worker.lost"

    def tell(self, key: TaskInstanceKey, code: int | str | None) -> None:
        """Tell an exit code."""
        super().tell(key, None if code == "lost" else code)


class CutMeansFailed(RemoteMutant):
    """Takes everything for failed as soon as the engine does not answer."""

    caught_by = "faults.backend.cut-in-flight"

    def sync(self) -> None:
        """Ask, or tell failures."""
        try:
            self.ask({"poll": []})
        except OSError as error:
            for key in list(self.running):
                self.fail(key, str(error))
        super().sync()


class StartsWhenItCan(RemoteMutant):
    """Waits for the engine when it starts, for ever."""

    caught_by = "faults.backend.cut-at-start"

    def start(self) -> None:
        """Ask until there is an answer, or somebody gives up."""
        until = self.clock.monotonic() + PATIENCE_S
        while self.clock.monotonic() < until:
            with suppress(OSError):
                self.ask({"poll": []})
                return
            self._news.wait(0.1)


class WaitsForAnswers(RemoteMutant):
    """Waits for the engine's answer about what runs, for ever."""

    caught_by = "faults.backend.stalled-in-flight"

    def sync(self) -> None:
        """Ask with all the time there is."""
        self.answer_s = PATIENCE_S
        super().sync()


class SubmitsWhenItIsAnswered(RemoteMutant):
    """Waits for the engine's answer to a hand-over, for ever."""

    caught_by = "faults.backend.stalled-at-submit"

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Hand the command to the engine, with all the time there is."""
        self.answer_s = PATIENCE_S
        super().execute_async(key, command, queue, executor_config)


class TerminatesWhenItIsAnswered(RemoteMutant):
    """Waits for the engine's answer when it is to stop at once, for ever."""

    caught_by = "faults.backend.stalled-at-end"

    def terminate(self) -> None:
        """Have the engine stop what runs, with all the time there is."""
        self.answer_s = PATIENCE_S
        super().terminate()


class LosesWhatItCannotSubmit(RemoteMutant):
    """Forgets what cannot be handed over."""

    caught_by = "faults.backend.cut-at-submit"

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Hand the command to the engine, or forget it."""
        try:
            super().execute_async(key, command, queue, executor_config)
        except OSError:
            self.running.discard(key)


class EndsWhenItCan(RemoteMutant):
    """Waits at its end until the engine has answered, for ever."""

    caught_by = "faults.backend.cut-at-end"

    def end(self) -> None:
        """Ask until there is an answer, or somebody gives up."""
        until = self.clock.monotonic() + PATIENCE_S
        while self.clock.monotonic() < until:
            with suppress(OSError):
                self.ask({"poll": []})
                return
            self._news.wait(0.1)
