"""Loading a DAG file, and the one place that all names come from."""

from __future__ import annotations

import sys

import pytest

import airflow_lite
from airflow_lite import DAG, AirflowException
from airflow_lite.parsing.load import load_file
from airflow_lite.parsing.serialize import dag_spec


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write_and_load(text, name="file.py", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return load_file(path, **options)

    return write_and_load


HEAD = "from airflow_lite import DAG, EmptyOperator, dag, task\n"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("x = DAG('a', schedule=None)\ny = DAG('b', schedule=None)", ["a", "b"]),
        ("with DAG('a', schedule=None): pass", ["a"]),
        ("for i in 'ab':\n  with DAG(i, schedule=None): EmptyOperator(task_id='t')", ["a", "b"]),
        ("@dag(schedule=None)\ndef a(): pass\na()", ["a"]),
        ("@dag(schedule=None)\ndef a(): pass\nx = y = a()", ["a"]),
        ("@dag(schedule=None)\ndef a(): pass", []),
        ("def f():\n  DAG('a', schedule=None)\nf()", []),
        ("with DAG('a', schedule=None, auto_register=False): pass", []),
        ("with DAG('a', schedule=None, auto_register=False) as x: pass", ["a"]),
        ("import datetime", []),
    ],
)
def test_the_dags_of_a_file(load, text, ids):
    dags = load(HEAD + text)

    assert [item.dag_id for item in dags] == ids
    assert all(item.fileloc.endswith("/file.py") for item in dags)


def test_two_dags_of_one_id_are_refused(load):
    with pytest.raises(
        AirflowException, match="Two DAGs in .*/file.py have the id 'a'. Rename one of them"
    ):
        load(HEAD + "x = DAG('a', schedule=None)\ny = DAG('a', schedule=None)")


def test_what_an_imported_dag_file_makes_is_that_files(load, tmp_path):
    other = "import round_a\nb = DAG('b', schedule=None)\nwith DAG('c', schedule=None): pass\n"
    (tmp_path / "round_b.py").write_text(HEAD + other)
    text = "import round_b\nb = getattr(round_b, 'b', None)\nwith DAG('a', schedule=None): pass"

    dags = load(HEAD + text, name="round_a.py", dags_folder=tmp_path)

    assert [dag.dag_id for dag in dags] == ["a"]


def test_what_an_imported_module_makes_that_is_no_dag_file_belongs_to_the_importing(load, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "made.py").write_text(HEAD + "b = DAG('b', schedule=None)")
    (tmp_path / ".airflowignore").write_text("^kept")
    text = "import kept.made\nfrom kept.made import b\nexec(\"with DAG('x', schedule=None): pass\")"

    dags = load(HEAD + text, dags_folder=tmp_path)

    assert sorted(dag.dag_id for dag in dags) == ["b", "x"]


def test_a_dag_that_another_files_function_makes_is_the_callers(load, tmp_path):
    (tmp_path / "maker.py").write_text(HEAD + "def make(i):\n  with DAG(i, schedule=None): pass")

    dags = load(HEAD + "from maker import make\nmake('a')", dags_folder=tmp_path)

    assert [dag.dag_id for dag in dags] == ["a"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1 +", SyntaxError),
        ("import no_such_module", ImportError),
        ("raise KeyError('x')", KeyError),
        ("exit(3)", SystemExit),
    ],
)
def test_the_files_own_error_goes_through_and_nothing_is_left_open(load, text, error):
    with pytest.raises(error):
        load(HEAD + "with DAG('a', schedule=None):\n  " + text)
    with pytest.raises(AirflowException, match="can only be used inside a DAG"):
        airflow_lite.TaskGroup("g")


def test_an_edit_within_a_second_is_seen(load):
    assert load(HEAD + "x = DAG('a', schedule=None)")[0].dag_id == "a"
    assert load(HEAD + "x = DAG('b', schedule=None)")[0].dag_id == "b"


def test_files_of_one_name_do_not_get_in_each_others_way(load):
    first = load(HEAD + "x = DAG('a', schedule=None)\nCLASS = type('K', (), {})", "one/file.py")
    second = load(HEAD + "x = DAG('b', schedule=None)", "two/file.py")

    assert [item.dag_id for item in first + second] == ["a", "b"]


def test_a_module_beside_the_file_and_one_at_the_top_of_the_dag_folder_are_found(load, tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "shared_by_test_load.py").write_text("NAME = 'shared'")
    dags = load(
        HEAD + "import shared_by_test_load as s\nx = DAG(s.NAME, schedule=None)",
        "dags/deep/file.py",
        dags_folder=tmp_path / "dags",
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "beside_by_test_load.py").write_text("NAME = 'beside'")
    other = load(
        HEAD + "import beside_by_test_load as s\nx = DAG(s.NAME, schedule=None)",
        "elsewhere/file.py",
    )

    assert [item.dag_id for item in dags + other] == ["shared", "beside"]


def test_the_golden_dag_loads_with_its_thirty_tasks(golden_folder):
    (dag,) = load_file(golden_folder / "conformance_dag.py")
    spec = dag_spec(dag)

    assert len(spec.tasks) == 30
    assert spec.tasks["rule_all_done"].upstream == ("sensors.reschedule", "skip_me", "too_slow")
    assert spec.tasks["pull"].upstream == ("bash", "push", "statistics")


def test_a_dag_made_outside_of_a_load_knows_its_file():
    assert DAG("d", schedule=None).fileloc == __file__


@pytest.mark.parametrize("name", [name for name in airflow_lite.__all__ if name != "__version__"])
def test_every_public_name_can_be_had(name):
    assert getattr(airflow_lite, name) is not None
    assert name in dir(airflow_lite)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'airflow_lite' has no attribute 'nope'"):
        airflow_lite.nope  # type: ignore[attr-defined]  # noqa: B018
