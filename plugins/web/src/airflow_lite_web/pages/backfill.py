"""*Backfill*: the runs of a range of dates are counted first, then made for a scheduler to run."""

from __future__ import annotations

import json
import shlex
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_lite.clock import SystemClock, iso
from airflow_lite.errors import ParamValidationError, UserError
from airflow_lite.spec.params import check_conf
from airflow_lite.spec.timetable import runs_between
from airflow_lite.states import FAILED_STATES, RUN_FINISHED, DagRunType
from airflow_lite.store import backfills, doorbell, edits
from airflow_lite.store.pages import run as stored
from airflow_lite.store.runs import create_run
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.acting import Act, action_route
from airflow_lite_web.pages.page import Ask, Page, page_routes
from airflow_lite_web.pages.shown import path_part
from airflow_lite_web.pages.trigger import active_dag, checked_conf, moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from airflow_lite.spec.model import DagRunInfo, DagSpec
    from airflow_lite.store.runs import Row

#: Most runs of one form, and task instances in them.
_MOST_RUNS, _MOST_INSTANCES = 1_000, 100_000
#: Runs that one transaction makes, and that the form names one by one.
_MOST_AT_ONCE, _MOST_SHOWN = 50, 100
_FIELDS = ("first", "last", "again", "conf")
#: What becomes of runs that are there already: its name, its words, and the command's option.
_AGAIN = {
    "": ("are left as they are", []),
    "failed": ("have what failed run again", ["--rerun-failed-tasks"]),
    "all": ("have all their tasks run again", ["--reset-dagruns", "--yes"]),
}


class Asked(NamedTuple):
    """What a form asks for; a date that is not given is the other one."""

    first_us: int
    last_us: int
    again: str
    conf: dict[str, Any]


class Planned(NamedTuple):
    """A run of the range: whether it is made, what is cleared in one that there is, and its row."""

    dates: DagRunInfo
    row: Row | None
    cleared: list[edits.Clearable]

    @property
    def is_touched(self) -> bool:
        """Whether anything is to be done."""
        return self.row is None or bool(self.cleared)


def form(ask: Ask) -> Page:
    """Show the form and, once it has dates, what a backfill would make and clear."""
    texts = {name: ask.word(name).strip() for name in _FIELDS}
    return _page(ask, texts)


def _page(ask: Ask, texts: Mapping[str, str], message: str = "") -> Page:
    planned: list[Planned] = []
    with ask.site.store.read() as connection:
        about, spec = active_dag(ask, connection)
        asked = None
        try:
            asked = _asked(spec, texts)
            planned = [] if asked is None else _plan(connection, spec, asked)
        except (UserError, ParamValidationError) as error:
            message = message or str(error)
    data = {
        "dag": about,
        "texts": dict(texts),
        "message": message,
        "choices": [{"name": name, "words": words} for name, (words, _) in _AGAIN.items()],
        "is_counted": asked is not None and not message,
        "runs": [_row(run) for run in planned[:_MOST_SHOWN]],
        "more": max(len(planned) - _MOST_SHOWN, 0),
        "made": sum(run.row is None for run in planned),
        "again": sum(run.row is not None and bool(run.cleared) for run in planned),
        "left": sum(not run.is_touched for run in planned),
        "at_once": spec.max_active_runs,
        "command": "" if asked is None else _command(about["dag_id"], asked),
    }
    title = f"{about['dag_id']} · backfill"
    status = 400 if message and any(texts.values()) else 200
    return Page("backfill.html", title, data, "runs", status, section="DAGs")


def _row(run: Planned) -> dict[str, Any]:
    if run.row is None:
        becomes = "is made"
    elif run.cleared:
        becomes = f"{len(run.cleared)} of its task instances run again"
    else:
        becomes = "stays as it is"
    return {
        "run_id": backfills.run_id_of(run.dates.logical_us) if run.row is None else run.row.run_id,
        "logical_date": iso(run.dates.logical_us),
        "state": None if run.row is None else run.row.state,
        "becomes": becomes,
    }


def _asked(spec: DagSpec, texts: Mapping[str, str]) -> Asked | None:
    """Return what the form asks for; None: there is no date yet. Raises `UserError`."""
    first_us, last_us = moment_of(texts["first"]), moment_of(texts["last"])
    first_us = last_us if first_us is None else first_us
    last_us = first_us if last_us is None else last_us
    if first_us is None or last_us is None:
        return None
    if last_us < first_us:
        raise UserError("The last date is before the first. Exchange them.")
    conf = checked_conf(texts["conf"])
    check_conf(spec, conf)
    return Asked(first_us, last_us, texts["again"] if texts["again"] in _AGAIN else "", conf)


def _plan(connection: sa.Connection, spec: DagSpec, asked: Asked) -> list[Planned]:
    """Return the runs of a range; raise `UserError` where there is none, or too many."""
    every = runs_between(spec, asked.first_us, asked.last_us, SystemClock().now_us())
    most = max(min(_MOST_RUNS, _MOST_INSTANCES // max(len(spec.tasks), 1)), 1)
    infos = [*islice(every, most + 1)]
    if len(infos) > most:
        raise UserError(
            f"There are more than {most} runs from {iso(asked.first_us)} to {iso(asked.last_us)}."
            " Choose fewer dates at once, or use the command line."
        )
    if not infos:
        raise UserError(
            f"There is no run from {iso(asked.first_us)} to {iso(asked.last_us)}:"
            f" the schedule is {spec.schedule.summary}."
        )
    return _planned(connection, spec, infos, asked.again)


def _planned(
    connection: sa.Connection, spec: DagSpec, infos: Sequence[DagRunInfo], again: str
) -> list[Planned]:
    known = backfills.runs_at(connection, spec.dag_id, [info.logical_us for info in infos])
    over = [row.id for row in known.values() if again and row.state in RUN_FINISHED]
    cleared: dict[int, list[edits.Clearable]] = {}
    for row in stored.of_runs(connection, over) if over else ():
        if row["task_id"] in spec.tasks and (again == "all" or row["state"] in FAILED_STATES):
            cleared.setdefault(row["dag_run_id"], []).append(edits.clearable(row, spec))
    return [
        Planned(info, row, [] if row is None else cleared.get(row.id, []))
        for info in infos
        for row in [known.get(info.logical_us)]
    ]


def _command(dag_id: str, asked: Asked) -> str:
    words = ["airflow-lite", "dags", "backfill", dag_id]
    words += ["-s", str(iso(asked.first_us)), "-e", str(iso(asked.last_us))]
    words += ["--conf", json.dumps(asked.conf)] if asked.conf else []
    return shlex.join([*words, *_AGAIN[asked.again][1]])


def begin(act: Act) -> Response | Page:
    """Make the runs, some in each transaction; show the form again where that cannot be done.

    Whoever sends the form again, as after an outage, gets the runs that were not made.
    """
    texts = {name: act.field(name).strip() for name in _FIELDS}
    try:
        notice = _make(act, texts)
    except (UserError, ParamValidationError) as error:
        return _page(act, texts, str(error))
    place = f"/dags/{path_part(act.name('dag_id'))}/runs"
    return RedirectResponse(f"{place}?notice={path_part(notice)}", 303)


def _make(act: Act, texts: Mapping[str, str]) -> str:
    """Make and clear the runs; return what was done."""
    with act.site.store.read() as connection:
        about, spec = active_dag(act, connection)
        asked = _asked(spec, texts)
        if asked is None:
            raise UserError("There is no date. Give the first, the last or both.")
        planned = _plan(connection, spec, asked)
    todo = [run.dates for run in planned if run.is_touched]
    made = again = 0
    for at in range(0, len(todo), _MOST_AT_ONCE):
        infos = todo[at : at + _MOST_AT_ONCE]
        with act.site.store.begin() as connection:
            some = _begin(act, connection, spec, about["version_id"], infos, asked)
        made, again = made + some[0], again + some[1]
    return f"Backfill: {_runs(made)} made" + (f", {_runs(again)} cleared." if again else ".")


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _begin(
    act: Act,
    connection: sa.Connection,
    spec: DagSpec,
    version_id: int,
    infos: Sequence[DagRunInfo],
    asked: Asked,
) -> tuple[int, int]:
    """Make or clear some runs; return how many were made, and how many cleared."""
    now_us = SystemClock().now_us()
    planned = _planned(connection, spec, infos, asked.again)
    made = [
        create_run(
            connection,
            spec,
            version_id,
            run_id=backfills.run_id_of(run.dates.logical_us),
            run_type=DagRunType.BACKFILL_JOB,
            logical_us=run.dates.logical_us,
            interval=(run.dates.interval_start_us, run.dates.interval_end_us),
            conf=asked.conf or None,
            now_us=now_us,
        )
        for run in planned
        if run.row is None
    ]
    cleared = [item for run in planned for item in run.cleared]
    again = edits.clear(connection, cleared, now_us=now_us, actor=act.actor)
    for row_id in made:
        edits.note_action(
            connection, act.actor, "made the run by a backfill", now_us=now_us, dag_run_id=row_id
        )
    doorbell.ring(connection, runs=sorted({*made, *again}))
    return len(made), len(again)


_PATH = "/dags/{dag_id}/backfill"
ROUTES: list[Route] = [
    *page_routes(_PATH, form, role=Role.OPERATOR),
    action_route(_PATH, begin, Role.OPERATOR),
]
