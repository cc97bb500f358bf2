"""*Task*: one task instance: its state in words, its tries, log, history, fields and XComs."""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from airflow_lite.clock import US_PER_S, SystemClock, iso
from airflow_lite.logs.reading.task_log import task_log
from airflow_lite.scheduler.failed_deps import failed_deps
from airflow_lite.secrets_masker import redact
from airflow_lite.store import listing
from airflow_lite.store.pages import run as store
from airflow_lite.text import shortened
from airflow_lite_web.pages.dag import head, run_row
from airflow_lite_web.pages.log_lines import blocks
from airflow_lite_web.pages.page import Ask, Page, page_routes
from airflow_lite_web.pages.run import the_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa
    from sqlalchemy import RowMapping
    from starlette.requests import Request

    from airflow_lite.spec.model import TaskSpec

TABS = ("log", "history", "fields", "xcoms")
#: Lines of a log that a page shows, its last ones; all are in the file behind the link.
_MOST_LINES = 1_000
#: Characters of a value that a page shows.
_LONGEST_VALUE = 4_000
_MOST_INDEXES = 100
_OPEN = {None, "scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule"}


class _Instance:
    """What every page of a task instance reads: its rows, and its attempts."""

    def __init__(self, ask: Ask, connection: sa.Connection) -> None:
        self.about, latest = head(ask, connection)
        self.run = the_run(ask, connection)
        index = ask.number("map_index", -1, -1, 1 << 31)
        self.row = listing.the_instance(connection, self.run, ask.name("task_id"), index)
        self.attempts = store.attempts(connection, [self.row["id"]])
        version_id, dag_id = self.run["version_id"], self.about["dag_id"]
        spec = ask.site.specs.of_version(connection, dag_id, version_id) or latest
        self.task = spec.tasks.get(self.row["task_id"])
        upstream = () if self.task is None else self.task.upstream
        self.upstream = store.states_of(connection, self.run["id"], upstream)
        now_us = SystemClock().now_us()
        self.why = (
            failed_deps(connection, ask.site.config, self.run, self.row, now_us)
            if self.row["state"] in _OPEN
            else []
        )
        self.try_number = ask.number("try", 0, 0, 1 << 31) or max(self.row["try_number"], 1)

    def data(self) -> dict[str, Any]:
        """Return what the top of each page shows."""
        row, now_us = self.row, SystemClock().now_us()
        words = {"map_index": row["map_index"]} if row["map_index"] >= 0 else {}
        return {
            "dag": self.about,
            "run": run_row(self.run, now_us),
            "task": _shown(row, self.task, now_us),
            "why": [dep._asdict() for dep in self.why],
            "waits_for": _open_upstream(self.upstream) if row["state"] in _OPEN else [],
            "tries": _tries(self.attempts, row),
            "try_number": self.try_number,
            "place": urlencode(words),
            "is_mapped": row["map_index"] >= 0,
            "tabs": TABS,
        }

    def page(self, template: str, tab: str, data: dict[str, Any], table: str | None = None) -> Page:
        """Return a page of this task instance."""
        index = f"[{self.row['map_index']}]" if self.row["map_index"] >= 0 else ""
        title = f"{self.row['task_id']}{index} · {tab} · {self.about['dag_id']}"
        live = {"dag": self.about["dag_id"]}
        if tab == "log" and self.row["state"] in _OPEN:
            live |= {
                "run": self.run["run_id"],
                "task": self.row["task_id"],
                "map_index": str(self.row["map_index"]),
                "try": str(self.try_number),
            }
        data = {**self.data(), "tab": tab, **data}
        return Page(template, title, data, table, section="DAGs", is_live=urlencode(live))


def _shown(row: RowMapping, task: TaskSpec | None, now_us: int) -> dict[str, Any]:
    end_us = row["end_us"] or (now_us if row["state"] in {"running", "restarting"} else None)
    took = None if None in (row["start_us"], end_us) else (end_us - row["start_us"]) / US_PER_S
    return {
        "id": row["id"],
        "task_id": row["task_id"],
        "map_index": row["map_index"],
        "label": row["rendered_map_index"],
        "state": row["state"],
        "cause": shortened(redact(row["change_cause"] or ""), 1_000),
        "changed_by": row["changed_by"],
        "changed_at": iso(row["changed_at_us"]),
        "try_number": row["try_number"],
        "max_tries": row["max_tries"],
        "next_at": iso(row["next_at_us"]),
        "operator": row["operator"],
        "pool": row["pool"],
        "pool_slots": row["pool_slots"],
        "queue": row["queue"],
        "priority": row["priority_weight"],
        "executor": row["executor"],
        "hostname": row["hostname"],
        "start_date": iso(row["start_us"]),
        "end_date": iso(row["end_us"]),
        "duration_s": None if took is None else round(took, 2),
        "trigger_rule": None if task is None else task.trigger_rule,
        "note": row["note"],
        "doc_md": None if task is None else task.doc_md,
    }


def _open_upstream(rows: Any) -> list[dict[str, Any]]:
    """Return the tasks before it that have not ended well, each with its states."""
    return [dict(row) for row in rows if row["state"] not in {"success", "skipped"}]


def _tries(attempts: Any, row: RowMapping) -> list[dict[str, Any]]:
    """Return the tries, each by its last attempt."""
    newest: dict[int, dict[str, Any]] = {}
    for attempt in attempts:
        is_now = attempt["token"] == row["attempt"]
        start, end = attempt["claimed_us"], attempt["ended_us"]
        newest[attempt["try_number"]] = {
            "number": attempt["try_number"],
            "state": (row["state"] if is_now else None) or attempt["outcome"],
            "started_at": iso(start),
            "duration_s": None if None in (start, end) else (end - start) / US_PER_S,
            "hostname": attempt["hostname"],
            "exit_code": attempt["exit_code"],
            "cause": shortened(redact(attempt["cause"] or ""), 500),
            "memory_mb": attempt["max_rss_kb"] and round(attempt["max_rss_kb"] / 1024, 1),
            "cpu_s": attempt["cpu_us"] and round(attempt["cpu_us"] / US_PER_S, 2),
        }
    return [newest[number] for number in sorted(newest)]


def log(ask: Ask) -> Page:
    """Show the end of the log of a try."""
    with ask.site.store.read() as connection:
        instance = _Instance(ask, connection)
    errors_only = ask.word("errors") == "1"
    lines: deque[str] = deque(_lines(ask, instance), _MOST_LINES + 1)
    data = {
        "is_cut": len(lines) > _MOST_LINES,
        "most_lines": _MOST_LINES,
        "errors_only": errors_only,
        "blocks": [
            block._asdict()
            for block in blocks(
                islice(lines, max(len(lines) - _MOST_LINES, 0), None), errors_only=errors_only
            )
        ],
    }
    return instance.page("log.html", "log", data)


def _lines(ask: Ask, instance: _Instance) -> Iterator[str]:
    if not instance.row["try_number"]:
        return
    run, row = instance.run, instance.row
    parts = task_log(
        ask.site.config,
        run["dag_id"],
        row["task_id"],
        run["run_id"],
        instance.try_number,
        row["map_index"],
    )
    for part in parts:
        yield from part.split("\n")


def log_file(request: Request) -> Response:
    """Give the whole log of a try, as text."""
    ask = Ask(request.app.state.site, request)
    with ask.site.store.read() as connection:
        instance = _Instance(ask, connection)
    lines = (f"{line}\n" for line in _lines(ask, instance))
    return StreamingResponse(lines, media_type="text/plain; charset=utf-8")


def history(ask: Ask) -> Page:
    """Show who changed its state, when and why."""
    with ask.site.store.read() as connection:
        instance = _Instance(ask, connection)
        row = instance.row
        events = listing.history(connection, instance.run["id"], row["task_id"], row["map_index"])
    data = {"events": [_event(event) for event in events[::-1]]}
    return instance.page("history.html", "history", data, "events")


def _event(event: RowMapping) -> dict[str, Any]:
    return {
        "when": iso(event["at_us"]),
        "from_state": event["from_state"],
        "to_state": event["to_state"],
        "try_number": event["try_number"],
        "actor": event["actor"],
        "cause": shortened(redact(event["cause"] or ""), 1_000),
    }


def fields(ask: Ask) -> Page:
    """Show what its templates became."""
    with ask.site.store.read() as connection:
        instance = _Instance(ask, connection)
        text = store.fields(connection, instance.row["id"])
    values = _read(text or "{}")
    rows = values.items() if isinstance(values, dict) else ()
    data = {
        "fields": [{"name": name, "value": _value(redact(value, name))} for name, value in rows],
    }
    return instance.page("fields.html", "fields", data, "fields")


def xcoms(ask: Ask) -> Page:
    """Show what it handed on."""
    with ask.site.store.read() as connection:
        instance = _Instance(ask, connection)
        row = instance.row
        found = store.xcoms(connection, instance.run["id"], row["task_id"], row["map_index"])
    data = {
        "xcoms": [
            {
                "key": xcom["key"],
                "value": _value(redact(_read(xcom["value"]), xcom["key"])),
                "when": iso(xcom["at_us"]),
            }
            for xcom in found
        ]
    }
    return instance.page("xcoms.html", "xcoms", data, "xcoms")


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return shortened(text, _LONGEST_VALUE)


def mapped(ask: Ask) -> Page:
    """List the instances of a mapped task."""
    after = ask.number("after", -1, -1, 1 << 31)
    with ask.site.store.read() as connection:
        about, _ = head(ask, connection)
        run = the_run(ask, connection)
        task_id = ask.name("task_id")
        counts = store.states_of(connection, run["id"], [task_id])
        rows = store.indexes(connection, run["id"], task_id, after=after, most=_MOST_INDEXES + 1)
    now_us = SystemClock().now_us()
    shown = rows[:_MOST_INDEXES]
    data = {
        "dag": about,
        "run": run_row(run, now_us),
        "task_id": task_id,
        "counts": {row["state"] or "none": row["count"] for row in counts},
        "instances": [_shown(row, None, now_us) for row in shown],
        "next": shown[-1]["map_index"] if len(rows) > _MOST_INDEXES else None,
        "after": after,
    }
    live = urlencode({"dag": about["dag_id"]})
    title = f"{task_id} · {about['dag_id']}"
    return Page("mapped.html", title, data, "instances", section="DAGs", is_live=live)


def to_log(request: Request) -> Response:
    """Lead from the task's own address to its log."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.url.path}/log{query}", 307)


_BASE = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}"
ROUTES = [
    Route(_BASE, to_log, methods=["GET"]),
    Route(f"{_BASE}/log.txt", log_file, methods=["GET"]),
    *page_routes(f"{_BASE}/log", log),
    *page_routes(f"{_BASE}/history", history),
    *page_routes(f"{_BASE}/fields", fields),
    *page_routes(f"{_BASE}/xcoms", xcoms),
    *page_routes(f"{_BASE}/mapped", mapped),
]
