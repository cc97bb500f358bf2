"""*Graph*: the tasks of a DAG as a drawing, made here, from the version that a run had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_lite.store import listing
from airflow_lite.store.pages import dag as store
from airflow_lite_web.pages import layout
from airflow_lite_web.pages.dag import TABS, head
from airflow_lite_web.pages.folding import fold_rows, groups_of, worst
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import sqlalchemy as sa
    from sqlalchemy import RowMapping

    from airflow_lite.spec.model import DagSpec
    from airflow_lite_web.pages.folding import FoldRow

#: More nodes than these, and groups are folded until they are opened.
_MOST_OPEN = 100
#: A drawing of more is of no use to anybody.
_MOST_NODES = 400
#: Characters of a name that fit into its box.
_LONGEST = 19


def graph(ask: Ask) -> Page:
    """Draw the tasks, with the states of a run: the one that is named, else the newest."""
    with ask.site.store.read() as connection:
        about, latest = head(ask, connection)
        run = _run(ask, connection, about["dag_id"])
        version_id = None if run is None else run["version_id"]
        spec = ask.site.specs.of_version(connection, about["dag_id"], version_id) or latest
        cells = store.cells(connection, [run["id"]] if run else [])
    states: dict[str, dict[str | None, int]] = {}
    for _, task_id, state, count, _, _ in cells:
        states.setdefault(task_id, {})[state] = count
    opened = _opened(ask, spec)
    rows = [row for row in fold_rows(spec.tasks, opened) if not (row.is_group and row.is_open)]
    is_too_large = len(rows) > _MOST_NODES
    drawing = layout.place({} if is_too_large else _edges(rows, spec))
    data = {
        "dag": about,
        "run": None if run is None else {"run_id": run["run_id"], "state": run["state"]},
        "nodes": [
            _node(row, drawing.boxes[row.name], states, opened, spec)
            for row in rows
            if row.name in drawing.boxes
        ],
        "edges": [{"from": start, "to": end, "path": path} for start, end, path in drawing.edges],
        "width": drawing.width,
        "height": drawing.height,
        "is_too_large": is_too_large,
        "groups": sorted(groups_of(spec.tasks)),
        "open": "*" if opened is None else ",".join(sorted(opened)),
        "tabs": TABS,
    }
    title = f"{about['dag_id']} · graph"
    return Page(
        "graph.html", title, data, section="DAGs", is_live=urlencode({"dag": about["dag_id"]})
    )


def _run(ask: Ask, connection: sa.Connection, dag_id: str) -> RowMapping | None:
    if run_id := ask.word("run"):
        return listing.the_run(connection, dag_id, run_id)
    return next(iter(store.newest_runs(connection, dag_id, 1)), None)


def _opened(ask: Ask, spec: DagSpec) -> set[str] | None:
    if "open" not in ask.request.query_params:
        return None if len(spec.tasks) <= _MOST_OPEN else set()
    text = ask.word("open")
    return None if text == "*" else {name for name in text.split(",") if name}


def _edges(rows: list[FoldRow], spec: DagSpec) -> dict[str, list[str]]:
    """Return the edges between what is shown; those that folding would turn into a circle go."""
    shown_by = {task_id: row.name for row in rows for task_id in row.tasks}
    edges: dict[str, set[str]] = {row.name: set() for row in rows}
    for task_id, task in spec.tasks.items():
        for other in task.downstream:
            start, end = shown_by.get(task_id), shown_by.get(other)
            if start is not None and end is not None and start != end:
                edges[start].add(end)
    return _acyclic(edges)


def _acyclic(edges: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Return the edges without those that lead back: groups may depend on one another."""
    kept: dict[str, list[str]] = {name: [] for name in edges}
    on_way: set[str] = set()
    done: set[str] = set()
    for root in edges:
        stack = [(root, iter(sorted(edges[root])))] if root not in done else []
        on_way.update(name for name, _ in stack)
        while stack:
            name, others = stack[-1]
            other = next(others, None)
            if other is None:
                stack.pop()
                on_way.discard(name)
                done.add(name)
            elif other not in on_way:
                kept[name].append(other)
                if other not in done:
                    on_way.add(other)
                    stack.append((other, iter(sorted(edges[other]))))
    return kept


def _node(
    row: FoldRow,
    box: layout.Box,
    states: Mapping[str, Mapping[str | None, int]],
    opened: Collection[str] | None,
    spec: DagSpec,
) -> dict[str, Any]:
    counts: dict[str | None, int] = {}
    for task_id in row.tasks:
        for state, count in states.get(task_id, {}).items():
            counts[state] = counts.get(state, 0) + count
    total = sum(counts.values())
    small = f"{len(row.tasks)} tasks" if row.is_group else spec.tasks[row.name].operator
    if row.is_mapped and total:
        small = f"{total} × {small}"
    return {
        "name": row.name,
        "label": row.label if len(row.label) <= _LONGEST else f"{row.label[: _LONGEST - 1]}…",
        "small": small[:23],
        "is_group": row.is_group,
        "is_mapped": row.is_mapped,
        "state": worst(counts),
        "x": box.x,
        "y": box.y,
        "opened": ",".join(sorted({*(opened or ()), row.name})) if row.is_group else None,
    }


ROUTES = page_routes("/dags/{dag_id}/graph", graph)
