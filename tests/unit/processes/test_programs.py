"""Each program of the table is there and can be run."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

import airflow_lite
from airflow_lite.processes.programs import Program

CORE = Path(airflow_lite.__file__).parent
OTHERS = {CORE / "__main__.py", CORE / "worker" / "in_process" / "orphan_guard.py"}


def is_run_as_main(module):
    """Return whether a module's text has `if __name__ == "__main__"` at its end."""
    last = ast.parse(module.read_text()).body[-1]
    return isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'"


@pytest.mark.parametrize("program", Program)
def test_a_program_is_a_module_that_runs_its_main(program):
    module = importlib.import_module(program)
    assert inspect.isfunction(module.main)
    assert is_run_as_main(Path(inspect.getfile(module))) == (program is not Program.PROBE_CHILD)


def test_every_module_that_is_run_is_in_the_table():
    paths = {path for path in CORE.rglob("*.py") if "template" not in path.parts}
    runnable = {path for path in paths if is_run_as_main(path)} - OTHERS
    names = {".".join(path.relative_to(CORE.parent).with_suffix("").parts) for path in runnable}
    assert names == {*Program} - {Program.PROBE_CHILD}


def test_no_other_module_names_a_program():
    texts = {path: path.read_text() for path in CORE.rglob("*.py")}
    table = CORE / "processes" / "programs.py"
    named = [
        (str(path.relative_to(CORE)), str(program))
        for path, text in texts.items()
        for program in Program
        if path != table and f'"{program}"' in text
    ]
    assert named == []


def test_a_program_is_run_by_this_python_and_not_from_the_folder_it_stands_in():
    assert Program.CALLBACK.command("7") == [
        sys.executable,
        "-P",
        "-m",
        "airflow_lite.worker.in_process.callback",
        "7",
    ]
