"""What importing costs, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

from airflow_lite.parsing.file import Options
from airflow_lite.parsing.pool import parse_batches


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
        "jsonschema",
        "referencing",
        "airflow_lite.store",
    }
    found = imported_by(
        "from airflow_lite import DAG, Param, task, BashOperator;"
        "dag = DAG('d', schedule='@daily', params={'a': 1, 'b': Param(2)});"
        "BashOperator(task_id='t', bash_command='x', dag=dag)"
    )

    assert found.isdisjoint(heavy)


def test_what_checks_params_is_imported_before_a_fork_where_a_file_speaks_of_params(tmp_path):
    typed, plain = tmp_path / "typed.py", tmp_path / "plain.py"
    typed.write_text("from airflow_lite import DAG, Param")
    plain.write_text("from airflow_lite import DAG")
    preload = "from airflow_lite.parsing.load import preload; preload({!r})"

    assert "jsonschema" in imported_by(preload.format(str(typed)))
    assert "jsonschema" not in imported_by(preload.format(str(plain)))
    assert "jsonschema" not in imported_by(preload.format(str(tmp_path / "missing.py")))


def test_the_parse_server_has_what_checks_params_before_a_file_that_speaks_of_them(tmp_path):
    source = "import sys; from airflow_lite import DAG, {}\ndag = DAG({!r}, schedule=None, tags=[str('jsonschema' in sys.modules)])"
    paths = []
    for name, word in (("1_plain", "task"), ("2_typed", "Param"), ("3_plain", "task")):
        path = tmp_path / f"{name}.py"
        path.write_text(source.format(word, name))
        paths.append(str(path))
    options = Options(timeout_s=60.0, memory_mb=0, folder=str(tmp_path))

    found = [one for batch in parse_batches(paths, options, servers=1) for one in batch]

    assert [one.error for one in found] == [None, None, None]
    assert {dag.dag_id: tuple(dag.tags) for one in found for dag in one.dags} == {
        "1_plain": ("False",),
        "2_typed": ("True",),
        "3_plain": ("True",),
    }
