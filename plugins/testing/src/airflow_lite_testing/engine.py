"""The seam through which the kit makes faults at an executor's engine."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from airflow_lite.imports import import_string

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE_GROUP = "airflow_lite.testing.v1"


@runtime_checkable
class Engine(Protocol):
    """What runs the executor's attempts, as far as a test may handle it.

    One engine serves all cases of a class. Every method returns when its effect is there.

    It should have `kill_worker()`, which kills, as by `kill -9`, every worker that runs an attempt
    and has it replaced; `cut()`, which makes it unreachable for the executor, and `stall()`, after
    which it takes what the executor asks and never answers, both with `restore()`. Without one of
    these the cases about it do not apply.
    """

    def start(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Start it, with at least one worker whose tasks see `environ`.

        Return the environment variables, such as `AIRFLOW_LITE__DASK__ADDRESS`, by which the
        executor finds it.
        """

    def stop(self) -> None:
        """Stop it, and leave nothing behind."""


@runtime_checkable
class Workers(Protocol):
    """An engine whose workers can be killed."""

    def kill_worker(self) -> None:
        """Kill, as by `kill -9`, every worker that runs an attempt, and have it replaced."""


@runtime_checkable
class Link(Protocol):
    """An engine that can be cut off."""

    def cut(self) -> None:
        """Make the engine unreachable for the executor; what runs goes on if it can."""

    def restore(self) -> None:
        """Make it reachable again."""


@runtime_checkable
class Stalling(Protocol):
    """An engine that can be made to hang."""

    def stall(self) -> None:
        """Have it accept whatever the executor asks, and never answer; what runs goes on."""

    def restore(self) -> None:
        """Let it answer again, what it was asked meanwhile too."""


def installed_engine(name: str) -> Engine | None:
    """Return the engine that a distribution offers for the executor `name`; None if none does.

    The entry point's name is the executor's; its value is a class or function that makes the
    engine without arguments.
    """
    for entry in metadata.entry_points(group=ENGINE_GROUP, name=name):
        engine: Engine = import_string(entry.value)()
        return engine
    return None
