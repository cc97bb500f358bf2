"""What airflow-names.md says: each of Airflow's modules, from the table of the plugin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "plugins/airflow_names/src"))

from airflow_lite_airflow_names import table

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD = """# Airflow's names

What DAG files may import from `airflow` where `airflow-lite-airflow-names` is installed: the module names of Airflow 2.10.5, those of Airflow 1 that it answers, and those of Airflow 3's `airflow.sdk` and `airflow.providers.standard`.
A name that is offered is airflow-lite's own object, or one that does the same. One with a notice is offered, and the notice says what is different. One that is refused is an import error that says what to write instead.
Names of providers are those of the providers that are installed.
`airflow-lite airflow-names list MODULE` shows the same for one module.
"""


def page() -> str:
    """Return airflow-names.md."""
    modules = [module for module in table.modules() if table.names_of(module)]
    moved = [module for module in modules if _is_moved(module)]
    lines = [HEAD]
    for module in modules:
        if module not in moved:
            lines += _module(module)
    lines += ["## Modules of Airflow 1", "", "| module | names |", "|---|---|"]
    for module in moved:
        names = sorted(table.names_of(module).values())
        lines.append(f"| `{module}` | {', '.join(_moved_name(row) for row in names)} |")
    return "\n".join(lines) + "\n"


def _is_moved(module: str) -> bool:
    return module in table.moved_modules()


def _module(module: str) -> list[str]:
    rows = sorted(table.names_of(module).values())
    lines = [f"## {module}", ""]
    offered = [row for row in rows if not row.text]
    if offered:
        lines += [f"Offered: {_names(offered)}.", ""]
    for word, is_refused in (("With a notice", False), ("Refused", True)):
        told = [row for row in rows if row.text and row.is_refused is is_refused]
        for text in dict.fromkeys(row.text for row in told):
            names = [row for row in told if row.text == text]
            lines += [f"{word}: {_names(names)}. {text}", ""]
    return lines


def _names(rows: Iterable[table.Name]) -> str:
    return ", ".join("all others" if row.name == "*" else f"`{row.name}`" for row in rows)


def _moved_name(row: table.Name) -> str:
    if row.is_refused:
        return f"`{row.name}` (refused)"
    if row.home.startswith("airflow.providers."):
        return f"`{row.name}` (provider: `{row.home}`)"
    return f"`{row.name}`"
