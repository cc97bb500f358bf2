"""DAGs run in real pods, with the states that they have everywhere."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from airflow_lite.hooks import HealthReport
from airflow_lite_testing.proxy import free_port
from fixtures.databases import SETTING
from fixtures.goldens import run_conformance_dag

#: So long may a chain take, as a multiple of what its pods take: no task waits until the pod before
#: it is seen to have ended.
LONGEST_CHAIN = 1.2
SPANS = """
    SELECT a.queued_us, a.ended_us FROM attempt a
    JOIN task_instance t ON t.id = a.task_instance_id JOIN dag_run r ON r.id = t.dag_run_id
    WHERE r.dag_id = 'in_pods'
"""
DAG = """\
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator

def where():
    import os
    return [os.environ["AIRFLOW_IS_K8S_EXECUTOR_POD"], os.environ["HOSTNAME"]]

with DAG("in_pods", schedule=None, start_date=datetime(2024, 1, 1)):
    chain = PythonOperator(task_id="first", python_callable=where)
    for name in ("second", "third", "fourth"):
        chain = chain >> BashOperator(task_id=name, bash_command="echo said in $HOSTNAME")
    chain >> BashOperator(task_id="last", bash_command="exit 1")

with DAG("waits", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(
        task_id="task",
        bash_command="echo begun; until [ -e $AIRFLOW_LITE_HOME/gate ]; do sleep 0.1; done; echo over",
    )
"""


@pytest.fixture
def shared_home(module_pod_home):
    """A home whose settings are a test's own; its database and namespace are the module's."""
    environ = dict(module_pod_home.home.environ)
    yield module_pod_home
    module_pod_home.home.environ = environ


def log_of(home, dag_id, task_id, run_id="one"):
    return home.run("tasks", "logs", dag_id, task_id, run_id).stdout


def test_a_dag_runs_in_pods_and_leaves_none(shared_home, wait_until):
    home = shared_home.home
    home.dag("in_pods", DAG)
    with home.scheduler("KubernetesExecutor") as running:
        home.run("dags", "trigger", "in_pods", "-r", "one", "--wait", exit_code=1, timeout=120)
        wait_until(lambda: not shared_home.pods(), "every pod to be deleted")
        assert "said in in-pods-second-" in log_of(home, "in_pods", "second")
        assert log_of(home, "in_pods", "last").count("task_id=last") == 1
    print(running.output())
    rows = home.json("tasks", "states-for-dag-run", "in_pods", "one")
    states = {row["task_id"]: row["state"] for row in rows}
    well = dict.fromkeys(("first", "second", "third", "fourth"), "success")
    assert states == {**well, "last": "failed"}
    with psycopg.connect(home.environ[SETTING]) as store:
        spans = store.execute(SPANS).fetchall()
    assert share_of_pods(spans) > 1 / LONGEST_CHAIN, spans


def share_of_pods(spans):
    """Return the part of a chain's time in which one of its attempts is on its way or runs."""
    whole = max(end for _, end in spans) - min(begin for begin, _ in spans)
    return sum(end - begin for begin, end in spans) / whole


def test_the_conformance_dag_ends_as_under_airflow(shared_home, wait_until):
    shared_home.home.environ["CONFORMANCE_DIR"] = str(shared_home.home.folder)
    run_conformance_dag(shared_home.home, "KubernetesExecutor")
    wait_until(lambda: not shared_home.pods(), "every pod to be deleted")


def test_a_log_is_read_from_the_pod_and_kept_when_that_is_gone(shared_home, wait_until):
    home = shared_home.home
    home.dag("in_pods", DAG)
    with home.scheduler("KubernetesExecutor"):
        home.run("dags", "trigger", "waits", "-r", "one")
        wait_until(lambda: "begun" in log_of(home, "waits", "task"), "the log of a pod that runs")
        (pod,) = shared_home.pods()
        name = pod["metadata"]["name"]
        live = log_of(home, "waits", "task")
        assert f"*** the task ran in pod {name} in namespace {shared_home.namespace}" in live
        assert "could not be read" not in live
        (home.folder / "gate").touch()
        wait_until(lambda: not shared_home.pods(), "the pod to be deleted")
    kept = log_of(home, "waits", "task")
    assert f"*** pod {name} in namespace {shared_home.namespace} is gone" in kept
    assert kept.count("begun") == kept.count("over") == live.count("begun")


def test_a_test_run_uses_pods_and_leaves_none(shared_home, wait_until):
    home = shared_home.home
    home.dag("in_pods", DAG)
    (home.folder / "gate").touch()
    words = ("dags", "test", "waits", "2024-01-01", "--use-executor")
    assert "success" in home.run(*words, timeout=120).stdout
    wait_until(
        lambda: all(pod["metadata"].get("deletionTimestamp") for pod in shared_home.pods()),
        "every pod to be deleted",
    )


NAMESPACES = """\
from datetime import datetime
from airflow_lite import DAG, BashOperator

THERE = {{"pod_override": {{"metadata": {{"namespace": "{other}"}}}}}}

with DAG("spread", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="near", bash_command="echo said in $HOSTNAME") >> BashOperator(
        task_id="far", bash_command="echo said in $HOSTNAME", executor_config=THERE
    )
"""


@pytest.fixture
def other_namespace(cluster):
    name = f"test-{uuid.uuid4().hex[:12]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("is_named", [True, False])
def test_a_task_may_have_its_pod_in_another_namespace(
    shared_home, other_namespace, wait_until, is_named
):
    """One that is named, or any: the followers of each, or of all."""
    home, section = shared_home.home, "AIRFLOW_LITE__KUBERNETES__MULTI_NAMESPACE_MODE"
    shared_home.open_namespace(other_namespace)
    home.dag("spread", NAMESPACES.format(other=other_namespace))
    home.environ[section] = "True"
    home.environ[f"{section}_NAMESPACE_LIST"] = other_namespace if is_named else ""
    with home.scheduler("KubernetesExecutor"):
        home.run("dags", "trigger", "spread", "-r", other_namespace, "--wait", timeout=120)
        wait_until(
            lambda: not shared_home.pods() and not shared_home.cluster.pods(other_namespace),
            "every pod to be deleted",
        )
    for task_id, namespace in (("near", shared_home.namespace), ("far", other_namespace)):
        log = log_of(home, "spread", task_id, other_namespace)
        assert f"in namespace {namespace} is gone" in log
        assert f"said in spread-{task_id}-" in log


def test_health_says_whether_a_pod_reaches_the_database(pod_home, ask_health, wait_until):
    place = f"pods go to {pod_home.namespace!r}"
    assert ask_health(pod_home.home) == HealthReport(
        True, f"The API server answers; {place} and reach the metadata database."
    )
    pod_home.set_database(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    found = ask_health(pod_home.home)
    assert not found.healthy
    assert found.message.startswith("`airflow-lite db check` fails in a pod: ")
    assert "database" in found.message
    wait_until(lambda: not pod_home.pods(), "the pods on trial to be deleted")
