"""What a folder of Airflow's DAG files would miss here, before anyone moves."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.cli import UserError
from airflow_lite_airflow_names import table
from airflow_lite_airflow_names.finder import ROOT, missing_provider

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.parsing.pool import FileResult

LOADS, WITH_NOTICE, MISSING = "loads", "loads with a notice", "does not load"


class FileReport(NamedTuple):
    """What became of one file: how many DAGs it has, its notices, and what it misses."""

    file: str
    dags: int
    notices: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def state(self) -> str:
        """Whether it loads, in words."""
        if self.missing:
            return MISSING
        return WITH_NOTICE if self.notices else LOADS


class ImportedName(NamedTuple):
    """A name that a file imports from a module of Airflow's; empty: the module itself."""

    module: str
    name: str = ""


def check(paths: Sequence[str], config: Config) -> list[FileReport]:
    """Look at what each DAG file imports, and load it as the scheduler does; nothing is saved."""
    from airflow_lite.scheduler.dag_files.now import parse_now

    parsed = parse_now(config, _dag_files(paths))
    return [_report(file) for file in sorted(parsed, key=lambda file: file.path)]


def _dag_files(paths: Sequence[str]) -> Iterator[str]:
    from airflow_lite.parsing.folder import list_files, might_contain_dag

    for path in paths:
        if not os.path.exists(path):
            raise UserError(f"There is no {path}. Name DAG files, or folders of them.")
        if os.path.isdir(path):
            yield from filter(might_contain_dag, list_files(Path(path).absolute()).paths)
        else:
            yield os.path.abspath(path)


def _report(file: FileResult) -> FileReport:
    missing = tuple(dict.fromkeys(_missing(file.path)))
    if file.error is not None and not missing:
        missing = (file.error.partition("\n")[0],)
    notices = tuple(line.partition(": ")[2] for line in file.warnings)
    return FileReport(file.path, len(file.dags), notices, missing if file.error else ())


def _missing(path: str) -> Iterator[str]:
    """Yield a sentence for each name of Airflow's that a file imports, and that is not there."""
    for imported in imported_names(path):
        if imported.module.startswith(f"{ROOT}.providers.") and not _is_in_table(imported):
            if not _is_installed(imported.module):
                yield missing_provider(imported.module)
            continue
        if not table.has_module(imported.module):
            yield f"{imported.module} is not offered."
            continue
        row = _row(imported)
        if row is not None and row.is_refused:
            yield f"{imported.module}.{imported.name} is not offered: {row.text}"
        elif row is not None and row.home.startswith(f"{ROOT}.providers."):
            if not _is_installed(row.home):
                yield missing_provider(row.home)
        elif row is None and imported.name and not _is_module(imported):
            yield f"{imported.module}.{imported.name} is not offered."


def _row(imported: ImportedName) -> table.Name | None:
    module, name = imported
    return table.name_in(module, name) or (
        None if _is_module(imported) else table.rest_of(module, name)
    )


def _is_module(imported: ImportedName) -> bool:
    return table.has_module(f"{imported.module}.{imported.name}")


def _is_in_table(imported: ImportedName) -> bool:
    return table.has_module(imported.module)


def _is_installed(module: str) -> bool:
    """Return whether a provider's module is on `sys.path`; nothing of it is imported."""
    places = [os.path.join(entry or os.curdir, *module.split(".")) for entry in sys.path]
    return any(os.path.isdir(place) or os.path.isfile(f"{place}.py") for place in places)


def imported_names(path: str) -> list[ImportedName]:
    """Return what a file imports from Airflow, at its top or in functions; nothing if it is broken.

    What stands in a `try` that has another way out is left out.
    """
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return []
    return list(dict.fromkeys(_imports(tree.body)))


def _imports(body: Iterable[ast.AST]) -> Iterator[ImportedName]:
    for node in body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (ImportedName(name) for name in names if name.partition(".")[0] == ROOT)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if not node.level and module.partition(".")[0] == ROOT:
                yield from (ImportedName(module, alias.name) for alias in node.names)
        elif not isinstance(node, ast.Try):
            yield from _imports(ast.iter_child_nodes(node))


def total(reports: Sequence[FileReport]) -> str:
    """Return one line on all files."""
    states = [report.state for report in reports]
    missing, noticed = states.count(MISSING), states.count(WITH_NOTICE)
    return (
        f"{len(reports)} file{'' if len(reports) == 1 else 's'}: {len(reports) - missing} load,"
        f" {noticed} of them with a notice; {missing} do not load."
    )
