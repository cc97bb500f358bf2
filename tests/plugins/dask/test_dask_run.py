"""DAGs run through a real cluster, with the states that they have everywhere."""

from __future__ import annotations

import shutil

import pytest

from fixtures.goldens import GOLDENS, read_golden, run_conformance_dag
from fixtures.mapped_ends import as_airflow, ends, open_runs
from fixtures.processes import is_gone

PLACED = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("placed", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    BashOperator(
        task_id="anywhere",
        bash_command="echo seed ${PYTHONHASHSEED-unset}, omp ${OMP_NUM_THREADS-unset}",
    )
    BashOperator(task_id="on_gpu", bash_command="echo ran on a gpu", queue="gpu")
    BashOperator(task_id="on_tpu", bash_command="true", queue="tpu")
    BashOperator(
        task_id="too_much", bash_command="true", executor_config={"resources": {"gpu": 9}}
    )
"""
LONG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("long", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    BashOperator(task_id="sleeper", bash_command="echo $$ >> {pids}; [ $(wc -l < {pids}) = 2 ] || exec sleep 300")
"""


def test_the_conformance_dag_ends_as_under_airflow(home, make_cluster):
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    make_cluster().up()
    run_conformance_dag(home, "DaskExecutor")


def test_mapped_tasks_end_as_under_airflow(home, make_cluster, wait_until):
    expected = read_golden("mapping")["ends"]
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    shutil.copy(GOLDENS / "mapping_dags.py", home.dags)
    make_cluster().up()
    for name in expected:
        home.run("dags", "trigger", name, "-e", "2024-01-01")
    with home.scheduler("DaskExecutor"):
        wait_until(lambda: not open_runs(home), "the end of all runs", deadline_s=300)
    for name in expected:
        found = ends(home, name)
        assert found == as_airflow(found, expected[name]), name


def test_it_does_so_with_tls_and_nobody_gets_in_without(home, make_cluster, certificate):
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    cluster = make_cluster()
    cluster.use_tls(certificate)
    cluster.up()
    run_conformance_dag(home, "DaskExecutor")
    rows = home.json("dask", "status")
    assert {row["worker"].partition("://")[0] for row in rows} == {"tls"}
    for name in certificate:
        del home.environ[f"AIRFLOW_LITE__DASK__{name.upper()}"]
    home.environ["AIRFLOW_LITE__DASK__CONNECT_TIMEOUT_S"] = "2"
    stranger = home.run("dask", "status", exit_code=1)
    assert "No Dask scheduler answers at tcp://127.0.0.1:" in stranger.stderr


def test_without_an_address_a_cluster_lives_as_long_as_the_scheduler(
    home, wait_until, processes_left
):
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    running = run_conformance_dag(home, "DaskExecutor")
    lines = [line for line in running.output().splitlines() if "Dask cluster" in line]
    assert len(lines) == 1
    assert "cluster_address is empty: started a Dask cluster of 2 workers with 16" in lines[0]
    wait_until(lambda: not processes_left(), "every process of the home to end")


def test_a_task_goes_to_a_worker_of_its_queue_or_is_refused(home, make_cluster):
    home.dag("placed", PLACED)
    for name in ("PYTHONHASHSEED", "OMP_NUM_THREADS"):
        home.environ.pop(name, None)
    cluster = make_cluster().up()
    cluster.start_worker("worker-gpu", "--nthreads", "2", "--queues", "gpu")
    cluster.wait_for_workers("worker-gpu")
    with home.scheduler("DaskExecutor"):
        home.run("dags", "trigger", "placed", "-r", "r", "--wait", "--timeout", "100", exit_code=1)
        rows = {row["worker"]: row["queues"] for row in home.json("dask", "status")}
        (gpu,) = [worker for worker, queues in rows.items() if queues == ["gpu"]]
        log = home.run("tasks", "logs", "placed", "on_gpu", "r").stdout
        other = home.run("tasks", "logs", "placed", "anywhere", "r").stdout
    states = home.json("tasks", "states-for-dag-run", "placed", "r")
    assert {row["task_id"]: row["state"] for row in states} == {
        "anywhere": "success",
        "on_gpu": "success",
        "on_tpu": "failed",
        "too_much": "failed",
    }
    assert f"*** {gpu}: " in log
    assert "ended; its outcome is recorded" in log
    assert "ran on a gpu" in log
    assert "seed unset, omp unset" in other  # what Dask sets for its own workers is not for tasks
    history = home.run("tasks", "history", "placed", "on_tpu", "r").stdout
    assert "No Dask worker serves queue 'tpu'" in history


def test_a_worker_that_comes_later_gets_what_waits(home, make_cluster, wait_until):
    home.dag("placed", PLACED)
    cluster = make_cluster()
    cluster.start_scheduler()
    wait_until(lambda: "Dask scheduler at" in cluster.output(), "the Dask scheduler")
    with home.scheduler("DaskExecutor") as running:
        wait_until(lambda: "scheduler started" in running.output(), "the scheduler")
        home.run("dags", "trigger", "placed", "-r", "r")
        cluster.start_worker("worker-1", "--nthreads", "2", "--queues", "gpu,tpu")
        home.run("dags", "trigger", "placed", "-r", "s", "--wait", "--timeout", "100", exit_code=1)
        states = home.json("tasks", "states-for-dag-run", "placed", "r")
    assert {row["task_id"]: row["state"] for row in states} == {
        **dict.fromkeys(("anywhere", "on_gpu", "on_tpu"), "success"),
        "too_much": "failed",
    }


def test_a_task_that_is_cleared_while_it_runs_is_stopped(home, make_cluster, wait_until, tmp_path):
    pids = tmp_path / "pids"
    home.dag("long", LONG.replace("{pids}", str(pids)))
    make_cluster().up()
    with home.scheduler("DaskExecutor"):
        home.run("dags", "trigger", "long", "-r", "r")
        wait_until(lambda: pids.exists() and pids.read_text(), "the task to start")
        home.run("tasks", "clear", "long", "-y")
        wait_until(lambda: len(pids.read_text().split()) == 2, "the task to start again")
        assert is_gone(int(pids.read_text().split()[0]))
        ended = {"success", "failed"}
        wait_until(
            lambda: home.json("dags", "list-runs", "-d", "long")[0]["state"] in ended, "the run"
        )
    states = home.json("tasks", "states-for-dag-run", "long", "r")
    assert [row["state"] for row in states] == ["success"]


@pytest.fixture
def refused(home):
    """Run a scheduler that must refuse to start, and return its one line of complaint."""

    def run():
        done = home.run("scheduler", exit_code=1)
        assert "Traceback" not in done.stderr, done.stderr
        return [line for line in done.stderr.splitlines() if "Dask" in line][-1]

    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "DaskExecutor"
    home.environ["AIRFLOW_LITE__DASK__CONNECT_TIMEOUT_S"] = "1"
    return run


def test_a_cluster_that_does_not_answer_is_told_by_its_address(home, refused):
    home.environ["AIRFLOW_LITE__DASK__CLUSTER_ADDRESS"] = "127.0.0.1:1"
    assert "DaskExecutor cannot use the Dask scheduler at 'tcp://127.0.0.1:1'" in refused()
