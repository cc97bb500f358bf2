"""The hybrids with Kubernetes run each task in its half, whatever becomes of the other."""

from __future__ import annotations

import json

import pytest

from airflow_lite_celery_executor.testing import RedisEngine
from airflow_lite_testing.proxy import free_port

DAG = """\
from datetime import datetime
from airflow_lite import DAG, BashOperator, EmptyOperator

SAYS = "echo ran in ${AIRFLOW_IS_K8S_EXECUTOR_POD:-no pod}"

with DAG("halves", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="nothing") >> [
        BashOperator(task_id="here", bash_command=SAYS),
        BashOperator(task_id="elsewhere", bash_command=SAYS, queue="elsewhere"),
        BashOperator(task_id="pod", bash_command=SAYS, queue="kubernetes"),
        BashOperator(task_id="asked", bash_command=SAYS, executor="KubernetesExecutor"),
    ]

with DAG("waits", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(
        task_id="task",
        queue="kubernetes",
        bash_command="echo begun; until [ -e $AIRFLOW_LITE_HOME/gate ]; do sleep 0.1; done",
    )
"""
EXECUTOR, WITH_CELERY = "LocalKubernetesExecutor", "CeleryKubernetesExecutor"
QUEUE = "AIRFLOW_LITE__LOCAL_KUBERNETES_EXECUTOR__KUBERNETES_QUEUE"


@pytest.fixture
def hybrid_home(pod_home):
    pod_home.home.environ |= {
        "AIRFLOW_LITE__CORE__EXECUTOR": EXECUTOR,
        # What waits for a half that nobody serves is not waited for at the end.
        "AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S": "1",
    }
    pod_home.home.dag("halves", DAG)
    return pod_home


def unreachable(server):
    """Return a kubeconfig for an API server that is not there."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": server}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }


def log_of(home, dag_id, task_id):
    return home.run("tasks", "logs", dag_id, task_id, "one").stdout


def states(home, dag_id):
    rows = home.json("tasks", "states-for-dag-run", dag_id, "one")
    return {row["task_id"]: row["state"] for row in rows}


def test_each_task_runs_in_the_half_that_where_tells(hybrid_home, wait_until):
    home = hybrid_home.home
    home.environ[QUEUE] = "kubernetes, big"
    rows = home.json("local-k8s", "where", "halves")
    assert {row["task_id"]: (row["half"], row["why"]) for row in rows} == {
        "nothing": ("", "it has nothing to run"),
        "here": ("LocalExecutor", "queue 'default' is none of 'kubernetes', 'big'"),
        "elsewhere": ("LocalExecutor", "queue 'elsewhere' is none of 'kubernetes', 'big'"),
        "pod": ("KubernetesExecutor", "queue 'kubernetes'"),
        "asked": ("KubernetesExecutor", "executor='KubernetesExecutor'"),
    }
    with home.scheduler(EXECUTOR):
        home.run("dags", "trigger", "halves", "-r", "one", "--wait", timeout=120)
        wait_until(lambda: not hybrid_home.pods(), "every pod to be deleted")
    for task_id in ("here", "elsewhere"):
        assert "ran in no pod" in log_of(home, "halves", task_id)
    for task_id in ("pod", "asked"):
        log = log_of(home, "halves", task_id)
        assert "ran in True" in log
        assert f"in namespace {hybrid_home.namespace} is gone" in log


def test_a_pod_is_its_halfs_under_a_scheduler_whose_queue_is_another(hybrid_home, wait_until):
    home = hybrid_home.home
    with home.scheduler(EXECUTOR) as first:
        home.run("dags", "trigger", "waits", "-r", "one")
        wait_until(lambda: "begun" in log_of(home, "waits", "task"), "the log of a pod that runs")
        (pod,) = hybrid_home.pods()
        first.kill()
    home.environ[QUEUE] = "other"
    with home.scheduler(EXECUTOR):
        assert f"*** the task ran in pod {pod['metadata']['name']}" in log_of(home, "waits", "task")
        (home.folder / "gate").touch()
        wait_until(lambda: states(home, "waits") == {"task": "success"}, "the run's end")
        wait_until(lambda: not hybrid_home.pods(), "the pod to be deleted")


def test_without_an_api_server_the_tasks_of_this_machine_run(hybrid_home, wait_until):
    home = hybrid_home.home
    path = home.folder / "kubeconfig"
    path.write_text(json.dumps(unreachable(f"https://127.0.0.1:{free_port()}")))
    home.environ["KUBECONFIG"] = str(path)
    with home.scheduler(EXECUTOR):
        home.run("dags", "trigger", "halves", "-r", "one")
        wait_until(
            lambda: (
                [states(home, "halves")[name] for name in ("here", "elsewhere")]
                == ["success", "success"]
            ),
            "the tasks of this machine",
        )
        assert states(home, "halves")["pod"] in {"scheduled", "queued", None, ""}


@pytest.fixture
def worker(hybrid_home, redis_url):
    """A Celery worker of the home, which takes tasks of the default queue."""
    hybrid_home.home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = WITH_CELERY
    engine = RedisEngine()
    hybrid_home.home.environ |= engine.start(hybrid_home.home.environ)
    yield engine
    engine.restore()
    engine.stop()


def test_beside_celery_each_task_runs_in_the_half_that_where_tells(hybrid_home, worker, wait_until):
    home = hybrid_home.home
    halves = {row["task_id"]: row["half"] for row in home.json("celery-k8s", "where", "halves")}
    assert halves == {
        "nothing": "",
        "here": "CeleryExecutor",
        "elsewhere": "CeleryExecutor",
        "pod": "KubernetesExecutor",
        "asked": "KubernetesExecutor",
    }
    with home.scheduler(WITH_CELERY) as running:
        home.run("dags", "trigger", "halves", "-r", "one")
        done = ("here", "pod", "asked")
        wait_until(
            lambda: [states(home, "halves")[name] for name in done] == ["success"] * 3,
            "the tasks that somebody takes",
        )
        waits = log_of(home, "halves", "elsewhere")
        assert "It waits in queue 'elsewhere', and no worker has it: no worker takes" in waits
        assert "tasks of queue 'elsewhere' go to CeleryExecutor" in running.output()
        wait_until(lambda: not hybrid_home.pods(), "every pod to be deleted")
    assert "ran in no pod" in log_of(home, "halves", "here")
    for task_id in ("pod", "asked"):
        log = log_of(home, "halves", task_id)
        assert "ran in True" in log
        assert f"in namespace {hybrid_home.namespace} is gone" in log


def test_without_a_broker_pods_run(hybrid_home, worker, wait_until):
    home = hybrid_home.home
    worker.cut()
    with home.scheduler(WITH_CELERY):
        home.run("dags", "trigger", "halves", "-r", "one")
        wait_until(
            lambda: (
                [states(home, "halves")[name] for name in ("pod", "asked")]
                == ["success", "success"]
            ),
            "the tasks in pods",
        )
        assert states(home, "halves")["here"] in {"scheduled", "queued"}
