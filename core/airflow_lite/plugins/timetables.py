"""Timetables of authors, from their name to their code: imported once a child process could."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager, redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowTimetableInvalid
from airflow_lite.spec.own_timetable import OwnTimetable, resolve_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.spec.model import DagRunInfo, DagSpec


def find_timetables(config: Config) -> None:
    """Let this process find the timetables of authors; nothing is looked for until one is used."""
    resolve_with(Timetables(config))


class Timetables:
    """The timetables of authors that this process uses, each made once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._class_of = cache(self._class)
        self._made: dict[str, LimitedTimetable] = {}

    def __call__(self, name: str, arguments: object) -> LimitedTimetable:
        """Return the timetable of a name and of what its `serialize` returned.

        Raises `PluginError` where no distribution that can be used offers it, or its code is
        quarantined, and `AirflowTimetableInvalid` where it cannot be made of these arguments.
        """
        key = json.dumps([name, arguments], sort_keys=True)
        if key not in self._made:
            self._made[key] = self._new(name, arguments)
        return self._made[key]

    def _new(self, name: str, arguments: object) -> LimitedTimetable:
        limit_s = self._config.getfloat("plugins", "import_timeout_s")
        from airflow_lite.authoring.timetable import AuthorsTimetable, deserialized

        kind = self._class_of(name)
        with _limit(limit_s, name):
            timetable = deserialized(kind, arguments)
        return LimitedTimetable(AuthorsTimetable(timetable, name), name, limit_s)

    def _class(self, name: str) -> Any:
        from airflow_lite.authoring.timetable import check_timetable
        from airflow_lite.imports import import_string
        from airflow_lite.parsing.authoring_hooks import call_hooks
        from airflow_lite.plugins.authoring import authoring_hooks
        from airflow_lite.plugins.discovery.model import PluginError
        from airflow_lite.plugins.discovery.owners import sole_owner, timetables_named
        from airflow_lite.plugins.discovery.targets import TIMETABLE, Target
        from airflow_lite.plugins.probing.quarantine import checked

        owners = timetables_named(self._config, name)
        if not owners:
            raise PluginError(
                f"No installed distribution offers the timetable {name!r}. Install the one that"
                " does, or give the DAG another schedule."
            )
        plugin, entry = sole_owner(owners, f"timetable {name!r}")
        checked(plugin, [Target(TIMETABLE, *entry)], self._config)
        with redirect_stdout(sys.stderr):  # what a module prints is not a command's output
            call_hooks(authoring_hooks(self._config))  # it may be written for Airflow
            found = import_string(entry.value)
        return check_timetable(found, f"Timetable {name!r} of {plugin.title}")


class LimitedTimetable:
    """A timetable whose calls end after some seconds, at least where Python can end them."""

    def __init__(self, timetable: OwnTimetable, name: str, limit_s: float) -> None:
        self._timetable, self._name, self._limit_s = timetable, name, limit_s

    def following_run(self, dag: DagSpec, last_us: tuple[int, int] | None) -> DagRunInfo | None:
        """Return the run after that of a data interval; raise what the author's code raises."""
        with _limit(self._limit_s, self._name):
            return self._timetable.following_run(dag, last_us)

    def manual_interval(self, run_after_us: int) -> tuple[int, int]:
        """Return the data interval of a run that is triggered at a moment; raise as above."""
        with _limit(self._limit_s, self._name):
            return self._timetable.manual_interval(run_after_us)


@contextmanager
def _limit(limit_s: float, name: str) -> Iterator[None]:
    """Raise `AirflowTimetableInvalid` after so long: only the main thread can be stopped so.

    An alarm that was set before is left alone, and nothing is limited then.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def overran(*_: object) -> None:
        raise AirflowTimetableInvalid(
            f"timetable {name!r} takes longer than {limit_s:g} s ([plugins] import_timeout_s)."
        )

    before = signal.signal(signal.SIGALRM, overran)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
