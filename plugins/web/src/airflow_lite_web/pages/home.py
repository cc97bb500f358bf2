"""*Home*: the DAGs with their newest runs, and what failed of late."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import US_PER_S, SystemClock, iso
from airflow_lite.secrets_masker import redact
from airflow_lite.store import dags as stored_dags
from airflow_lite.store.pages import home as store
from airflow_lite.text import shortened
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

KINDS = ("all", "active", "paused", "failed", "running")
_DAY_US = 86_400 * US_PER_S
#: Tasks that failed of late and are shown, and the failures that are looked at for them.
_MOST_FAILED, _MOST_FAILURES = 20, 200
#: Height of the bars of runs, in pixels; a run of no length is still seen.
_HIGHEST, _LOWEST = 26, 5
#: What the row of a DAG has that is only triggered.
_NO_SCHEDULE = {None, "", "None"}
_LINE = re.compile(r"\bline (\d+)")
_LONGEST_ERROR = 8_000


def home(ask: Ask) -> Page:
    """Show the DAGs, a page of them at a time, and what failed in the last 24 hours."""
    kind = ask.word("kind") if ask.word("kind") in KINDS else "all"
    wanted = store.Filter(ask.word("after"), ask.word("q")[:250], kind, ask.number("n", 50, 1, 80))
    now_us = SystemClock().now_us()
    with ask.site.store.read() as connection:
        rows = store.dags(connection, wanted)
        ids = [row["dag_id"] for row in rows[: wanted.most]]
        runs = _by_dag(store.newest_runs(connection, ids))
        active = store.limits(connection, ids)
        counts = store.counts(connection)
        failures = store.failures(connection, now_us - _DAY_US, _MOST_FAILURES)
        broken = stored_dags.import_errors(connection)
    shown = rows[: wanted.most]
    failed = _failed_tasks(failures)
    data = {
        "dags": [
            _dag(row, runs.get(row["dag_id"], []), active.get(row["dag_id"], (0, 0)), now_us)
            for row in shown
        ],
        "counts": {name: counts[name] for name in KINDS},
        "kind": kind,
        "text": wanted.text,
        "after": wanted.after,
        "next": ids[-1] if len(rows) > wanted.most else None,
        "failures": failed[:_MOST_FAILED],
        "has_more_failures": len(failed) > _MOST_FAILED or len(failures) == _MOST_FAILURES,
        "import_errors": [_import_error(file.path, file.error or "") for file in broken],
        "dags_folder": str(ask.site.config.getpath("core", "dags_folder")),
    }
    return Page("home.html", "DAGs", data, table="dags", section="DAGs", is_live="dag=")


def _by_dag(rows: Sequence[RowMapping]) -> dict[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = {}
    for row in rows:
        found.setdefault(row["dag_id"], []).append(row)
    return found


def _dag(
    row: RowMapping, runs: list[RowMapping], active: tuple[int, int], now_us: int
) -> dict[str, Any]:
    return {
        "dag_id": row["dag_id"],
        "is_paused": bool(row["is_paused"]),
        "description": row["description"],
        "owners": row["owners"],
        "tags": _tags(row["tags"]),
        "schedule": "" if row["schedule"] in _NO_SCHEDULE else row["schedule"],
        "timetable": row["timetable_description"],
        "next_run": None if row["is_paused"] else iso(row["next_create_after_us"]),
        "is_broken": bool(row["is_broken"]),
        "waiting": _waiting(row, active),
        "runs": run_bars(runs[::-1], now_us),
    }


def _tags(text: str) -> list[str]:
    try:
        tags = json.loads(text)
    except ValueError:
        return []
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _waiting(row: RowMapping, active: tuple[int, int]) -> str:
    """Return in a few words what a DAG does, or waits for."""
    queued, running = active
    if row["is_broken"]:
        return "its file cannot be imported"
    if row["is_paused"]:
        return f"paused, {queued + running} runs wait" if queued + running else "paused"
    if running and queued:
        return f"{running} running, {queued} wait for their turn"
    if running or queued:
        return f"{running} running" if running else f"{queued} queued"
    if row["next_create_after_us"]:
        return "waits for its next run"
    if row["schedule"] in _NO_SCHEDULE:
        return "waits to be triggered"
    return "waits for its datasets" if "Dataset" in row["schedule"] else "no run to come"


def run_bars(
    runs: Sequence[RowMapping], now_us: int, highest: int = _HIGHEST
) -> list[dict[str, Any]]:
    """Return runs with the heights of their bars, by their durations."""
    lengths = [_length_s(run, now_us) for run in runs]
    longest = max([length for length in lengths if length is not None], default=0.0) or 1.0
    return [
        {
            "run_id": run["run_id"],
            "state": run["state"],
            "logical_date": iso(run["logical_us"]),
            "duration_s": length,
            "height": max(_LOWEST, round(highest * (length or 0.0) / longest)),
        }
        for run, length in zip(runs, lengths, strict=True)
    ]


def _length_s(run: RowMapping, now_us: int) -> float | None:
    if run["start_us"] is None:
        return None
    end_us: int = run["end_us"] if run["end_us"] is not None else now_us
    length_us: int = max(end_us - run["start_us"], 0)
    return round(length_us / US_PER_S, 3)


def _failed_tasks(rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Return the newest failure of each task, and how many `earlier` ones there are of it.

    So one that fails in every run of a backfill hides no other.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        task = row["dag_id"], row["task_id"]
        if task in found:
            found[task]["earlier"] += 1
        else:
            found[task] = {**_failure(row), "earlier": 0}
    return list(found.values())


def _failure(row: RowMapping) -> dict[str, Any]:
    return {
        "when": iso(row["at_us"]),
        "dag_id": row["dag_id"],
        "run_id": row["run_id"],
        "task_id": row["task_id"],
        "map_index": row["map_index"],
        "try_number": row["try_number"],
        "cause": shortened(redact(row["cause"] or "no reason was given"), 400),
        "state_now": row["state_now"],
    }


def _import_error(path: str, error: str) -> dict[str, Any]:
    lines = [line for line in error.splitlines() if line.strip()]
    place = _LINE.search(error)
    return {
        "path": path,
        "line": int(place[1]) if place else None,
        "reason": shortened(redact(lines[0].strip() if lines else ""), 300),
        "error": shortened(redact(error), _LONGEST_ERROR),
    }


ROUTES = page_routes("/", home)
