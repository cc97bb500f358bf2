"""*Run*: its tries over time, its conf, and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_lite.clock import US_PER_S, SystemClock, iso
from airflow_lite.store import listing
from airflow_lite.store.pages import run as store
from airflow_lite_web.pages.dag import head, run_row
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa
    from sqlalchemy import RowMapping
    from starlette.requests import Request

#: Task instances on one page.
_MOST_ROWS = 150
#: Width of the drawing's part that is time, and height of a row.
_WIDTH, _ROW = 1000, 22
_TICKS = 5


def the_run(ask: Ask, connection: sa.Connection) -> RowMapping:
    """Return the run that the path names; raise `DagNotFound`, `DagRunNotFound`."""
    return listing.the_run(connection, ask.name("dag_id"), ask.name("run_id"))


def gantt(ask: Ask) -> Page:
    """Show when the tries of a run's tasks were queued and ran."""
    first = ask.number("row", 0, 0, 1 << 31)
    now_us = SystemClock().now_us()
    with ask.site.store.read() as connection:
        about, _ = head(ask, connection)
        run = the_run(ask, connection)
        counts = store.counts(connection, run["id"])
        rows = store.instances(connection, run["id"], _MOST_ROWS, first)
        attempts = store.attempts(connection, [row["id"] for row in rows])
    total = sum(counts.values())
    data = {
        "dag": about,
        "run": run_row(run, now_us),
        "counts": {state or "none": count for state, count in sorted(counts.items(), key=_known)},
        "is_over": run["state"] in {"success", "failed"},
        "has_failed": bool(counts.get("failed") or counts.get("upstream_failed")),
        "again": urlencode({"conf": run["conf"]}) if run["conf"] != "{}" else "",
        "row": first,
        "next_row": first + _MOST_ROWS if total > first + _MOST_ROWS else None,
        **_drawing(run, rows, attempts, now_us),
    }
    return Page(
        "run.html",
        f"{run['run_id']} · {about['dag_id']}",
        data,
        table="tries",
        section="DAGs",
        is_live=urlencode({"dag": about["dag_id"]}),
    )


def _known(item: tuple[str | None, int]) -> str:
    return item[0] or ""


def _drawing(
    run: RowMapping, rows: Sequence[RowMapping], attempts: Sequence[RowMapping], now_us: int
) -> dict[str, Any]:
    """Return the rows of the drawing, places in thousandths of its width, and a table of tries."""
    by_instance: dict[int, list[RowMapping]] = {}
    for attempt in attempts:
        by_instance.setdefault(attempt["task_instance_id"], []).append(attempt)
    moments = [run["start_us"], *(attempt["queued_us"] for attempt in attempts)]
    begin = min([moment for moment in moments if moment is not None], default=now_us)
    ends = [attempt["ended_us"] or now_us for attempt in attempts]
    end = max([*ends, run["end_us"] or begin, begin + 1])
    scale = _WIDTH / (end - begin)

    def x(moment_us: int) -> float:
        return round((min(max(moment_us, begin), end) - begin) * scale, 1)

    drawn, tries = [], []
    for row in rows:
        mine = by_instance.get(row["id"], [])
        bars = [bar for attempt in mine for bar in _bars(attempt, row, x, now_us)] or _bars_of_none(
            row, x
        )
        drawn.append({**_place(row), "bars": bars})
        tries += [_try(row, attempt) for attempt in mine]
    span_s = (end - begin) / US_PER_S
    return {
        "rows": drawn,
        "tries": tries,
        "begin": iso(begin),
        "ticks": [
            {"x": round(_WIDTH * tick / _TICKS), "after_s": round(span_s * tick / _TICKS, 2)}
            for tick in range(_TICKS + 1)
        ],
    }


def _place(row: RowMapping) -> dict[str, Any]:
    return {
        "task_id": row["task_id"],
        "map_index": row["map_index"],
        "state": row["state"],
        "label": row["rendered_map_index"],
    }


def _bars(attempt: RowMapping, row: RowMapping, x: Any, now_us: int) -> list[dict[str, Any]]:
    """Return the bars of an attempt: the light one for the wait, the dark one for its run."""
    queued, claimed, ended = (attempt[f"{name}_us"] for name in ("queued", "claimed", "ended"))
    is_newest = attempt["token"] == row["attempt"]
    state = (row["state"] if is_newest else None) or attempt["outcome"] or "failed"
    started = claimed if claimed is not None else (ended if ended is not None else now_us)
    bars = [_bar(x, queued, started, state, attempt["try_number"], is_wait=True)]
    if claimed is not None:
        until = ended if ended is not None else now_us
        bars.append(_bar(x, claimed, until, state, attempt["try_number"], is_wait=False))
    return bars


def _bars_of_none(row: RowMapping, x: Any) -> list[dict[str, Any]]:
    """Return the bar of what ended without an attempt, as EmptyOperators do."""
    if row["start_us"] is None or row["end_us"] is None:
        return []
    return [_bar(x, row["start_us"], row["end_us"], row["state"], row["try_number"], is_wait=False)]


def _bar(
    x: Any, start_us: int, end_us: int, state: str, number: int, *, is_wait: bool
) -> dict[str, Any]:
    left = x(start_us)
    return {
        "x": left,
        "width": max(round(x(end_us) - left, 1), 0.0 if is_wait else 2.0),
        "state": state,
        "is_wait": is_wait,
        "try_number": number,
        "s": round((end_us - start_us) / US_PER_S, 2),
    }


def _try(row: RowMapping, attempt: RowMapping) -> dict[str, Any]:
    return {
        "task_id": row["task_id"],
        "map_index": row["map_index"],
        "try_number": attempt["try_number"],
        "queued_at": iso(attempt["queued_us"]),
        "started_at": iso(attempt["claimed_us"]),
        "ended_at": iso(attempt["ended_us"]),
        "outcome": attempt["outcome"],
        "hostname": attempt["hostname"],
    }


def to_gantt(request: Request) -> Response:
    """Lead from the run's own address to its page."""
    return RedirectResponse(f"{request.url.path}/gantt", 307)


ROUTES = [
    Route("/dags/{dag_id}/runs/{run_id}", to_gantt, methods=["GET"]),
    *page_routes("/dags/{dag_id}/runs/{run_id}/gantt", gantt),
]
