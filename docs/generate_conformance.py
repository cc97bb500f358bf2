"""Write reference/conformance-cases.md: call it by `python docs/generate_conformance.py`.

Its rows are the cases of `airflow_lite_testing`; `tests/plugins/testing` compares.
"""

from __future__ import annotations

from pathlib import Path

from airflow_lite_testing.case import Case, Level, cases_of
from airflow_lite_testing.conformance import ExecutorConformance
from airflow_lite_testing.mutants.base import mutants

PAGE = Path(__file__).parent / "reference" / "conformance-cases.md"
LEVELS = {
    Level.BASIC: "What every executor must do: the class, its import, its commands, slots, events.",
    Level.OPTIONAL: "What an executor may do, and must then do well.",
    Level.FAULTS: "What must hold when things go wrong.",
    Level.END_TO_END: "A real scheduler runs a DAG through the executor.",
}


def page() -> str:
    """Return the page."""
    lines = [
        "# Cases of the conformance kit",
        "",
        "Each rule that the kit holds an executor to, by its id.",
        "The last column names the executors of `airflow_lite_testing.mutants` that break this rule, and so fail the case.",
        "[Test an executor](../how-to/test-an-executor.md) tells how to run them.",
    ]
    wrong = broken_by()
    for level, text in LEVELS.items():
        lines += ["", f"## {level}", "", text, "", "| case | rule | broken by |", "|---|---|---|"]
        lines += [
            f"| `{case.id}` | {case.rule} | {wrong[case.id]} |"
            for case in cases()
            if case.level == level
        ]
    return "\n".join(lines) + "\n"


def broken_by() -> dict[str, str]:
    """Return the names of the mutants of each case."""
    wrong: dict[str, list[str]] = {}
    for mutant in mutants():
        wrong.setdefault(mutant.case, []).append(f"`{mutant.path.rpartition(':')[2]}`")
    return {case: ", ".join(names) for case, names in wrong.items()}


def cases() -> list[Case]:
    """Return every case, by its id."""
    return [
        getattr(ExecutorConformance, name).case for name in cases_of(ExecutorConformance).values()
    ]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
