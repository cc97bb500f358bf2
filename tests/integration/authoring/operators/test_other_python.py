"""Functions that other interpreters call: what goes there, what comes back, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HEADER = """
import os
from datetime import datetime
from pathlib import Path
from airflow_lite import (
    DAG, BranchPythonVirtualenvOperator, EmptyOperator, ExternalPythonOperator,
    PythonVirtualenvOperator, task,
)

OTHER = os.environ["OTHER_PYTHON"]
dag = DAG("d", schedule=None, start_date=datetime(2024, 1, 1), params={"who": "you"})
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """An environment beside this one, without its packages; the path of its interpreter."""
    folder = tmp_path_factory.mktemp("other")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture
def run(home, other):
    """Run a DAG of these lines; return its states, its XComs and its logs by task."""
    home.environ["OTHER_PYTHON"] = str(other)

    def run(lines, exit_code=0):
        home.dag("d", HEADER + lines)
        home.run("dags", "test", "d", "2024-06-01", exit_code=exit_code)
        rows = home.json("tasks", "states-for-dag-run", "d", "2024-06-01")
        return {row["task_id"]: row["state"] for row in rows}

    return run


def log_of(home, task_id):
    (path,) = home.folder.glob(f"logs/**/task_id={task_id}/attempt=1.log")
    return path.read_text()


def test_a_function_is_called_there_and_its_result_comes_back(run, home, other):
    states = run("""
@task.external_python(python=OTHER, env_vars={"WHO": "me"})
def there(number, ds=None, logical_date=None, params=None, *, more=3):
    import os, sys
    print("printed there")
    return {"exe": sys.executable, "sum": number + more, "ds": ds, "who": os.environ["WHO"],
            "date": logical_date.isoformat(), "params": params, "strings": virtualenv_string_args}

@task
def here(found):
    print("found:", found)

with dag:
    here(there(4))
""")

    assert states == {"there": "success", "here": "success"}
    found = log_of(home, "here")
    assert f"'exe': '{other}'" in found
    assert "'sum': 7, 'ds': '2024-06-01', 'who': 'me'" in found
    assert "'date': '2024-06-01T00:00:00+00:00', 'params': {'who': 'you'}" in found
    assert "printed there" in log_of(home, "there")


def test_the_results_of_a_mapped_task_go_there_as_a_list(run, home):
    run("""
@task
def double(x):
    return 2 * x

@task.external_python(python=OTHER)
def there(values, *, more):
    return [type(values).__name__, values, more]

def total(*numbers):
    return sum(numbers)

with dag:
    doubled = double.expand(x=[1, 2, 3])
    there(doubled, more={"all": doubled})
    ExternalPythonOperator(task_id="op", python=OTHER, python_callable=total, op_args=doubled)
""")
    values = dict(home.execute("SELECT task_id, value FROM xcom WHERE map_index = -1"))
    assert json.loads(values["there"]) == ["list", [2, 4, 6], {"all": [2, 4, 6]}]
    assert json.loads(values["op"]) == 12


def test_an_operator_gives_arguments_strings_and_templates(run, home):
    run("""
def there(first, templates_dict, second=None, **context):
    return [first, second, templates_dict, virtualenv_string_args, context["ds_nodash"],
            "ti" in context]

ExternalPythonOperator(
    task_id="there", dag=dag, python=OTHER, python_callable=there, op_args=["{{ ds }}"],
    op_kwargs={"second": {1, 2}}, templates_dict={"a": "{{ params.who }}"}, string_args=["x", "y"],
)
""")

    expected = "['2024-06-01', {1, 2}, {'a': 'you'}, ['x', 'y'], '20240601', False]"
    assert f"Done. Returned value was: {expected}" in log_of(home, "there")


def test_what_fails_there_is_the_cause_and_its_traceback_is_in_the_log(run, home, other):
    states = run(
        """
@task.external_python(python=OTHER)
def there():
    raise ValueError("not today")

with dag:
    there()
""",
        exit_code=1,
    )

    assert states == {"there": "failed"}
    log = log_of(home, "there")
    assert f"'there' failed in {other}, exit code 1: ValueError: not today" in log
    assert 'raise ValueError("not today")' in log


def test_an_exit_code_skips(run):
    assert run("""
@task.external_python(python=OTHER, skip_on_exit_code=[7, 8])
def there():
    raise SystemExit(8)

with dag:
    there()
""") == {"there": "skipped"}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            "@task.external_python(python=OTHER)\ndef there(ti=None): pass\n",
            "'ti' cannot be handed to another interpreter",
        ),
        (
            "@task.external_python(python='/no/such')\ndef there(): pass\n",
            "There is no Python at '/no/such' on this machine",
        ),
        (
            "@task.virtualenv(python_version='2.99')\ndef there(): pass\n",
            "There is no python2.99 on this machine's PATH",
        ),
        (
            "@task.virtualenv(requirements=['no-such-thing'], index_urls=[])\ndef there(): pass\n",
            "The environment cannot be made: pip ended with 1: ERROR: No matching distribution",
        ),
    ],
)
def test_what_cannot_be_done_is_said(run, home, lines, reason):
    run(f"{lines}\nwith dag:\n    there()\n", exit_code=1)

    assert reason in log_of(home, "there")


def a_wheel(folder: Path, version: str) -> Path:
    """Write a wheel of one module, which tells its version."""
    path = folder / f"thing-{version}-py3-none-any.whl"
    info = f"thing-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("thing.py", f"version = {version!r}\n")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_a_task_has_packages_of_its_own_and_may_keep_them_for_others(run, home, tmp_path):
    first, second = a_wheel(tmp_path, "1.0"), a_wheel(tmp_path, "2.0")
    (home.folder / "dags").mkdir(exist_ok=True)
    (home.folder / "dags" / "needs.txt").write_text(f"{second}\n")
    states = run(f"""
def there():
    import sys, thing
    return [thing.version, sys.prefix]

kept = {{"venv_cache_path": {str(tmp_path / "kept")!r}, "index_urls": []}}
one = PythonVirtualenvOperator(
    task_id="one", dag=dag, python_callable=there, requirements=[{str(first)!r}], **kept)
same = PythonVirtualenvOperator(
    task_id="same", dag=dag, python_callable=there, requirements=[{str(first)!r}], **kept)
other = PythonVirtualenvOperator(
    task_id="other", dag=dag, python_callable=there, requirements="needs.txt", index_urls=[])

def choose():
    import thing
    return "even" if thing.version.startswith("1") else "odd"

branch = BranchPythonVirtualenvOperator(
    task_id="branch", dag=dag, python_callable=choose, requirements=[{str(first)!r}], **kept)
one >> same >> branch >> [EmptyOperator(task_id="even", dag=dag), EmptyOperator(task_id="odd", dag=dag)]
""")

    assert states == {
        "one": "success",
        "same": "success",
        "other": "success",
        "branch": "success",
        "even": "success",
        "odd": "skipped",
    }
    values = {
        name: log_of(home, name).partition("Returned value was: ")[2].splitlines()[0]
        for name in ("one", "same", "other")
    }
    assert values["one"] == values["same"]
    assert f"['1.0', '{tmp_path}/kept/venv-" in values["one"]
    assert values["other"].startswith("['2.0', ")
    assert "-m venv" in log_of(home, "one")
    assert "-m venv" not in log_of(home, "same")
    assert not Path(values["other"].split("'")[3]).exists()


def test_an_environment_that_was_left_half_made_is_made_again(run, home, tmp_path):
    lines = f"""
@task.virtualenv(venv_cache_path={str(tmp_path / "kept")!r}, system_site_packages=False)
def there():
    import sys
    return sys.prefix

with dag:
    there()
"""
    run(lines)
    (folder,) = (path for path in (tmp_path / "kept").iterdir() if path.is_dir())
    (folder / "complete").unlink()
    (folder / "bin" / "python").unlink()

    assert run(lines) == {"there": "success"}
    assert (folder / "complete").exists()
