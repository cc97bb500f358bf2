"""What errors.md says: every exception class of the tree, from its docstring."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SOURCES = (ROOT / "core", *sorted((ROOT / "plugins").glob("*/src")))
#: The errors of Python that ours begin with.
BUILTIN = {"Exception", "BaseException"}


class Error(NamedTuple):
    """One exception class."""

    name: str
    module: str
    bases: tuple[str, ...]
    text: str
    exit_code: int | None


def page() -> str:
    """Return errors.md, from the docstrings."""
    errors = all_errors()
    lines = [
        "# Errors",
        "",
        "Every error says what happened, then what to do.",
        "On the command line it is one line on stderr; `-v` adds the traceback.",
        "The sentence beside each name is what it says where the place that raises it knows nothing better.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | it cannot be done, for the reason given |",
        "| 2 | the words of the command line make no command |",
        "| 3 | of `tasks run` alone: the attempt is not ours, it was claimed already or superseded |",
        "| 130 | stopped by Ctrl-C |",
        "| 141 | whoever read the output went away |",
    ]
    users = [error for error in errors if _is_users(error, errors)]
    lines += [
        "",
        "## On the command line",
        "",
        "| error | what it says | exit code |",
        "|---|---|---|",
    ]
    lines += [f"{_row(error)} {_exit_code(error, errors)} |" for error in users]
    lines += [
        "",
        "## In DAG files, tasks and executors",
        "",
        "| error | what it says |",
        "|---|---|",
    ]
    lines += [_row(error) for error in errors if error not in users]
    return "\n".join(lines) + "\n"


def _row(error: Error) -> str:
    return f"| `{error.module}.{error.name}` | {error.text} |"


def all_errors() -> list[Error]:
    """Return every public exception class of the tree, by module and name."""
    classes = [found for source in SOURCES for found in _classes(source)]
    names = set(BUILTIN)
    while True:
        found = [one for one in classes if names.intersection(one.bases)]
        if names >= {one.name for one in found}:
            return sorted(
                (one for one in found if one.text), key=lambda one: (one.module, one.name)
            )
        names |= {one.name for one in found}


def _classes(source: Path) -> list[Error]:
    found = []
    for file in sorted(source.rglob("*.py")):
        if "mutants" in file.parts or "example_dags" in file.parts:
            continue
        module = ".".join(file.relative_to(source).with_suffix("").parts)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found += [_error(node, module) for node in tree.body if isinstance(node, ast.ClassDef)]
    return [one for one in found if not f".{one.module}.{one.name}".count("._")]


def _error(node: ast.ClassDef, module: str) -> Error:
    text = (ast.get_docstring(node) or "").partition("\n\n")[0]
    codes = [
        statement.value.value
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and ast.unparse(statement.targets[0]) == "exit_code"
    ]
    bases = tuple(ast.unparse(base).rpartition(".")[2] for base in node.bases)
    return Error(node.name, module, bases, _cell(text), codes[0] if codes else None)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _is_users(error: Error, errors: list[Error]) -> bool:
    return error.name == "UserError" or any(
        _is_users(base, errors) for base in _bases(error, errors)
    )


def _bases(error: Error, errors: list[Error]) -> list[Error]:
    return [one for one in errors if one.name in error.bases and one != error]


def _exit_code(error: Error, errors: list[Error]) -> str:
    if error.exit_code is not None:
        return str(error.exit_code)
    inherited = [_exit_code(base, errors) for base in _bases(error, errors)]
    return next(filter(None, inherited), "")
