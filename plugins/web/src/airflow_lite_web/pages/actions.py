"""Clear, mark, stop, pause: each shows what it would touch, and the command that does the same."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import SystemClock, iso
from airflow_lite.errors import UserError
from airflow_lite.spec.graph import with_relatives
from airflow_lite.states import FAILED_STATES, RUN_FINISHED, TaskInstanceState
from airflow_lite.store import doorbell, edits, listing, marking, run_edits
from airflow_lite.store.pages import run as store
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.acting import Act, action_route, hidden_fields
from airflow_lite_web.pages.dag import head
from airflow_lite_web.pages.page import Page
from airflow_lite_web.pages.run import the_run
from airflow_lite_web.pages.shown import path_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import sqlalchemy as sa
    from sqlalchemy import RowMapping
    from starlette.responses import Response

    from airflow_lite.spec.model import DagSpec

#: Task instances that a look names one by one, and cells that one form may pick.
_MOST_SHOWN, _MOST_PICKED = 50, 5_000
_MARKS = {"success": TaskInstanceState.SUCCESS, "failed": TaskInstanceState.FAILED}
_TITLES = {
    "clear": "Clear",
    "clear-downstream": "Clear with downstream",
    "success": "Mark success",
    "failed": "Mark failed",
    "clear-failed": "Clear what failed",
    "clear-run": "Clear the whole run",
    "stop": "Stop the run",
}
_OF_RUN = {"clear-failed", "clear-run", "stop"}


class Plan(NamedTuple):
    """What an action would touch, and the commands that do the same."""

    act: str
    rows: list[RowMapping]
    commands: list[str]


def look(act: Act) -> Page:
    """Show what an action on picked task instances would touch."""
    with act.site.store.read() as connection:
        about, spec = head(act, connection)
        plan = _plan(act, connection, spec)
    return _look(act, about, plan, f"/dags/{path_part(about['dag_id'])}/act")


def do(act: Act) -> Response:
    """Clear or mark picked task instances."""
    dag_id, now_us = act.name("dag_id"), SystemClock().now_us()
    with act.site.store.begin() as connection:
        _, spec = head(act, connection)
        plan = _plan(act, connection, spec)
        done = _apply(connection, spec, plan, act.actor, now_us)
    return act.back(done, f"/dags/{path_part(dag_id)}/grid")


def look_at_run(act: Act) -> Page:
    """Show what an action on a run would touch."""
    with act.site.store.read() as connection:
        about, spec = head(act, connection)
        run = the_run(act, connection)
        plan = _plan_of_run(act, connection, spec)
    place = f"/dags/{path_part(about['dag_id'])}/runs/{path_part(run['run_id'])}"
    return _look(act, about, plan, f"{place}/act")


def do_to_run(act: Act) -> Response:
    """Stop a run, or clear what is in it."""
    dag_id, now_us = act.name("dag_id"), SystemClock().now_us()
    with act.site.store.begin() as connection:
        _, spec = head(act, connection)
        plan = _plan_of_run(act, connection, spec)
        run = the_run(act, connection)
        if plan.act == "stop":
            count = run_edits.stop(connection, run["id"], now_us=now_us, actor=act.actor)
            edits.note_action(
                connection, act.actor, "stopped the run", now_us=now_us, dag_run_id=run["id"]
            )
            doorbell.ring(connection, runs=[run["id"]])
            done = f"Stopped: {_counted(count)} ended."
        else:
            done = _apply(connection, spec, plan, act.actor, now_us)
    return act.back(done, f"/dags/{path_part(dag_id)}/runs/{path_part(run['run_id'])}/gantt")


def _look(act: Act, about: dict[str, Any], plan: Plan, target: str) -> Page:
    data = {
        "dag": about,
        "title": _TITLES[plan.act],
        "instances": [_named(row) for row in plan.rows[:_MOST_SHOWN]],
        "count": len(plan.rows),
        "more": max(len(plan.rows) - _MOST_SHOWN, 0),
        "running": sum(row["state"] in {"running", "restarting"} for row in plan.rows),
        "commands": plan.commands,
        "target": target,
        "fields": hidden_fields(act),
        "back": act.field("next") if act.field("next").startswith("/") else "/",
        "act": plan.act,
    }
    return Page("look.html", _TITLES[plan.act], data, section="DAGs")


def _named(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in ("run_id", "task_id", "map_index", "state")}


def _counted(count: int) -> str:
    return f"{count} task instance{'' if count == 1 else 's'}"


def _apply(connection: sa.Connection, spec: DagSpec, plan: Plan, actor: str, now_us: int) -> str:
    """Do it, wake those who schedule, and say what was done."""
    if plan.act in _MARKS:
        marked = marking.set_state(
            connection,
            spec,
            plan.rows,
            _MARKS[plan.act],
            now_us=now_us,
            actor=actor,
        )
        more = f"; {marked.again} below that had failed run again" if marked.again else ""
        return f"Marked {_counted(len(plan.rows))} {plan.act}{more}."
    items = [edits.clearable(row, spec) for row in plan.rows]
    runs = edits.clear(connection, items, now_us=now_us, actor=actor)
    doorbell.ring(connection, runs=sorted(runs))
    return f"Cleared {_counted(len(items))} in {len(runs)} run{'' if len(runs) == 1 else 's'}."


def _plan(act: Act, connection: sa.Connection, spec: DagSpec) -> Plan:
    """Return what was picked: single instances as `i`, all of a task in a run as `c`."""
    name = act.field("act")
    if name not in _TITLES or name in _OF_RUN:
        raise UserError("This form names no action. Go back, and load the page again.")
    single, cells = act.numbers("i"), act.numbers("c")
    if not single and not cells:
        raise UserError("Nothing was picked. Pick at least one cell.")
    if len(single) + len(cells) > _MOST_PICKED:
        raise UserError(f"More than {_MOST_PICKED} cells are picked. Pick fewer.")
    picked = store.chosen(connection, spec.dag_id, [*single, *cells])
    known = [row for row in picked if row["task_id"] in spec.tasks]
    is_single = {row["id"]: row for row in known if row["id"] in set(single)}
    tasks = _by_run(row for row in known if row["id"] not in is_single)
    if name in _MARKS:
        rows = _of_tasks(connection, tasks, is_single)
        return Plan(name, rows, _mark_commands(spec.dag_id, rows, tasks, name))
    downstream = name == "clear-downstream"
    rows = _touched(connection, spec, known, is_single, downstream=downstream)
    return Plan(name, rows, _clear_commands(spec.dag_id, known, is_single, downstream=downstream))


def _touched(
    connection: sa.Connection,
    spec: DagSpec,
    picked: list[RowMapping],
    single: dict[int, RowMapping],
    *,
    downstream: bool,
) -> list[RowMapping]:
    """Return what a clear touches: as `tasks clear` does, with the set-ups that work needs."""
    wanted = _by_run(picked)
    touched = {
        run: with_relatives(spec.tasks, names, upstream=False, downstream=downstream)
        for run, names in wanted.items()
    }
    indexes = {row["map_index"] for row in single.values()}
    if len(indexes) == 1 and len(single) == len(picked) and max(indexes) >= 0:
        rows = _of_tasks(connection, touched, single)
        return [row for row in rows if row["map_index"] in {-1, *indexes}]
    return _of_tasks(connection, touched, single)


def _by_run(rows: Iterable[RowMapping]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row["dag_run_id"], set()).add(row["task_id"])
    return found


def _of_tasks(
    connection: sa.Connection,
    tasks: dict[int, set[str]],
    single: dict[int, RowMapping],
) -> list[RowMapping]:
    """Return all instances of these tasks by run, and the single ones."""
    rows = store.of_runs(connection, tasks) if tasks else []
    mine = {row["id"]: row for row in rows if row["task_id"] in tasks[row["dag_run_id"]]}
    every = {**mine, **single}.values()
    return sorted(every, key=lambda row: (row["logical_us"], row["id"]))


def _plan_of_run(act: Act, connection: sa.Connection, spec: DagSpec) -> Plan:
    name = act.field("act")
    if name not in _OF_RUN:
        raise UserError("This form names no action. Go back, and load the page again.")
    run = the_run(act, connection)
    rows = store.of_runs(connection, [run["id"]])
    words = [spec.dag_id, run["run_id"]]
    if name == "stop":
        if run["state"] in RUN_FINISHED:
            raise UserError(f"The run is over: {run['state']}. There is nothing to stop.")
        over = {"success", "failed", "skipped", "upstream_failed", "removed"}
        open_rows = [row for row in rows if row["state"] not in over]
        return Plan(name, open_rows, [_command("dags", "runs", "stop", *words)])
    only_failed = name == "clear-failed"
    known = [row for row in rows if row["task_id"] in spec.tasks]
    picked = [row for row in known if not only_failed or row["state"] in FAILED_STATES]
    option = ["--only-failed"] if only_failed else []
    return Plan(name, picked, [_command("dags", "runs", "clear", *words, *option)])


def _mark_commands(
    dag_id: str, rows: list[RowMapping], tasks: dict[int, set[str]], state: str
) -> list[str]:
    lines: dict[str, None] = {}
    for row in rows:
        words = ["tasks", "set-state", dag_id, row["task_id"], row["run_id"], state]
        if row["map_index"] >= 0 and row["task_id"] not in tasks.get(row["dag_run_id"], ()):
            words += ["--map-index", str(row["map_index"])]
        lines[_command(*words)] = None
    return [*lines]


def _clear_commands(
    dag_id: str, rows: Sequence[RowMapping], single: dict[int, Any], *, downstream: bool
) -> list[str]:
    """Return a command for each run, of whose tasks all are cleared, and each single instance."""
    groups: dict[tuple[int, int | None], list[str]] = {}
    for row in rows:
        index = row["map_index"] if row["id"] in single and row["map_index"] >= 0 else None
        groups.setdefault((row["logical_us"], index), []).append(row["task_id"])
    lines = []
    for (logical_us, index), names in groups.items():
        pattern = "|".join(map(re.escape, sorted(set(names))))
        date = str(iso(logical_us))
        words = ["tasks", "clear", dag_id, "-t", f"^({pattern})$", "-s", date, "-e", date]
        words += ["-d"] if downstream else []
        words += [] if index is None else ["--map-index", str(index)]
        lines.append(_command(*words))
    return lines


def _command(*words: str) -> str:
    return shlex.join(["airflow-lite", *words])


def pause(act: Act) -> Response:
    """Let no new run of a DAG start."""
    return _set_paused(act, paused=True)


def unpause(act: Act) -> Response:
    """Let a DAG go on."""
    return _set_paused(act, paused=False)


def _set_paused(act: Act, *, paused: bool) -> Response:
    dag_id, word = act.name("dag_id"), "Paused" if paused else "Unpaused"
    with act.site.store.begin() as connection:
        listing.the_dag(connection, dag_id)
        if edits.set_paused(connection, [dag_id], paused=paused):
            cause = f"{word.lower()} DAG {dag_id}"
            edits.note_action(connection, act.actor, cause, now_us=SystemClock().now_us())
            doorbell.ring(connection)
    return act.back(f"{word} {dag_id}.", "/")


_RUN = "/dags/{dag_id}/runs/{run_id}"
ROUTES = [
    action_route("/dags/{dag_id}/look", look, Role.OPERATOR),
    action_route("/dags/{dag_id}/act", do, Role.OPERATOR),
    action_route(f"{_RUN}/look", look_at_run, Role.OPERATOR),
    action_route(f"{_RUN}/act", do_to_run, Role.OPERATOR),
    action_route("/dags/{dag_id}/pause", pause, Role.OPERATOR),
    action_route("/dags/{dag_id}/unpause", unpause, Role.OPERATOR),
]
