"""Looking at the broker and its workers from outside of a running executor."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.executors import TaskInstanceState
from airflow_lite_celery_executor.app import Names, make_app, safe_url
from airflow_lite_celery_executor.settings import KEY, CelerySettings, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.executors import TaskInstance
    from airflow_lite_celery_executor.fleet import Fleet

#: Seconds that workers have to answer: whoever is asked for all of them waits so long.
ANSWER_S = 1.0


class BrokerUnreachable(OSError):
    """The broker does not answer."""


class Worker(NamedTuple):
    """What a worker answered, and how many seconds its clock is ahead of this machine's."""

    name: str
    status: dict[str, Any]
    skew_s: float


class View:
    """The broker as a command sees it, on one connection."""

    def __init__(self, app: Any, key: bytes, connection: Any) -> None:
        self.app = app
        self.names = Names.of(key)
        self._connection = connection

    def ask(
        self,
        command: str,
        destination: list[str] | None = None,
        timeout_s: float = ANSWER_S,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Ask workers by remote control, and return their answers by name."""
        answers = self.app.control.broadcast(
            command,
            arguments=arguments,
            destination=destination,
            reply=True,
            timeout=timeout_s,
            limit=None if destination is None else len(destination),
            connection=self._connection,
        )
        return {name: answer for each in answers or () for name, answer in each.items()}

    def tell(self, command: str, destination: list[str] | None = None) -> None:
        """Tell workers something that they do not answer."""
        self.app.control.broadcast(command, destination=destination, connection=self._connection)

    def workers(self, timeout_s: float = ANSWER_S) -> list[Worker]:
        """Return the workers that answer, by name."""
        asked_s = time.time()
        answers = self.ask("airflow_lite_status", timeout_s=timeout_s)
        return [
            Worker(name, answer, _skew_s(answer["time_s"], asked_s, time.time()))
            for name, answer in sorted(answers.items())
            if isinstance(answer, dict) and "time_s" in answer
        ]

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue; 0 where there is no such queue."""
        from airflow_lite_celery_executor.link import depth

        return depth(self._connection, queue)


@contextmanager
def looking(config: Config, timeout_s: float | None = None) -> Iterator[View]:
    """Give a view for the block; raise `BrokerUnreachable` if the broker does not answer."""
    from kombu.exceptions import KombuError

    from airflow_lite.worker import shared_key
    from airflow_lite_celery_executor.link import establish

    settings = CelerySettings.read(config)
    if timeout_s is not None:
        least = min(timeout_s, settings.operation_timeout_s)
        settings = settings._replace(operation_timeout_s=least)
    key = shared_key(config, *KEY, is_made=is_loopback(settings.broker_url))
    app = make_app(settings, key)
    with app.connection_for_write() as connection:
        try:
            establish(connection)
            yield View(app, key, connection)
        except (*connection.connection_errors, KombuError, OSError) as error:
            raise BrokerUnreachable(_message(app, error)) from error


def task_lines(config: Config, ti: TaskInstance) -> list[str]:
    """Return the lines that workers keep of an attempt, or why none has it or can be asked."""
    if not ti.attempt:
        return []
    try:
        with looking(config) as view:
            answers = view.ask("airflow_lite_lines", token=ti.attempt)
            lines = [
                f"{name}: {line}"
                for name, lines in sorted(answers.items())
                if isinstance(lines, list)
                for line in lines
            ]
            if not lines and ti.state == TaskInstanceState.QUEUED:
                why = _fleet(view.workers()).why_waiting(ti.queue, 0.0)
                return [f"It waits in queue {ti.queue!r}, and no worker has it: {why}"]
    except BrokerUnreachable as error:
        return [str(error)]
    return lines


def _fleet(workers: list[Worker]) -> Fleet:
    from airflow_lite_celery_executor.fleet import Fleet
    from airflow_lite_celery_executor.messages import Beat, Hint

    fleet = Fleet()
    for worker in workers:
        status = worker.status
        present = [*status["running"], *[""] * status["waiting"]]
        beat = Beat(present, status["queues"], status["slots"], status["fault"])
        fleet.note(Hint(worker.name, [], [], [], beat), 0.0)
    return fleet


def _skew_s(theirs: float, asked_s: float, answered_s: float) -> float:
    """Return by how much a clock is off, however long the answer may have taken."""
    if theirs < asked_s:
        return theirs - asked_s
    return max(theirs - answered_s, 0.0)


def _message(app: Any, error: BaseException) -> str:
    from airflow_lite.executors import first_line

    return (
        f"No broker answers at {safe_url(app)} ({first_line(error)}). Start it, or mend [celery]"
        " broker_url."
    )
