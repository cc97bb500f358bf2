"""What every timetable is, and what an author's own one works with.

The scheduler sees data alone. Of an author's timetable these are the name under which an
installed distribution offers it, and what its `serialize` returned.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import from_us, to_us
from airflow_lite.errors import AirflowTimetableInvalid
from airflow_lite.imports import import_string
from airflow_lite.spec import own_timetable
from airflow_lite.spec.model import DagRunInfo as RunSpec
from airflow_lite.spec.model import ScheduleSpec

if TYPE_CHECKING:
    from airflow_lite.spec.model import DagSpec

GROUP = "airflow_lite.timetables.v1"
#: Where classes say by `spec` what they are, and so need no name.
_OURS = "airflow_lite.authoring.timetables"
#: What makes the runs of a timetable.
_RUNS = ("next_dagrun_info", "infer_manual_data_interval")


class DataInterval(NamedTuple):
    """The time that a run covers; both ends are moments with a time zone."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> DataInterval:
        """Return the interval of no length at a moment."""
        return cls(at, at)


class TimeRestriction(NamedTuple):
    """What the DAG asks of its runs: the first and last date, and whether missed ones are made."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool


class DagRunInfo(NamedTuple):
    """A run to come: when it is due, and the data interval that it covers."""

    run_after: datetime
    data_interval: DataInterval

    @classmethod
    def exact(cls, at: datetime) -> DagRunInfo:
        """Return the run of a moment, due right then."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: datetime, end: datetime) -> DagRunInfo:
        """Return the run of a data interval, due at its end."""
        return cls(end, DataInterval(start, end))

    @property
    def logical_date(self) -> datetime:
        """The start of its data interval."""
        return self.data_interval.start


class Timetable:
    """When a DAG runs. Subclass it for a timetable of your own.

    That one says what the two methods say that raise here, returns its arguments as JSON from
    `serialize`, and is offered by an installed distribution in the entry-point group
    `airflow_lite.timetables.v1`: the scheduler imports it from there.
    """

    description: str = ""  #: what it does, in words
    periodic: bool = True
    can_be_scheduled: bool = True  #: whether it makes runs by itself
    active_runs_limit: int | None = None  #: of its DAGs' unfinished runs, at most
    spec: ScheduleSpec  #: as data: of the timetables here, not of an author's

    @property
    def summary(self) -> str:
        """What listings show: the name of the class, unless it says otherwise."""
        return type(self).__name__

    def serialize(self) -> dict[str, Any]:
        """Return the arguments as JSON can hold them, for `deserialize`."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        """Return the timetable of which `serialize` returned `data`."""
        return cls()

    def validate(self) -> None:
        """Raise `AirflowTimetableInvalid` if it cannot be used; the DAG's file then says so."""

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """Return the data interval of a run that is triggered by hand at a moment."""
        raise NotImplementedError

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the run after the one of a data interval (None: the first); None if none."""
        raise NotImplementedError


def is_of_author(kind: type[Timetable]) -> bool:
    """Return whether an author's code makes the runs of a class, and not that of one of ours."""
    return any(getattr(kind, name).__module__ != _OURS for name in _RUNS)


def spec_of(timetable: Timetable) -> ScheduleSpec:
    """Return a timetable as data; raise `AirflowTimetableInvalid` if it cannot be used.

    An author's is remembered in this process, so that nothing need be looked up in it.
    """
    if not is_of_author(type(timetable)):
        return timetable.spec
    name = _registered_name(type(timetable))
    timetable.validate()
    if hasattr(timetable, "generate_run_id"):
        raise AirflowTimetableInvalid(
            f"timetable {name!r} has a generate_run_id, which has no effect here. Take it out:"
            " runs are named for their kind and logical date."
        )
    arguments = _arguments(timetable, name)
    spec = ScheduleSpec(
        own_timetable.KIND,
        summary=str(timetable.summary),
        description=str(timetable.description),
        timetable=name,
        arguments=arguments,
        can_be_scheduled=bool(timetable.can_be_scheduled),
    )
    own_timetable.remember(spec, AuthorsTimetable(deserialized(type(timetable), arguments), name))
    return spec


def _arguments(timetable: Timetable, name: str) -> Any:
    try:
        return json.loads(json.dumps(timetable.serialize()))
    except (TypeError, ValueError) as error:
        raise AirflowTimetableInvalid(
            f"timetable {name!r}: its serialize returns what JSON cannot hold: {error}"
        ) from None


def deserialized(kind: type[Timetable], arguments: Any) -> Timetable:
    """Return the timetable of these arguments; raise `AirflowTimetableInvalid` if it fails."""
    try:
        timetable = kind.deserialize(arguments)
    except Exception as error:
        raise AirflowTimetableInvalid(
            f"timetable {kind.__qualname__!r}: its deserialize does not take what its serialize"
            f" returns: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(timetable, Timetable):
        raise AirflowTimetableInvalid(
            f"timetable {kind.__qualname__!r}: its deserialize returns a"
            f" {type(timetable).__name__}, not a timetable."
        )
    return timetable


def check_timetable(kind: object, title: str) -> type[Timetable]:
    """Return a class if it is one of timetables that an author wrote; raise otherwise."""
    if not isinstance(kind, type) or not issubclass(kind, Timetable):
        found = kind.__name__ if isinstance(kind, type) else f"a {type(kind).__name__}"
        raise AirflowTimetableInvalid(f"{title} is {found}, no subclass of Timetable.")
    for name in _RUNS:
        if getattr(kind, name) is getattr(Timetable, name):
            raise AirflowTimetableInvalid(f"{title} has no {name}. Write that method.")
    return kind


def _registered_name(kind: type[Timetable]) -> str:
    """Return the name under which an installed distribution offers a class."""
    from importlib.metadata import entry_points

    path = f"{kind.__module__}:{kind.__qualname__}"
    offers = list(entry_points(group=GROUP))
    top = kind.__module__.partition(".")[0]
    for entry in offers:
        value = ":".join(filter(None, (entry.module, entry.attr)))
        is_near = entry.module.partition(".")[0] == top  # it may be offered from another module
        if value == path or (is_near and import_string(value) is kind):
            return entry.name
    raise AirflowTimetableInvalid(
        f"Timetable class {path.replace(':', '.')!r} is not registered. Install it as a"
        f" distribution with the entry point `name = {path!r}` in the group {GROUP!r}: the"
        " scheduler, which imports no DAG file, finds it by that."
    )


class AuthorsTimetable:
    """An author's timetable as `spec.own_timetable` asks for it: over integer microseconds."""

    def __init__(self, timetable: Timetable, name: str) -> None:
        self._timetable, self._name = timetable, name

    def following_run(self, dag: DagSpec, last_us: tuple[int, int] | None) -> RunSpec | None:
        """Return the run after that of a data interval; raise what the author's code raises.

        Raises `AirflowTimetableInvalid` where it is none that can follow.
        """
        last = None if last_us is None else DataInterval(*map(utc_at, last_us))
        bounds = (dag.start_date_us, dag.end_date_us)
        first, end = (None if us is None else utc_at(us) for us in bounds)
        info = self._timetable.next_dagrun_info(
            last_automated_data_interval=last,
            restriction=TimeRestriction(first, end, dag.catchup),
        )
        if info is None:
            return None
        start_us, end_us = self._interval(info, "next_dagrun_info")
        if last_us is not None and (start_us <= last_us[0] and end_us <= last_us[1]):
            raise AirflowTimetableInvalid(
                f"timetable {self._name!r}: its next_dagrun_info returns {info!r:.200}, which is"
                " not after the run before it."
            )
        run_after_us = self._us(getattr(info, "run_after", None), "next_dagrun_info")
        return RunSpec(start_us, start_us, end_us, run_after_us)

    def manual_interval(self, run_after_us: int) -> tuple[int, int]:
        """Return the data interval of a run that is triggered at a moment; raise as above."""
        interval = self._timetable.infer_manual_data_interval(run_after=utc_at(run_after_us))
        method = "infer_manual_data_interval"
        return self._us(getattr(interval, "start", None), method), self._us(
            getattr(interval, "end", None), method
        )

    def _interval(self, info: Any, method: str) -> tuple[int, int]:
        interval = getattr(info, "data_interval", None)
        start, end = getattr(interval, "start", None), getattr(interval, "end", None)
        return self._us(start, method), self._us(end, method)

    def _us(self, value: Any, method: str) -> int:
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise AirflowTimetableInvalid(
                f"timetable {self._name!r}: its {method} gives {value!r:.100} where a datetime"
                " with a time zone is due."
            )
        return to_us(value.astimezone(UTC))


def utc_at(us: int) -> datetime:
    """Return a moment in UTC: pendulum's as in Airflow, where that is installed."""
    try:
        import pendulum
    except ImportError:
        return from_us(us)
    return pendulum.instance(from_us(us))
