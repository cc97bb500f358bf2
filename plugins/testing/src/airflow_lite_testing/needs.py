"""What a case may need of an executor; each returns why it does not apply, or None."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite_testing.engine import Link, Stalling, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_testing.subject import Subject


def own_thread(subject: Subject) -> str | None:
    """Return None if attempts run beside the executor's thread."""
    if subject.type.runs_in_process:
        return "it runs tasks on the scheduler's main thread (runs_in_process)"
    return None


def several_at_once(subject: Subject) -> str | None:
    """Return None if more than one attempt runs at once."""
    if subject.type.is_single_threaded:
        return "it runs one attempt at a time (is_single_threaded)"
    return own_thread(subject)


def engine(subject: Subject) -> str | None:
    """Return None if the kit can make faults at the executor's engine."""
    if subject.engine is None:
        return (
            "it has no Engine to make faults with: give one as the attribute `engine`, or by the "
            "entry-point group airflow_lite.testing.v1"
        )
    return None


def workers(subject: Subject) -> str | None:
    """Return None if the kit can kill the workers of the executor's engine."""
    if subject.engine is not None and not isinstance(subject.engine, Workers):
        return "its Engine has no kill_worker"
    return engine(subject)


def link(subject: Subject) -> str | None:
    """Return None if the kit can make the executor's engine unreachable."""
    if subject.engine is not None and not isinstance(subject.engine, Link):
        return "its Engine has no cut and restore"
    return engine(subject)


def stalling(subject: Subject) -> str | None:
    """Return None if the kit can have the executor's engine never answer."""
    if subject.engine is not None and not isinstance(subject.engine, Stalling):
        return "its Engine has no stall and restore"
    return engine(subject)


def overrides(method: str) -> Callable[[Subject], str | None]:
    """Return a need for an executor that writes `method` itself."""

    def need(subject: Subject) -> str | None:
        if getattr(subject.type, method) is getattr(BaseExecutor, method):
            return f"it does not define {method}: the sound default of BaseExecutor serves"
        return None

    return need


def local(subject: Subject) -> str | None:
    """Return None if attempts are processes of this machine."""
    if not (subject.type.is_local or subject.type.is_single_threaded):
        return "its attempts run on other machines (is_local is False)"
    return own_thread(subject)


def pickles(subject: Subject) -> str | None:
    """Return None if attempts may be run from pickled DAGs, and one can be made here."""
    from airflow_lite.parsing.pickled import INSTALL, is_installed

    if not subject.type.supports_pickling:
        return "its tasks are not run from pickled DAGs (supports_pickling is False)"
    return None if is_installed() else f"cloudpickle is not installed here. {INSTALL}"


def module_of_its_own(subject: Subject) -> str | None:
    """Return None if the executor can be imported by its name in another process."""
    if subject.path is None:
        return "it was given as a class that another process cannot import by name"
    return None
