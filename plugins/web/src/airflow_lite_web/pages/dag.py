"""*DAG*: the grid, its runs, its details, and the file that it comes from."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_lite.clock import SystemClock, iso
from airflow_lite.errors import TaskNotFound
from airflow_lite.secrets_masker import redact
from airflow_lite.spec.model import DagRunInfo, DagSpec
from airflow_lite.spec.timetable import following_run
from airflow_lite.store.pages import dag as store
from airflow_lite_web.pages.folding import FoldRow, fold_rows, groups_of, worst
from airflow_lite_web.pages.home import run_bars
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa
    from sqlalchemy import RowMapping
    from starlette.requests import Request

    from airflow_lite.store.runs import Row

TABS = ("grid", "graph", "runs", "code", "details")
#: Height of the bars above the grid.
_BAR = 66
#: More tasks than these, and groups are folded until they are opened.
_MOST_OPEN = 60
#: Rows of the grid on one page.
_MOST_ROWS = 200
#: Runs where cells can be selected: their checkboxes take room.
_MOST_RUNS, _MOST_RUNS_SELECTING = 25, 10
_MOST_VERSIONS = 20
_MOST_CODE = 200_000
_MOST_NEXT_RUNS = 5


class Head(NamedTuple):
    """What the top of every page of a DAG says, and its latest definition."""

    about: dict[str, Any]
    spec: DagSpec


def head(ask: Ask, connection: sa.Connection) -> Head:
    """Return the DAG that the path names; raise `DagNotFound`, `StoreError`."""
    row = store.the_dag(connection, ask.name("dag_id"))
    known = ask.site.specs.of_version(connection, row["dag_id"], row["version_id"])
    spec = DagSpec(row["dag_id"]) if known is None else known
    about = {
        "dag_id": row["dag_id"],
        "display_name": spec.display_name,
        "description": row["description"],
        "is_paused": bool(row["is_paused"]),
        "is_active": bool(row["is_active"]),
        "is_broken": bool(row["has_import_errors"]),
        "schedule": "" if row["schedule"] in {None, "None"} else row["schedule"],
        "timetable": row["timetable_description"],
        "owners": row["owners"],
        "tags": list(spec.tags),
        "fileloc": row["fileloc"],
        "next_run": None if row["is_paused"] else iso(row["next_create_after_us"]),
        "version_id": row["version_id"],
        "planned_us": [row[f"next_{name}_us"] for name in _PLANNED],
    }
    return Head(about, spec)


_PLANNED = ("logical", "interval_start", "interval_end", "create_after")


def grid(ask: Ask) -> Page:
    """Show the states of tasks in the newest runs."""
    is_selecting = ask.word("select") == "1"
    most = _MOST_RUNS_SELECTING if is_selecting else _MOST_RUNS
    count = ask.number("runs", most, 1, most)
    before = ask.number("before", 0, 0, 1 << 62) or None
    with ask.site.store.read() as connection:
        about, spec = head(ask, connection)
        runs = store.newest_runs(connection, about["dag_id"], count + 1, before_us=before)
        has_more, runs = len(runs) > count, runs[:count]
        opened = _opened(ask, spec)
        rows = fold_rows(spec.tasks, opened)
        first = ask.number("row", 0, 0, max(len(rows) - 1, 0))
        shown = rows[first : first + _MOST_ROWS]
        by_run = _all_states(connection, [run["id"] for run in runs], shown, len(spec.tasks))
    order = runs[::-1]
    open_names = groups_of(spec.tasks) if opened is None else opened
    data = {
        "dag": about,
        "runs": run_bars(order, SystemClock().now_us(), _BAR),
        "rows": [_row(row, order, by_run, spec, open_names) for row in shown],
        "row": first,
        "row_count": len(rows),
        "next_row": first + _MOST_ROWS if len(rows) > first + _MOST_ROWS else None,
        "is_selecting": is_selecting,
        "older": order[0]["logical_us"] if has_more and order else None,
        "is_newest": before is None,
    }
    name = about["dag_id"]
    return _page("grid.html", f"{name} · grid", data)


def _page(template: str, title: str, data: dict[str, Any], table: str | None = None) -> Page:
    live = urlencode({"dag": data["dag"]["dag_id"]})
    return Page(template, title, {**data, "tabs": TABS}, table, section="DAGs", is_live=live)


def _opened(ask: Ask, spec: DagSpec) -> set[str] | None:
    """Return the groups that are open; None: all, as where there are few tasks."""
    if "open" not in ask.request.query_params:
        return None if len(spec.tasks) <= _MOST_OPEN else set()
    text = ask.word("open")
    return None if text == "*" else {name for name in text.split(",") if name}


Cell = dict[str | None, tuple[int, int, bool]]
#: State -> how many instances of a group's tasks are in it.
GroupCell = dict[str | None, int]


class States(NamedTuple):
    """The states in the cells of tasks and of groups, by run and name."""

    tasks: dict[tuple[int, str], Cell]
    groups: dict[tuple[int, str], GroupCell]


def _all_states(
    connection: sa.Connection, run_ids: Sequence[int], rows: Sequence[FoldRow], task_count: int
) -> States:
    """Read the states for these rows: those of groups as sums, which spares most of their rows."""
    single = [row.name for row in rows if not row.is_group]
    groups = [row for row in rows if row.is_group]
    inner = {name for row in groups for name in row.tasks}
    some = sorted(inner) if len(inner) < task_count else None
    cells = store.cells(connection, run_ids, single) if single else ()
    sums = store.task_states(connection, run_ids, some) if groups else ()
    return States(_states(cells), _group_states(groups, sums))


def _group_states(
    groups: Sequence[FoldRow], sums: Sequence[Row]
) -> dict[tuple[int, str], GroupCell]:
    """Return by run and group: state -> how many instances are in it."""
    groups_of_task: dict[str, tuple[str, ...]] = {}
    for row in groups:
        for task_id in row.tasks:
            groups_of_task[task_id] = (*groups_of_task.get(task_id, ()), row.name)
    found: dict[tuple[int, str], GroupCell] = {}
    for run_id, state, mapped, count, task_ids in sums:
        if mapped is None:
            counts = Counter(map(groups_of_task.get, task_ids.split(",")))
        else:
            counts = Counter({groups_of_task.get(mapped): count})
        for names, times in counts.items():
            for name in names or ():
                cell = found.setdefault((run_id, name), {})
                cell[state] = cell.get(state, 0) + times
    return found


def _states(cells: Sequence[Row]) -> dict[tuple[int, str], Cell]:
    """Return by run and task: state -> how many, the first one's id, and whether it is mapped."""
    found: dict[tuple[int, str], Cell] = {}
    for run_id, task_id, state, count, first, index in cells:
        found.setdefault((run_id, task_id), {})[state] = (count, first, index >= 0)
    return found


def _row(
    row: FoldRow,
    runs: Sequence[RowMapping],
    cells: States,
    spec: DagSpec,
    open_names: set[str],
) -> dict[str, Any]:
    return {
        "name": row.name,
        "label": row.label,
        "depth": min(row.depth, 4),
        "is_group": row.is_group,
        "is_open": row.is_open,
        "toggled": ",".join(sorted(open_names ^ {row.name})) if row.is_group else None,
        "count": len(row.tasks),
        "operator": None if row.is_group else spec.tasks[row.name].operator,
        "cells": [_cell(row, run["id"], cells) for run in runs],
    }


def _cell(row: FoldRow, run_id: int, cells: States) -> dict[str, Any] | None:
    """Return a cell: the state it is shown by, a count where it stands for several, and an id."""
    if row.is_group:
        states = cells.groups.get((run_id, row.name))
        return None if states is None else _counted(states, None)
    cell = cells.tasks.get((run_id, row.name))
    if cell is None:
        return None
    if len(cell) == 1:
        ((state, (_, first, is_mapped)),) = cell.items()
        if not is_mapped:
            return {"state": state, "text": None, "id": first, "states": None}
    counts = {state: count for state, (count, _, _) in cell.items()}
    return _counted(counts, min(first for _, first, _ in cell.values()))


def _counted(states: GroupCell, first_id: int | None) -> dict[str, Any]:
    state, total = worst(states), sum(states.values())
    done = states.get("success", 0) + states.get("skipped", 0)
    return {
        "state": state,
        "text": str(total) if done == total else f"{states[state]}/{total}",
        "id": first_id,
        "states": {name or "none": count for name, count in states.items()},
    }


def runs(ask: Ask) -> Page:
    """List the runs, the latest first."""
    state = ask.word("state") if ask.word("state") in _RUN_STATES else None
    most = ask.number("n", 50, 1, 200)
    before = ask.number("before", 0, 0, 1 << 62) or None
    with ask.site.store.read() as connection:
        about, _ = head(ask, connection)
        rows = store.newest_runs(
            connection, about["dag_id"], most + 1, before_us=before, state=state
        )
    data = {
        "dag": about,
        "runs": [run_row(row, SystemClock().now_us()) for row in rows[:most]],
        "state": state,
        "states": _RUN_STATES,
        "before": before,
        "next": rows[most - 1]["logical_us"] if len(rows) > most else None,
    }
    return _page("runs.html", f"{about['dag_id']} · runs", data, "runs")


_RUN_STATES = ("queued", "running", "success", "failed")


def run_row(row: RowMapping, now_us: int) -> dict[str, Any]:
    """Return a run as tables show it."""
    return {
        "dag_id": row["dag_id"],
        "run_id": row["run_id"],
        "run_type": row["run_type"],
        "state": row["state"],
        "logical_date": iso(row["logical_us"]),
        "interval_start": iso(row["interval_start_us"]),
        "interval_end": iso(row["interval_end_us"]),
        "queued_at": iso(row["queued_us"]),
        "start_date": iso(row["start_us"]),
        "end_date": iso(row["end_us"]),
        "duration_s": run_bars([row], now_us)[0]["duration_s"],
        "conf": redact(_json(row["conf"], {})),
        "note": row["note"],
    }


def _json(text: str, nothing: Any) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return nothing


def details(ask: Ask) -> Page:
    """Show what is known of the DAG, its next runs and its tasks."""
    with ask.site.store.read() as connection:
        about, spec = head(ask, connection)
    first, count = ask.number("row", 0, 0, max(len(spec.tasks) - 1, 0)), len(spec.tasks)
    data = {
        "dag": about,
        "row": first,
        "next_row": first + _MOST_ROWS if count > first + _MOST_ROWS else None,
        "facts": _facts(about, spec),
        "next_runs": _next_runs(about, spec),
        "params": [
            {
                "name": name,
                "value": redact(param.get("value"), name),
                "schema": param.get("schema") or {},
            }
            for name, param in spec.params.items()
        ],
        "doc_md": spec.doc_md,
        "notices": list(spec.notices),
        "tasks": [
            {
                "task_id": task.task_id,
                "operator": task.operator,
                "trigger_rule": task.trigger_rule,
                "retries": task.retries,
                "pool": task.pool,
                "pool_slots": task.pool_slots,
                "queue": task.queue,
                "priority": task.priority_weight,
                "upstream": ", ".join(task.upstream),
            }
            for task in spec.tasks.values()
        ],
    }
    return _page("details.html", f"{about['dag_id']} · details", data, "tasks")


def _facts(about: dict[str, Any], spec: DagSpec) -> dict[str, Any]:
    return {
        "File": about["fileloc"],
        "Owners": about["owners"],
        "Schedule": about["timetable"] or about["schedule"] or "none",
        "Time zone": spec.timezone,
        "Start date": iso(spec.start_date_us),
        "End date": iso(spec.end_date_us),
        "Catchup": spec.catchup,
        "Runs at once, at most": spec.max_active_runs,
        "Tasks at once, at most": spec.max_active_tasks,
        "A run may take": spec.dagrun_timeout_s and f"{spec.dagrun_timeout_s:g} s",
        "Tasks": len(spec.tasks),
    }


def _next_runs(about: dict[str, Any], spec: DagSpec) -> list[dict[str, Any]]:
    """Return the next runs: what the scheduler plans, and what follows from the schedule.

    None where a timetable of an author's fails, which the scheduler's log tells of.
    """
    with suppress(Exception):
        return list(islice(_upcoming(about, spec), _MOST_NEXT_RUNS))
    return []


def _upcoming(about: dict[str, Any], spec: DagSpec) -> Iterator[dict[str, Any]]:
    now_us, planned = SystemClock().now_us(), about["planned_us"]
    run = following_run(spec, None, now_us) if None in planned else DagRunInfo(*planned)
    while run is not None:
        yield {"logical_date": iso(run.logical_us), "after": iso(run.run_after_us)}
        run = following_run(spec, run.interval_end_us, now_us, run.interval_start_us)


def code(ask: Ask) -> Page:
    """Show the file as it is now, and what changed between versions of the DAG."""
    with ask.site.store.read() as connection:
        about, _ = head(ask, connection)
        versions = store.versions(connection, about["dag_id"], _MOST_VERSIONS)
    number = ask.number("version", 0, 0, 1 << 31)
    lines, flaw = _file(ask, about["fileloc"])
    data = {
        "dag": about,
        "file": about["fileloc"],
        "lines": lines,
        "flaw": flaw,
        "versions": [
            {"number": row["number"], "created": iso(row["created_us"])} for row in versions
        ],
        "version": number or None,
        "changes": _changes(versions, number) if number else [],
    }
    return _page("code.html", f"{about['dag_id']} · code", data)


def _file(ask: Ask, location: str) -> tuple[list[str], str | None]:
    """Return the lines of a DAG file, and why there are none, or not all."""
    folder = ask.site.config.getpath("core", "dags_folder").resolve()
    path = (folder / location).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        return [], f"{location} is not a file of the DAG folder of this machine."
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_CODE + 1)
    except OSError as error:
        return [], f"{location} cannot be read: {error.strerror}."
    flaw = None if len(data) <= _MOST_CODE else f"Only the first {_MOST_CODE} bytes are shown."
    return redact(data[:_MOST_CODE].decode("utf-8", "replace")).splitlines(), flaw


def _changes(versions: Sequence[RowMapping], number: int) -> list[dict[str, str]]:
    """Return what a version changed in the definition of the DAG, as lines of a diff."""
    texts = {row["number"]: _indented(row["spec"]) for row in versions}
    if number not in texts:
        raise TaskNotFound(f"There is no version {number} among the newest {_MOST_VERSIONS}.")
    before = texts.get(number - 1, [])
    kinds = {"+": "add", "-": "cut"}
    found = list(difflib.unified_diff(before, texts[number], lineterm="", n=2))[2:2000]
    return [{"kind": kinds.get(line[:1], ""), "text": line} for line in found]


def _indented(spec: str) -> list[str]:
    return json.dumps(_json(spec, {}), indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def to_grid(request: Request) -> Response:
    """Lead from the DAG's own address to its grid."""
    return RedirectResponse(f"{request.url.path}/grid", 307)


def to_instance(request: Request) -> Response:
    """Lead from a cell of the grid to the page of its task instance."""
    from airflow_lite_web.pages.shown import path_part

    site = request.app.state.site
    with site.store.read_one() as connection:
        place = store.instance_place(connection, request.path_params["instance_id"])
    if place is None:
        raise TaskNotFound("The task instance was deleted meanwhile.")
    dag_id, run_id, task_id = (path_part(place[name]) for name in ("dag_id", "run_id", "task_id"))
    page = "log" if place["map_index"] < 0 else "mapped"
    return RedirectResponse(f"/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{page}", 307)


ROUTES = [
    Route("/dags/{dag_id}", to_grid, methods=["GET"]),
    Route("/dags/{dag_id}/i/{instance_id:int}", to_instance, methods=["GET"]),
    *page_routes("/dags/{dag_id}/grid", grid),
    *page_routes("/dags/{dag_id}/runs", runs),
    *page_routes("/dags/{dag_id}/details", details),
    *page_routes("/dags/{dag_id}/code", code),
]
