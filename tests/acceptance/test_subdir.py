"""`--subdir`: a command with it speaks of what the named file holds, and of nothing else."""

from __future__ import annotations

import pytest

FILE = """
from datetime import datetime
from airflow_lite import DAG, task

def told(context):
    with open(__file__ + ".told", "a") as file:
        file.write("failed\\n")

with DAG("same_id", start_date=datetime(2024, 1, 1), schedule=None, on_failure_callback=told):
    @task
    def task_NAME(): print("from NAME")
    task_NAME()
"""
BROKEN = "from airflow_lite import DAG\nimport no_such_module\nDAG('same_id', schedule=None)\n"


@pytest.fixture(params=["dag folder", "elsewhere"])
def folder(request, home, tmp_path):
    """Two files that have a DAG of one id, in the DAG folder or outside of it."""
    folder = home.dags if request.param == "dag folder" else tmp_path / "elsewhere"
    for name in "ab":
        (folder / name).mkdir(parents=True)
        (folder / name / "f.py").write_text(FILE.replace("NAME", name))
    return folder


@pytest.mark.parametrize("options", [(), ("--use-executor",)], ids=["here", "on the executor"])
def test_dags_test_runs_the_dag_of_the_named_file(home, folder, options):
    for name in "ab":
        words = ("dags", "test", "same_id", "-S", str(folder / name / "f.py"), *options)
        assert f"task_{name}" in home.run(*words).stdout


def test_tasks_test_and_render_take_the_task_of_the_named_file(home, folder):
    for name in "ab":
        words = ("same_id", f"task_{name}", "2024-01-01", "-S", str(folder / name / "f.py"))
        assert f"from {name}" in home.run("tasks", "test", *words).stdout
        assert "property" in home.run("tasks", "render", *words).stdout
    wrong = home.run(
        "tasks", "test", "same_id", "task_a", "-S", str(folder / "b" / "f.py"), exit_code=1
    )
    assert "DAG 'same_id' has no task 'task_a'." in wrong.stderr


def test_listings_have_what_the_named_file_has(home, folder):
    for name in "ab":
        path = str(folder / name / "f.py")
        assert home.run("tasks", "list", "same_id", "-S", path).stdout == f"task_{name}\n"
        assert f"task_{name}" in home.run("dags", "show", "same_id", "-S", path).stdout
        assert home.run("dags", "next-execution", "same_id", "-S", path).stdout == "None\n"
        rows = home.json("dags", "list", "-S", path)
        assert [(row["dag_id"], row["fileloc"]) for row in rows] == [("same_id", path)]


def test_nothing_of_a_file_elsewhere_is_kept(home, tmp_path):
    path = home.dag("known", FILE.replace("NAME", "known").replace("same_id", "known"))
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text(FILE.replace("NAME", "a"))
    home.run("dags", "test", "same_id", "-S", str(elsewhere))

    rows = home.json("dags", "list")
    assert [(row["dag_id"], row["fileloc"]) for row in rows] == [("known", str(path))]
    assert home.json("dags", "list-runs", "-d", "same_id")[0]["state"] == "success"


@pytest.mark.forced_tries
def test_tasks_run_takes_the_code_of_the_named_file(home, folder):
    a, b = (str(folder / name / "f.py") for name in "ab")
    home.run("dags", "test", "same_id", "2024-01-01", "-S", a)
    run_id = home.json("dags", "list-runs", "-d", "same_id")[0]["run_id"]
    text = FILE.replace("NAME", "a").replace('"from a"', '"from b"')
    (folder / "b" / "f.py").write_text(text)

    home.run("tasks", "run", "same_id", "task_a", run_id, "-f", "-S", b)

    assert "from b" in home.run("tasks", "logs", "same_id", "task_a", run_id).stdout


def test_the_callbacks_of_a_run_are_those_of_the_named_file(home, folder):
    path = folder / "b" / "f.py"
    path.write_text(FILE.replace("NAME", "b").replace('print("from b")', "1 / 0"))

    home.run("dags", "test", "same_id", "-S", str(path), exit_code=1)

    assert (folder / "b" / "f.py.told").read_text() == "failed\n"
    assert not (folder / "a" / "f.py.told").exists()


def test_what_a_scheduler_does_is_refused_for_a_file_that_it_does_not_run(home, tmp_path):
    path = home.dag("mine", FILE.replace("NAME", "mine"))
    other = tmp_path / "other.py"
    other.write_text(FILE.replace("NAME", "other"))

    for words in (["dags", "trigger"], ["dags", "pause"], ["tasks", "clear"]):
        done = home.run(*words, "same_id", "-S", str(other), exit_code=1)
        assert done.stderr.count(f"DAG 'same_id' is scheduled from {path}, which --subdir") == 1
    home.run("dags", "trigger", "same_id", "-S", str(path))


@pytest.mark.parametrize(
    "words",
    [
        ["dags", "test", "same_id"],
        ["dags", "show", "same_id"],
        ["tasks", "list", "same_id"],
        ["tasks", "test", "same_id", "task_a"],
    ],
)
def test_a_named_file_that_is_broken_is_said_to_be(home, tmp_path, words):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)

    done = home.run(*words, "-S", str(path), exit_code=1)

    assert f"{path} cannot be imported: ModuleNotFoundError: there is no module" in done.stderr
    assert "no DAG" not in done.stderr
    errors = home.run("dags", "list-import-errors", "-S", str(path), "-o", "json", exit_code=1)
    assert str(path) in errors.stdout


def test_a_folder_with_two_dags_of_one_id_is_asked_which(home, folder):
    done = home.run("dags", "test", "same_id", "-S", str(folder), exit_code=1)
    assert "is in " in done.stderr
    assert "Name one of them by --subdir." in done.stderr


def test_a_scheduler_takes_a_folder_alone(home):
    path = home.dag("mine", FILE.replace("NAME", "mine"))
    done = home.run("scheduler", "-S", str(path), exit_code=1)
    assert "is no folder. Name the scheduler's DAG folder." in done.stderr
