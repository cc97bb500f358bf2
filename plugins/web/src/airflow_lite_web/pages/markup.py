"""Parts of pages that stand in them thousands of times, and so are made without a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from airflow_lite_web.pages.shown import LETTERS, duration, path_part

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Runs that a sparkline has room for, the pixels of each, and its height.
_MOST, _STEP, _HEIGHT = 14, 9, 26


def spark(dag_id: str, runs: Sequence[dict[str, Any]]) -> Markup:
    """Return the newest runs of a DAG as bars, each a link."""
    base = f"/dags/{path_part(dag_id)}/runs/"
    states = ", ".join(run["state"] for run in runs) or "none"
    bars = []
    for place, run in enumerate(runs, _MOST - len(runs)):
        height, state = run["height"], run["state"]
        title = f"{run['logical_date']}, {state}, {duration(run['duration_s'])}"
        bars.append(
            f'<a href="{base}{path_part(run["run_id"])}"><title>{escape(title)}</title>'
            f'<rect class="s-{escape(state)}" x="{place * _STEP}" y="{_HEIGHT - height}" width="7"'
            f' height="{height}" rx="{0 if state == "failed" else 3}"/></a>'
        )
    head = (
        f'<svg class="spark" width="{_MOST * _STEP}" height="{_HEIGHT}" role="group"'
        f' aria-label="Newest runs: {escape(states)}">'
    )
    return Markup(head + "".join(bars) + "</svg>")  # noqa: S704 - every text in it is escaped


def cells(row: dict[str, Any], is_selecting: bool) -> Markup:  # noqa: FBT001 - a filter
    """Return the cells of one row of the grid."""
    return Markup("".join(_cell(cell, is_selecting) for cell in row["cells"]))  # noqa: S704


def _cell(cell: dict[str, Any] | None, is_selecting: bool) -> str:  # noqa: FBT001
    if cell is None:
        return "<td></td>"
    state = cell["state"]
    kind = f"s-{state if state in LETTERS else 'none'}"
    kind = f'"{kind} c"' if cell["text"] else kind  # a word alone needs no quotes
    text = escape(cell["text"] or LETTERS.get(state or "", "·"))
    title = ""
    if cell["states"]:
        counts = ", ".join(f"{count} {name}" for name, count in cell["states"].items())
        title = f' title="{escape(counts)}"'
    if cell["id"] is None:
        return f"<td><b class={kind}{title}>{text}</b>"
    if is_selecting:
        box = f"<input type=checkbox name=c value={int(cell['id'])}>"
        return f"<td><label class={kind}{title}>{box}{text}</label>"
    return f"<td><a class={kind} href=i/{int(cell['id'])}{title}>{text}</a>"
