"""A DAG's graph in the DOT language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.errors import UserError
from airflow_lite.spec.datasets import aliases_in, uris_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_lite.spec.model import DagSpec

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
    return "\n".join([*lines, *_edges(dag), "}"])


def _nodes(dag: DagSpec, states: Mapping[str, str | None]) -> Iterator[str]:
    for name in sorted(dag.tasks):
        color = COLORS.get(states.get(name) or "", "white")
        yield f"\t{quoted(name)} [label={quoted(name)} fillcolor={color}]"


def _edges(dag: DagSpec) -> Iterator[str]:
    for name, task in sorted(dag.tasks.items()):
        labels = dag.edge_info.get(name, {})
        for other in task.downstream:
            label = labels.get(other, {}).get("label")
            shown = f" [label={quoted(label)}]" if label else ""
            yield f"\t{quoted(name)} -> {quoted(other)}{shown}"


def dependencies_dot(dags: Iterable[DagSpec]) -> str:
    """Return the graph of what DAGs wait for others, or start runs of them: by tasks, or datasets.

    As in Airflow, a DAG that has such tasks or datasets is a subgraph.
    """
    lines = ["digraph {", "\tgraph [rankdir=LR]"]
    for dag in sorted(dags, key=lambda dag: dag.dag_id):
        edges = [*_dependencies(dag), *_datasets(dag)]
        if edges:
            name = quoted(dag.dag_id)
            lines += [f"\tsubgraph {name} {{", f"\t\tgraph [label={name} labelloc=t rankdir=LR]"]
            lines += [f"\t\t{line}" for line in edges] + ["\t}"]
    return "\n".join([*lines, "}"])


def _dependencies(dag: DagSpec) -> Iterator[str]:
    for name, task in sorted(dag.tasks.items()):
        node = quoted(f"{dag.dag_id}.{name}")
        ends = ((task.waits_for_dag, dag.dag_id), (dag.dag_id, task.triggers_dag))
        for source, target in ends:
            if source is not None and target is not None:
                yield f"{node} [label={quoted(name)} shape=rectangle]"
                yield f"{quoted(source)} -> {node}"
                yield f"{node} -> {quoted(target)}"


def _datasets(dag: DagSpec) -> Iterator[str]:
    """Yield the datasets that a DAG changes, and those that it waits for, each once."""
    tasks = [task for _, task in sorted(dag.tasks.items())]
    changed = [name for task in tasks for name in (*task.outlets, *task.outlet_aliases)]
    expression = dag.schedule.datasets
    awaited = [] if expression is None else [*uris_in(expression), *aliases_in(expression)]
    for uri in dict.fromkeys([*changed, *awaited]):
        yield f"{quoted(uri)} [shape=note]"
    yield from (f"{quoted(dag.dag_id)} -> {quoted(uri)}" for uri in dict.fromkeys(changed))
    yield from (f"{quoted(uri)} -> {quoted(dag.dag_id)}" for uri in dict.fromkeys(awaited))


def quoted(text: str) -> str:
    """Return a DOT string."""
    return json.dumps(text, ensure_ascii=False)


def write_dot(text: str, file: str | None) -> None:
    """Print a graph, or write it to a .dot file; raise `UserError`."""
    if file is None:
        print(text)
        return
    if not file.endswith(".dot"):
        raise UserError(
            f"{file!r} does not end in .dot. Write that and render it: dot -Tsvg FILE > IMAGE."
        )
    try:
        Path(file).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file!r} cannot be written: {error.strerror}.") from None
    print(f"File {file} saved")
