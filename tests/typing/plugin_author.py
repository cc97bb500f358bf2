"""What the author of a plugin writes: every line passes `mypy --strict`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_type

from airflow_lite.cli import (
    ActionCommand,
    Arg,
    GroupCommand,
    UserError,
    config,
    lazy_load_command,
    print_rows,
)
from airflow_lite.config import Config
from airflow_lite.executors import (
    AttemptRefused,
    BaseExecutor,
    ConfigError,
    RunCommand,
    TaskInstance,
    TaskInstanceKey,
    TaskInstanceState,
)
from airflow_lite.hooks import (
    ConfigOption,
    ExecutorStarted,
    HealthContext,
    HealthReport,
    TaskFinished,
    hookimpl,
)
from airflow_lite.testing import Engine, ExecutorConformance, FakeClock, ReferenceExecutor
from airflow_lite.worker import TaskHost, child_environment


class Engined(BaseExecutor):
    """Hands commands to an engine, in the words of the contract."""

    is_local = True
    supports_pickling = True

    def __init__(self, parallelism: int = 4) -> None:
        super().__init__(parallelism)
        self.jobs: dict[TaskInstanceKey, str] = {}

    def start(self) -> None:
        assert_type(self.config.get("engine", "url"), str)
        if self.parallelism < 0:
            raise ConfigError("[engine] url is empty. Set it.")

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        if queue == "nowhere":
            raise AttemptRefused("There is no queue 'nowhere'.")
        self.jobs[key] = " ".join(command)
        assert_type(RunCommand.parse(command).key, TaskInstanceKey)

    def sync(self) -> None:
        for key in list(self.jobs):
            self.success(key)
            self.fail(key, "exit code 1")
            self.change_state(key, TaskInstanceState.FAILED)

    def revoke_task(self, *, ti: TaskInstance) -> None:
        super().revoke_task(ti=ti)
        self.jobs.pop(ti.key, None)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        return [ti for ti in tis if ti.key not in self.jobs]

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        return [f"{ti.dag_id} {try_number}"], []

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        return [GROUP]

    def end(self) -> None:
        super().end()

    def terminate(self) -> None:
        super().terminate()


class OlderSignature(BaseExecutor):
    """As executors of Airflow are annotated, with a type of their own for the command."""

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: Sequence[str],
        queue: str | None = None,
        executor_config: object = None,
    ) -> None:
        self.running.add(key)


class OnAHost(BaseExecutor):
    """Runs attempts by a task host."""

    def start(self) -> None:
        self.host = TaskHost(self.config, on_ended=self.note, on_trouble=self.note_trouble)
        self.host.start()
        assert_type(self.host.pid, int | None)
        assert_type(child_environment(self.config), dict[str, str])

    def note(self, token: str, was_claimed: bool) -> None:
        self.host.cancel(token, grace_s=1.0)

    def note_trouble(self, reason: str | None) -> None:
        self.host.release([reason or ""])

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        self.host.run(command)


def show(args: argparse.Namespace) -> int:
    """Show a setting."""
    found = config(args)
    print_rows([{"url": found.get("engine", "url")}], args.output)
    if not args.output:
        raise UserError("There is no output.")
    return 0


GROUP = GroupCommand(
    "engine",
    "Look at the engine",
    (
        ActionCommand("show", "Show the settings", show),
        ActionCommand(
            "purge",
            "Purge the engine",
            lazy_load_command("engine.commands.purge"),
            args=[
                Arg("name", help="Which", completer="pool"),
                Arg(("-y", "--yes"), action="store_true"),
            ],
            epilog="example: airflow-lite engine purge all",
        ),
        GroupCommand(
            "queues", "Its queues", [ActionCommand("list", "List them", print, hide=True)]
        ),
    ),
)


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    return [GROUP]


@hookimpl
def get_config_options() -> Sequence[ConfigOption]:
    return (ConfigOption("engine", "url", "http://localhost", "Where it is."),)


@hookimpl(trylast=True)
def check_health(context: HealthContext) -> HealthReport | None:
    assert_type(context.timeout_s, float)
    return HealthReport(healthy=True, message=context.config.get("engine", "url"))


@hookimpl
def on_executor_started(event: ExecutorStarted) -> None:
    assert_type(event.parallelism, int)


@hookimpl
def on_task_finished(event: TaskFinished) -> None:
    assert_type(event.key, TaskInstanceKey)
    assert_type(event.key.dag_id, str)


def read(settings: Config) -> None:
    """Ask for options by their types."""
    assert_type(settings.getint("engine", "most"), int)
    assert_type(settings.getfloat("engine", "wait_s"), float)
    assert_type(settings.getboolean("engine", "fast"), bool)
    assert_type(settings.getlist("engine", "hosts"), list[str])
    assert_type(settings.getpath("engine", "file"), Path)
    assert_type(Config.load({"AIRFLOW_LITE_HOME": "/home"}).home, Path)


class TestByName(ExecutorConformance):
    """The kit on an executor that is installed."""

    executor = "Engined"


class TestByClass(ExecutorConformance):
    """The kit on a class, where it needs no process of its own."""

    executor = ReferenceExecutor
    clock = FakeClock()
    engine: Engine | None = None
