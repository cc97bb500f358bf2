"""What is probably a mistake is told in one line on stderr, and harms nothing."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[core]\nexecutrw = LocalExecutor\n", "There is no option 'executrw' in [core]."),
        ("[cor]\nexecutor = LocalExecutor\n", "There is no section [cor]."),
    ],
)
def test_a_setting_that_nothing_reads_is_told(home, text, told):
    (home.folder / "airflow_lite.cfg").write_text(text)
    done = home.run("config", "get-value", "core", "executor")
    assert done.stdout == "SequentialExecutor\n"
    [line] = done.stderr.splitlines()
    assert told in line
    assert "Did you mean" in line


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        (
            "AIRFLOW_LITE__CORE__EXECUTR",
            "There is no option 'executr' in [core]. Did you mean 'executor'?",
        ),
        ("AIRFLOW_LITE__CROE__EXECUTOR", "There is no section [croe]. Did you mean 'core'"),
        (
            "AIRFLOW_LITE__CORE_EXECUTOR",
            "nothing reads this variable. Did you mean AIRFLOW_LITE__CORE__EXECUTOR?",
        ),
        (
            "AIRFLOW_LITE_CORE__EXECUTOR",
            "nothing reads this variable. Did you mean AIRFLOW_LITE__CORE__EXECUTOR?",
        ),
        (
            "airflow_lite__core__executor",
            "nothing reads this variable. Did you mean AIRFLOW_LITE__CORE__EXECUTOR?",
        ),
        (
            "AIRFLOW_LITE_HOEM",
            "nothing reads this variable. Did you mean AIRFLOW_LITE_HOME?",
        ),
    ],
)
def test_a_variable_that_nothing_reads_is_told(home, variable, told):
    home.environ[variable] = "LocalExecutor"
    done = home.run("config", "get-value", "core", "executor")
    assert done.stdout == "SequentialExecutor\n"
    [line] = done.stderr.splitlines()
    assert line.startswith(f"airflow-lite: {variable}: {told}")


def test_variables_that_may_be_someone_elses_are_not_judged(home):
    home.environ |= {"AIRFLOW_LITE__KUBERNETES__NAMESPACE": "mine", "AIRFLOW_LITE_TIER": "gold"}
    assert home.run("config", "get-value", "core", "executor").stderr == ""


def test_a_setting_of_a_plugin_that_nothing_reads_is_told_once_the_plugin_is_known(home):
    home.environ["AIRFLOW_LITE__DEBUG__FAIL_FATS"] = "True"
    done = home.run("--executor", "DebugExecutor", "config", "list")
    assert (
        "AIRFLOW_LITE__DEBUG__FAIL_FATS: There is no option 'fail_fats' in [debug]. Did you mean"
        in (done.stderr)
    )


def test_a_section_that_may_be_a_plugins_is_not_judged(home):
    (home.folder / "airflow_lite.cfg").write_text("[kubernetes]\nnamespace = mine\n")
    assert home.run("config", "get-value", "core", "executor").stderr == ""


def test_a_dag_folder_that_is_not_there_is_told(home):
    home.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = "/nowhere/dags"
    done = home.run("dags", "list")
    assert "The DAG folder /nowhere/dags does not exist. Make it, or" in done.stderr


def test_an_argument_without_effect_is_told_by_each_command(home):
    head = "from airflow_lite import DAG, EmptyOperator\nfrom datetime import timedelta\n"
    tasks = "for name in 'abc':\n    EmptyOperator(task_id=name, sla=timedelta(1), dag=dag)\n"
    home.dag("late", f"{head}dag = DAG('late', schedule=None)\n{tasks}")
    told = "SLAs are not watched; use dagrun_timeout or execution_timeout"
    line = f"DAG late, task a and 2 more: sla has no effect: {told}."
    # By whichever command has to do with the DAG, not by the one alone that parsed it first.
    for words in ("dags", "list"), ("dags", "trigger", "late"), ("dags", "test", "late"):
        assert home.run(*words).stderr.splitlines().count(line) == 1
    done = home.run("scheduler", "--num-runs", "1")
    assert done.stderr.count(line) == 1


def test_what_is_told_of_a_listing_comes_after_it_in_a_pipe_as_well(home, tmp_path):
    home.environ.pop("PYTHONUNBUFFERED", None)
    words = ("plugins", "new", "nomad", "--directory", tmp_path / "made")
    command = home.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = command.communicate(timeout=60)
    *files, made, hint = printed.splitlines()
    assert files
    assert all(line.startswith(f"{tmp_path}/made/") for line in files)
    assert made.startswith("Made NomadExecutor. Next: ")
    assert hint.startswith("Where no package index has airflow-lite: ")
