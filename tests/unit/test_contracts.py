"""Each wall between rooms bites: an import that it forbids is refused, wherever it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Contract -> (module, an import that it forbids there).
FORBIDDEN = {
    "rooms": ("store/pools.py", "from airflow_lite.scheduler.loop import loop"),
    "worker": ("worker/task/xcom.py", "from airflow_lite.worker.zygote import base"),
    "scheduler": (
        "scheduler/state/memory.py",
        "from airflow_lite.scheduler.passes import dispatch",
    ),
    "authoring": ("authoring/arguments/param.py", "from airflow_lite.authoring.dag import DAG"),
    "no-store-beside-user-code": ("worker/task/child.py", "import sqlalchemy"),
    "pure-planner": ("scheduler/planner/admit.py", "import logging"),
    "no-authoring-beside-the-store": (
        "scheduler/passes/make_runs.py",
        "from airflow_lite.authoring import macros",
    ),
    "api-on-the-ground": ("api/executor/base.py", "from airflow_lite.spec import retry"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the core with its contracts."""
    folder = tmp_path_factory.mktemp("copy")
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "core/airflow_lite", folder / "airflow_lite", ignore=left_out)
    shutil.copy2(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder, *words):
    """Check the contracts of a copy; return exit code and report."""
    words = ("lint-imports", "--no-cache", "--config", "pyproject.toml", *words)
    program = f"import sys; sys.argv = {list(words)!r}; from importlinter.cli import lint_imports_command as c; c()"
    environ = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_of_the_tree_are_kept(copy):
    code, report = lint(copy)
    assert (code, f"Contracts: {len(FORBIDDEN)} kept, 0 broken." in report) == (0, True), report


@pytest.mark.parametrize("form", ["at the top", "for types", "inside a function"])
@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_contract_refuses_an_import_that_it_forbids(copy, contract, form):
    name, line = FORBIDDEN[contract]
    module = copy / "airflow_lite" / name
    source = module.read_text()
    added = {
        "at the top": line,
        "for types": f"if TYPE_CHECKING:\n    {line}",
        "inside a function": f"def _forbidden() -> None:\n    {line}",
    }
    module.write_text(f"{source}\n\n{added[form]}\n")
    try:
        code, report = lint(copy, "--contract", contract)
    finally:
        module.write_text(source)
    assert code == 1
    assert "Contracts: 0 kept, 1 broken." in report
    assert "is not allowed to import" in report
