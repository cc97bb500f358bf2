"""A DAG's graph in the DOT language."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_lite.dag.spec import DagSpec

#: Airflow's colours of states.
COLORS = {
    "deferred": "mediumpurple",
    "failed": "red",
    "queued": "gray",
    "removed": "lightgrey",
    "restarting": "violet",
    "running": "lime",
    "scheduled": "tan",
    "skipped": "hotpink",
    "success": "green",
    "up_for_reschedule": "turquoise",
    "up_for_retry": "gold",
    "upstream_failed": "orange",
}


def dot(dag: DagSpec, states: Mapping[str, str | None] | None = None) -> str:
    """Return the graph of a DAG; `states` by task id colours the nodes."""
    lines = [f"digraph {quoted(dag.dag_id)} {{", "\tgraph [rankdir=LR labelloc=t]"]
    lines += [f"\tlabel={quoted(dag.dag_id)}", '\tnode [shape=rectangle style="filled,rounded"]']
    lines += _nodes(dag, states or {})
    for name, task in sorted(dag.tasks.items()):
        lines += [f"\t{quoted(name)} -> {quoted(other)}" for other in task.downstream]
    return "\n".join([*lines, "}"])


def _nodes(dag: DagSpec, states: Mapping[str, str | None]) -> Iterator[str]:
    for name in sorted(dag.tasks):
        color = COLORS.get(states.get(name) or "", "white")
        yield f"\t{quoted(name)} [label={quoted(name)} fillcolor={color}]"


def quoted(text: str) -> str:
    """Return a DOT string."""
    return json.dumps(text, ensure_ascii=False)
