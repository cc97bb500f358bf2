"""What the configured executor tells of a try's log: asked in a child, under a deadline.

Its `get_task_log` is an author's code, which may hang, or end the process that it is called in.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.config import Config, child_environment

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.api.executor.task_instance import TaskInstance

#: Seconds that an executor may take to tell a log, from when its process has begun.
TIMEOUT_S = 10.0
#: Of a text that is longer, so many letters of its end are shown.
_LONGEST = 16 << 20


class ToldLog(NamedTuple):
    """Lines on where the log is, and the texts of it that the executor has."""

    messages: list[str]
    texts: list[str]


def has_own(executor_type: type[BaseExecutor]) -> bool:
    """Return whether a class writes `get_task_log`, so that asking it is worth a process."""
    from airflow_lite.api.executor.base import BaseExecutor

    return executor_type.get_task_log is not BaseExecutor.get_task_log


def tells_logs(config: Config) -> bool:
    """Return whether the configured executor writes `get_task_log`, as its probe says.

    True where a probe could not tell. Raises as `locate` and `checked_executor` do.
    """
    from airflow_lite.plugins.discovery.locate import configured_name, locate
    from airflow_lite.plugins.probing.quarantine import checked_executor

    located = locate(configured_name(config), config)
    if located.path.partition(".")[0] == "airflow_lite":
        return False
    verdicts = checked_executor(located, config)
    return not verdicts or any(verdict.tells_logs for verdict in verdicts)


class NoAnswer(Exception):
    """The executor told nothing of a log; the message says why."""


def ask(config: Config, instance: TaskInstance, timeout_s: float = TIMEOUT_S) -> ToldLog:
    """Ask the configured executor, in a child; raise `NoAnswer` where it does not say."""
    from dataclasses import asdict

    from airflow_lite.plugins.probing.probe import ask as ask_child

    answer = ask_child(
        {"targets": [], "log": {"instance": asdict(instance)}},
        timeout_s=timeout_s,
        environ={**os.environ, **child_environment(config)},
    )
    for message in answer.messages:
        if "log" in message:
            return ToldLog(*message["log"])
        if "trouble" in message:
            raise NoAnswer(message["trouble"])
    ended = f"took longer than {timeout_s:g} s" if answer.is_timeout else answer.ended
    raise NoAnswer(f"its get_task_log {ended}")


def trouble(config: Config, why: str) -> ToldLog:
    """Return the message that the executor could not tell anything."""
    return ToldLog([f"{config.get('core', 'executor')} could not add to the log: {why}"], [])


def told(instance: dict[str, Any]) -> dict[str, Any]:
    """Return, in the child, what the configured executor tells of a task instance, or why not."""
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.plugins.executors import load_executor

    config = Config.load()
    try:
        ti = TaskInstance(**instance)
        messages, texts = load_executor(config).get_task_log(ti, ti.try_number)
        lines = [str(line) for line in messages]
        return {"log": ToldLog(lines, [_end_of(str(text)) for text in texts])}
    except (Exception, SystemExit) as error:
        return {"trouble": f"{type(error).__name__}: {error}"}


def _end_of(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"*** The first {len(text) - _LONGEST} letters are left out.\n{text[-_LONGEST:]}"
