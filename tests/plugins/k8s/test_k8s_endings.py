"""Pods that end as no task should, on a real cluster: each is told in plain words, and ends its try."""

from __future__ import annotations

import pytest

from fixtures.waits import wait_until

DAG = """\
import os, signal, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator


def wait():
    time.sleep(600)


def fill():
    for number in range(50):
        with open(f"/filled/{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
    wait()


def eat():
    kept = []
    while True:
        kept.append(b"x" * (1 << 20))


def end_all():
    os.kill(1, signal.SIGKILL)  # the kernel keeps the first process from that within
    os.kill(os.getppid(), signal.SIGKILL)


def base(**fields):
    return {"pod_override": {"spec": {"containers": [{"name": "base", **fields}]}}}


def spec(**fields):
    return {"pod_override": {"spec": fields}}


LIMIT = {"limits": {"memory": "200Mi"}, "requests": {"memory": "1Mi"}}
with DAG("ends", schedule=None, start_date=datetime(2024, 1, 1)):
    tasks = {
        "oom": (eat, base(resources=LIMIT)),
        "evicted": (
            fill,
            {
                "pod_override": {
                    "spec": {
                        "volumes": [{"name": "few", "emptyDir": {"sizeLimit": "5Mi"}}],
                        "containers": [
                            {
                                "name": "base",
                                "volumeMounts": [{"name": "few", "mountPath": "/filled"}],
                            }
                        ],
                    }
                }
            },
        ),
        "late": (wait, {}),
        "no_image": (wait, base(image="localhost/none:1")),
        "no_map": (wait, base(envFrom=[{"configMapRef": {"name": "missing"}}])),
        "bad_name": (wait, base(image="UPPER/Case")),
        "bad_pod": (wait, spec(dnsPolicy="Novel")),
        "old_style": (wait, {"KubernetesExecutor": {"image": "x"}}),
        "init": (
            wait,
            spec(
                initContainers=[
                    {
                        "name": "prepare",
                        "image": os.environ["AIRFLOW_LITE_TEST_IMAGE"],
                        "imagePullPolicy": "Never",
                        "command": ["python", "-c", "raise SystemExit(5)"],
                    }
                ]
            ),
        ),
        "deleted": (wait, {}),
    }
    for name, (function, config) in tasks.items():
        PythonOperator(task_id=name, python_callable=function, executor_config=config)
"""

CAUSES = {
    "oom": "its container has run out of memory",
    "evicted": "the node evicted the pod: Usage of EmptyDir volume",
    "late": "SIGTERM",
    "no_image": "it is not on the node, and may not be pulled (ErrImageNeverPull)",
    "no_map": 'configmap "missing" not found',
    "bad_name": "has an image whose name is none (InvalidImageName)",
    "bad_pod": "Kubernetes refuses the pod",
    "old_style": "which Airflow 2 no longer reads",
    "init": "init container prepare ended with exit code 5",
    "deleted": "SIGTERM",
}


#: Of tasks that were told to end, and recorded that: the executor notes why.
NOTES = {
    "deleted": "is deleted, by hand, by preemption or with its node",
    "late": "the pod ran longer than its activeDeadlineSeconds",
    "evicted": "the node evicted the pod",
}


@pytest.fixture(scope="module")
def histories(module_pod_home):
    """What happened to each task of a run in which all end badly."""
    pod_home = module_pod_home
    home = pod_home.home
    home.dag("ends", DAG)
    home.environ["AIRFLOW_LITE__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES"] = "0"
    with home.scheduler("KubernetesExecutor") as running:
        home.run("dags", "trigger", "ends", "-r", "one")
        wait_until(lambda: states(home)["deleted"] == "running", "a task to run")
        pod_home.delete("deleted")
        wait_until(lambda: states(home)["late"] == "running", "another to run")
        pod_home.limit_time("late")
        wait_until(lambda: set(states(home).values()) == {"failed"}, "all tasks to fail")
    print(running.output())
    return {task: home.json("tasks", "history", "ends", task, "one") for task in CAUSES}


def states(home):
    rows = home.json("tasks", "states-for-dag-run", "ends", "one")
    return {row["task_id"]: row["state"] for row in rows}


@pytest.mark.parametrize("task", CAUSES)
def test_the_history_says_why_the_pod_ended(histories, task):
    changes = [event for event in histories[task] if event["actor"] != "executor"]
    causes = [event["cause"] or "" for event in changes]
    assert CAUSES[task] in causes[-1], causes


@pytest.mark.parametrize("task", NOTES)
def test_what_a_pod_suffered_is_noted_beside_what_its_task_recorded(histories, task):
    notes = [event["cause"] for event in histories[task] if event["actor"] == "executor"]
    assert any(NOTES[task] in note for note in notes), histories[task]
