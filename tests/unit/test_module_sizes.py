"""Modules and folders keep their size: none too long, none too full, no splinter of another."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

import airflow_lite

CORE = Path(airflow_lite.__file__).parent
MOST_LINES = 500
MOST_MODULES = 15
SPLINTER_LINES = 40

#: Folders of one kind of thing each, with as many of them as there are.
LARGE_FOLDERS = {"store", "cli/commands", "worker/host"}
#: A file a command there, however short.
ROOMS_OF_SHORT_MODULES = ("cli.commands.", "cli.specs.")
#: What nobody, or a facade alone, imports.
STARTING_POINTS = {
    "__main__": "run by `python -m airflow_lite`, and the entry point of the program",
    "cli.runs.run_once": "for plugins: `airflow_lite.cli` offers it as `run_dag_once`",
    "testing": "for tests of plugins, who import it by name",
}


def modules_of(package: Path) -> dict[str, Path]:
    """Return the modules below a package by their dotted names in it; "" is the package itself."""
    paths = {path.relative_to(package).with_suffix(""): path for path in package.rglob("*.py")}
    return {".".join(name.parts).removesuffix("__init__").strip("."): paths[name] for name in paths}


def imported_names(path: Path) -> set[str]:
    """Return all that a module imports, types and what functions import included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def splinters(package: Path) -> set[str]:
    """Return the modules of at most 40 lines that no more than one other module imports."""
    modules = modules_of(package)
    importers = defaultdict(set)
    for importer, path in modules.items():
        for name in imported_names(path):
            importers[name.removeprefix(f"{package.name}.")].add(importer)
    return {
        name
        for name, path in modules.items()
        if path.name != "__init__.py"
        and lines(path) <= SPLINTER_LINES
        and len(importers[name] - {name}) <= 1
    }


def lines(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def is_laid_out(name: str) -> bool:
    """Whether a module's place is ours to choose: not of what is copied or found by its path."""
    return not name.startswith(("plugins.template.", "example_dags.", "store.migrations."))


def test_no_module_has_more_than_500_lines() -> None:
    assert [name for name, path in modules_of(CORE).items() if lines(path) > MOST_LINES] == []


def test_no_folder_has_more_than_15_modules() -> None:
    modules = [path for path in CORE.rglob("*.py") if path.name != "__init__.py"]
    counts = Counter(path.parent.relative_to(CORE).as_posix() for path in modules)

    full = {folder for folder, count in counts.items() if count > MOST_MODULES}
    assert full - LARGE_FOLDERS == set()


def test_no_short_module_has_a_single_importer() -> None:
    short = {
        name
        for name in splinters(CORE)
        if is_laid_out(name) and not name.startswith(ROOMS_OF_SHORT_MODULES)
    }

    assert short == STARTING_POINTS.keys(), (
        "A file of at most 40 lines that one other alone uses is a part of that other: fold it in."
    )


def test_imports_of_types_and_in_functions_count(tmp_path: Path) -> None:
    package = tmp_path / "p"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("alone", "once", "twice"):
        (package / f"{name}.py").touch()
    (package / "long.py").write_text("x = 1\n" * (SPLINTER_LINES + 1))
    types = "if TYPE_CHECKING:\n    from p.twice import X\n"
    (package / "user.py").write_text(f"import p.once\n{types}" + "pass\n" * SPLINTER_LINES)
    (package / "other.py").write_text(
        "def f():\n    from p import twice\n" + "#\n" * SPLINTER_LINES
    )

    assert splinters(package) == {"alone", "once"}
