"""What a type checker must tell the author of a plugin: each line says its errors, no other has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_lite.cli import (  # error: attr-defined
    ActionCommand,
    Arg,
    GroupCommand,
    NoSuchName,
    lazy_load_command,
)
from airflow_lite.config import Config
from airflow_lite.executors import (  # error: attr-defined
    BaseExecuter,
    BaseExecutor,
    TaskInstance,
    TaskInstanceKey,
    TaskInstanceState,
)
from airflow_lite.hooks import (  # error: attr-defined
    ConfigOption,
    ExecutorStarted,
    HealthReport,
    hookimp,
    hookimpl,
)
from airflow_lite.testing import ExecutorConformance, FakeClocks  # error: attr-defined
from airflow_lite.worker import TaskHost, TaskHosts, child_environment  # error: attr-defined


class Wrong(BaseExecutor):
    is_local = "yes"  # error: assignment
    supports_pickling = None  # error: assignment

    def execute_async(
        self,
        key: str,  # error: override
        command: list[str],
        queue: str | None = None,
        executor_config: Any = None,
    ) -> None:
        self.success(key)  # error: arg-type

    def sync(self, wait_s: float) -> None:  # error: override
        self.change_state("a key", TaskInstanceState.FAILED)  # error: arg-type
        self.running.add("a key")  # error: arg-type
        self.config.get("engine")  # error: call-arg

    def revoke_task(self, ti: str) -> None:  # error: override
        self.executor = self.no_such_method()  # error: attr-defined

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> None:  # error: override
        self.queued_tasks[tis[0]] = None  # error: index, assignment

    def get_task_log(self, ti: TaskInstance, try_number: int) -> list[str]:  # error: override
        return [ti.no_such_field]  # error: attr-defined


class WithoutAQueue(BaseExecutor):
    def execute_async(self, key: TaskInstanceKey, command: list[str]) -> None:  # error: override
        self.fail(key, state="failed")  # error: call-arg


Wrong(parallelism="many")  # error: arg-type

Arg(7)  # error: arg-type
Arg("--wide", hlep="How wide")  # error: call-arg
Arg("--wide", completer=print)  # error: arg-type
ActionCommand("show", "Show")  # error: call-arg
ActionCommand("show", "Show", "engine.commands.show")  # error: arg-type
ActionCommand("show", "Show", lazy_load_command(print))  # error: arg-type
ActionCommand("show", "Show", lambda args: "no exit code")  # error: arg-type, return-value
ActionCommand("show", "Show", print, args=["--wide"])  # error: list-item
GroupCommand("engine", "Look at it", [Arg("--wide")])  # error: list-item
GroupCommand("engine", "Look at it")  # error: call-arg


@hookimpl(tryfirts=True)  # error: call-overload, untyped-decorator
def get_config_options() -> list[ConfigOption]:
    return [ConfigOption("engine", "url", 5, "Where it is.")]  # error: arg-type


@hookimpl
def check_health(context: object) -> HealthReport:
    return HealthReport("fine")  # error: call-arg, arg-type


@hookimpl
def on_executor_started(event: ExecutorStarted) -> None:
    event.parallelism = 3  # error: misc
    print(event.no_such_field)  # error: attr-defined


def run(config: Config, command: str) -> None:
    TaskHost(config)  # error: call-arg
    TaskHost(config, on_ended=lambda token: None)  # error: arg-type, misc
    host = TaskHost(config, on_ended=print, most_at_once="8")  # error: arg-type
    host.run(command)  # error: arg-type
    host.cancel(token="0", grace="1")  # error: call-arg
    child_environment({})  # error: arg-type
    port: str = config.getint("engine", "port")  # error: assignment
    hosts: str = config.getlist("engine", "hosts")  # error: assignment
    print(config.getnumber("engine", "port"), port, hosts)  # error: attr-defined


class TestWrong(ExecutorConformance):
    needs_no_such_thing = ExecutorConformance.no_such_name  # error: attr-defined
