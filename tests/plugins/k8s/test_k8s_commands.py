"""`airflow-lite kubernetes …`: the pods as they are, those that are of no use, those that would be."""

from __future__ import annotations

import json

import pytest
import yaml

from airflow_lite_k8s_executor.pods.state import PodState, Stage
from airflow_lite_k8s_executor.trial import outcome
from fixtures.kube_api import status

PREFIX = "AIRFLOW_LITE__KUBERNETES__"
DAG = """\
from datetime import datetime
from airflow_lite import DAG, BashOperator

LARGE = {"containers": [{"name": "base", "resources": {"limits": {"memory": "1Gi"}}}]}
with DAG("pods", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="plain", bash_command="true") >> BashOperator(
        task_id="large", bash_command="true", executor_config={"pod_override": {"spec": LARGE}}
    )
"""


@pytest.fixture
def kube_home(home, kube_api):
    """A home whose cluster is the fake API server."""
    home.environ |= {
        "AIRFLOW_LITE__CORE__EXECUTOR": "KubernetesExecutor",
        "KUBECONFIG": str(kube_api.kubeconfig(home.folder / "kubeconfig")),
        f"{PREFIX}WORKER_CONTAINER_REPOSITORY": "image",
        f"{PREFIX}WORKER_CONTAINER_TAG": "1",
    }
    return home


def put(api, name, age="2024-01-01T00:00:00Z", **status):
    ids = {"dag_id": "d", "task_id": name, "run_id": "r:1", "try_number": "1"}
    labels = {"airflow-lite-attempt": name * 2}
    meta = {"name": name, "namespace": "ns", "annotations": ids, "labels": labels}
    api.create({"metadata": meta, "spec": {"nodeName": "n"}, "status": status})
    api.pods[name]["metadata"]["creationTimestamp"] = age


def base(**state):
    return [{"name": "base", "image": "i", "state": state}]


def fill(api):
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    put(api, "runs", phase="Running", containerStatuses=base(running={}))
    put(api, "good", phase="Succeeded", containerStatuses=base(terminated={"exitCode": 0}))
    put(api, "bad", phase="Failed", reason="Evicted", message="low on memory")
    put(api, "old", phase="Pending", conditions=[unschedulable])
    put(api, "new", age="2999-01-01T00:00:00Z", phase="Pending")


def test_status_tells_each_pod_and_why_it_is_not_well(kube_home, kube_api):
    fill(kube_api)
    rows = {row["task_id"]: row for row in kube_home.json("kubernetes", "status")}
    states = {name: (row["state"], row["reason"]) for name, row in rows.items()}
    assert states == {
        "runs": ("running", ""),
        "good": ("ended", ""),
        "bad": ("failed", "the node evicted the pod: low on memory"),
        "old": ("pending", "no node takes the pod"),
        "new": ("pending", ""),
    }
    assert (rows["runs"]["run_id"], rows["runs"]["node"]) == ("r:1", "n")


def test_cleanup_deletes_what_has_ended_or_waits_too_long(kube_home, kube_api):
    fill(kube_api)
    done = kube_home.run("kubernetes", "cleanup-pods", "--min-pending-minutes", "10")
    assert done.stdout == "good\nbad\nold\n3 pods are deleted.\n"
    assert [*kube_api.pods] == ["runs", "new"]


def test_a_pod_is_given_its_time_to_start(kube_home, kube_api):
    fill(kube_api)
    done = kube_home.run("kubernetes", "cleanup-pods", "--min-pending-minutes", "4", exit_code=1)
    assert "Make it 5 or more" in done.stderr
    assert len(kube_api.pods) == 5


def test_the_pods_of_a_dag_are_written_as_they_would_be_made(kube_home, tmp_path):
    kube_home.dag("pods", DAG)
    kube_home.run("kubernetes", "generate-dag-yaml", "pods", "2024-01-31", "-o", str(tmp_path))
    folder = tmp_path / "airflow_yaml_output"
    plain, large = (
        yaml.safe_load((folder / f"pods_{task}_2024-01-31T00-00-00+00-00.yml").read_text())
        for task in ("plain", "large")
    )
    (container,) = large["spec"]["containers"]
    assert container["resources"] == {"limits": {"memory": "1Gi"}}
    assert (container["image"], container["command"]) == ("image:1", ["airflow-lite"])
    assert container["args"][:5] == ["tasks", "run", "pods", "large", large_run(large)]
    assert plain["metadata"]["labels"]["task_id"] == "plain"
    assert "resources" not in plain["spec"]["containers"][0]


def large_run(pod):
    return pod["metadata"]["annotations"]["run_id"]


def test_no_api_server_is_told_in_one_line(kube_home, kube_api):
    kube_api.close()
    done = kube_home.run("kubernetes", "status", exit_code=1)
    (line,) = done.stderr.splitlines()
    assert "The API server does not answer: http://127.0.0.1:" in line


CANNOT = 'pods is forbidden: User "u" cannot list resource "pods" in the namespace "ns"'
REFUSALS = {
    CANNOT: (403, "`airflow-lite kubernetes manifests` prints a Role that lets a user do it."),
    "expired": (401, "Log in anew, or name another kubeconfig in [kubernetes] config_file."),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_a_refusal_is_told_with_what_to_do(kube_home, kube_api, message):
    code, advice = REFUSALS[message]
    kube_api.fail("GET", *[(code, status(code, "Word", message))] * 2)
    done = kube_home.run("kubernetes", "status", exit_code=1)
    assert f"error: Kubernetes refused: {message} ({code}). {advice}\n" in done.stderr


def test_no_kubeconfig_is_told_with_the_remedy(kube_home):
    kube_home.environ["KUBECONFIG"] = "/nowhere"
    done = kube_home.run("kubernetes", "status", exit_code=1)
    assert "There is no kubeconfig at /nowhere. Name one in [kubernetes] config_file" in done.stderr


@pytest.fixture
def doctor(home, namespace):
    """Ask after the health of the executor, as whom a kubeconfig names."""

    def doctor(kubeconfig, tag="1"):
        home.environ |= {
            "AIRFLOW_LITE__CORE__EXECUTOR": "KubernetesExecutor",
            "KUBECONFIG": str(kubeconfig),
            f"{PREFIX}NAMESPACE": namespace,
            f"{PREFIX}WORKER_CONTAINER_REPOSITORY": "image" if tag else "",
            f"{PREFIX}WORKER_CONTAINER_TAG": tag,
        }
        done = home.run("plugins", "doctor", exit_code=None)
        return done.stdout + done.stderr

    return doctor


def test_health_names_what_the_executor_may_not(doctor, cluster):
    """The user `executor` has no rights in a new namespace."""
    user = cluster.folder / "executor.kubeconfig"
    if not user.exists():
        pytest.skip("the cluster is not of this repository's scripts")
    wanted = "may not create pods, list pods, watch pods, delete pods, get pods/log in"
    assert wanted in doctor(user)


def test_health_tells_what_keeps_a_pod_from_running(
    doctor, home, ask_health, cluster, namespace, wait_until
):
    assert "The pod has no image. Set [kubernetes]" in doctor(cluster.kubeconfig, tag="")
    home.environ[f"{PREFIX}WORKER_CONTAINER_TAG"] = "1"
    home.environ[f"{PREFIX}WORKER_CONTAINER_REPOSITORY"] = "localhost/none"
    assert "A pod does not start: container base has no image" in ask_health(home).message
    cluster.kubectl("-n", namespace, "create", "quota", "q", "--hard=pods=0")
    assert "exceeded quota: q" in doctor(cluster.kubeconfig)
    wait_until(lambda: not cluster.pods(namespace), "the pod on trial to be deleted")


OUTCOMES = {
    "ended well": (PodState(Stage.ENDED, exit_code=0), None),
    "ended badly": (
        PodState(Stage.ENDED, "container base ended with exit code 1", exit_code=1),
        "`airflow-lite db check` fails in a pod: There is no such host.",
    ),
    "no answer": (
        PodState(Stage.RUNNING),
        "A pod has had no answer of the metadata database within 8 s.",
    ),
    "no node": (
        PodState(Stage.PENDING, "no node takes the pod: full", "Unschedulable"),
        "A pod does not start: no node takes the pod: full",
    ),
    "slow": (PodState(Stage.PENDING), None),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_health_reads_what_became_of_a_pod(name):
    state, fault = OUTCOMES[name]
    found = outcome(state, "There is no such host.\n", 8.0)
    assert found.fault == fault
    assert ("is not known" in found.remark) is (name == "slow")


def test_an_end_without_a_line_is_told_by_its_pod():
    state = PodState(Stage.ENDED, "the node evicted the pod")
    assert outcome(state, "", 8.0).fault == (
        "`airflow-lite db check` fails in a pod: the node evicted the pod"
    )


def test_rows_are_data(kube_home, kube_api):
    fill(kube_api)
    text = kube_home.run("kubernetes", "status", "-o", "json").stdout
    assert len(json.loads(text)) == 5
