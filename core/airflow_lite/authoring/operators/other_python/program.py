"""The program that calls a task's function in another interpreter."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from airflow_lite.errors import AirflowException

#: What takes arguments and results from one interpreter to the other; all but the first are to be
#: installed in both.
SERIALIZERS = ("pickle", "cloudpickle", "dill")
#: Of pickle: what Python 3.4 can read.
PROTOCOL = 4

_PROGRAM = """\
from __future__ import annotations

import sys

import {serializer}

with open(sys.argv[3]) as _file:
    virtualenv_string_args = _file.read().splitlines()

{source}

with open(sys.argv[1], "rb") as _file:
    _arguments = {serializer}.load(_file)
_result = {name}(*_arguments["args"], **_arguments["kwargs"])
with open(sys.argv[2], "wb") as _file:
    {serializer}.dump(_result, _file, protocol={protocol})
"""


def program_of(function: Callable[..., Any], serializer: str) -> str:
    """Return a program that calls `function` with the arguments in file 1, and writes into file 2.

    File 3 holds its `virtualenv_string_args`, one a line. Raises `AirflowException` if the source
    of the function cannot be found.
    """
    return _PROGRAM.format(
        serializer=serializer,
        source=source_of(function),
        name=function.__name__,
        protocol=PROTOCOL,
    )


def source_of(function: Callable[..., Any]) -> str:
    """Return the source of a function, without the decorators that make a task of it."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise AirflowException(
            f"The source of {function.__name__!r} cannot be found: {error}."
        ) from None
    (definition,) = ast.parse(text).body
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    lines = text.splitlines()
    kept = [
        line
        for decorator in definition.decorator_list
        if not _makes_task(decorator)
        for line in _lines_of(decorator, lines)
    ]
    return "\n".join([*kept, *lines[definition.lineno - 1 :]])


def _makes_task(decorator: ast.expr) -> bool:
    """Whether it is `@task` or one of its kin, called or not, under whatever module."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    names = ast.unparse(named).split(".")
    return "task" in names or names[-1] in {"setup", "teardown"}


def _lines_of(decorator: ast.expr, lines: list[str]) -> list[str]:
    return lines[decorator.lineno - 1 : decorator.end_lineno]
