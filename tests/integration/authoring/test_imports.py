"""What importing costs, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys


def imported_by(code):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_imports_next_to_nothing():
    assert imported_by("import airflow_lite") <= {
        "airflow_lite",
        "__future__",
        "typing",
        "collections.abc",
    } | imported_by("import typing")


def test_writing_a_dag_imports_nothing_heavy():
    heavy = {
        "sqlalchemy",
        "alembic",
        "jinja2",
        "rich",
        "pluggy",
        "importlib_metadata",
        "yaml",
        "airflow_lite.store",
    }
    found = imported_by(
        "from airflow_lite import DAG, task, BashOperator; BashOperator(task_id='t', bash_command='x', dag=DAG('d', schedule='@daily'))"
    )

    assert found.isdisjoint(heavy)
