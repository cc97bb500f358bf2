"""The image is what its Dockerfile says, and runs a task as no root and without a shell."""

from __future__ import annotations

import json
import tarfile
import tomllib
from itertools import takewhile
from typing import Any

import pytest

from fixtures.cluster import DOCKERFILE, OwnCluster, PodImage
from fixtures.scripts import ROOT
from kubetest import dockerfile
from kubetest.processes import KubeError

DAG = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def say():
    print("said in a pod")

with DAG("says", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="say", python_callable=say)
"""
#: With nothing of the machine but a folder for what it writes; /dev/null is no shell.
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True},
        "volumes": [
            {"name": "home", "emptyDir": {}},
            {"name": "dags", "configMap": {"name": "dags"}},
            {"name": "null", "hostPath": {"path": "/dev/null"}},
        ],
    },
}


@pytest.fixture(scope="module")
def archive(cluster):
    """The image's archive, and its configuration."""
    if not isinstance(cluster, OwnCluster):
        pytest.skip("the image is made for a cluster of ours")
    image = PodImage(cluster.folder)
    image.make()
    with tarfile.open(image.archive) as outer:
        manifest = json.loads(content(outer, "manifest.json"))[0]
        config = json.loads(content(outer, manifest["Config"]))["config"]
        with tarfile.open(fileobj=outer.extractfile(manifest["Layers"][0])) as inner:
            return config, {member.name: member for member in inner}


def content(archive, name):
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


@pytest.fixture(scope="module")
def recipe():
    return dockerfile.read(DOCKERFILE.read_text())


def test_the_image_starts_as_its_dockerfile_says(archive, recipe):
    config, members = archive
    variables = dict(text.split("=", 1) for text in config["Env"])
    assert (config["Entrypoint"], config["Cmd"]) == (recipe.entrypoint, recipe.command)
    assert (config["User"], config["WorkingDir"]) == (str(recipe.uid), recipe.folder)
    assert variables["PATH"].split(":")[0] == f"{recipe.venv}/bin"
    assert variables["AIRFLOW_LITE_HOME"] == recipe.environment["AIRFLOW_LITE_HOME"]
    assert variables["AIRFLOW_LITE_HOME"].startswith(f"{recipe.home}/")
    home = members[recipe.home[1:]]
    assert (home.uid, home.mode) == (recipe.uid, 0o700)
    assert recipe.uid != 0


def test_the_image_holds_what_its_dockerfile_installs_and_no_more(archive, recipe):
    _, members = archive
    site = f"{recipe.venv[1:]}/lib"
    installed = {
        name.split("/")[-2].partition("-")[0].lower().replace("_", "-")
        for name in members
        if name.startswith(site) and name.endswith(".dist-info/METADATA")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        "".join(takewhile(lambda c: c not in "<>=[", text)) for text in project["dependencies"]
    }
    assert {
        "airflow-lite",
        "airflow-lite-k8s-executor",
        "psycopg",
        *(name.lower() for name in wanted),
    } <= installed
    assert {"pip", "setuptools", "pytest"} & installed == set()
    assert [name for name in members if name.startswith(("source", "tmp/"))] == []


def test_no_file_of_the_image_is_to_be_changed_by_who_runs_it(archive, recipe):
    _, members = archive
    theirs = [m.name for m in members.values() if m.uid or (m.isfile() and m.mode & 0o022)]
    assert theirs == [recipe.home[1:]]


def test_a_task_is_run_by_no_root_without_a_shell_and_on_a_read_only_disk(
    cluster, namespace, pod_image
):
    cluster.kubectl("-n", namespace, "create", "configmap", "dags", f"--from-literal=says.py={DAG}")
    base = {
        "name": "base",
        "image": pod_image,
        "args": ["dags", "test", "says", "--subdir", "/dags/says.py"],
        "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
        "volumeMounts": [
            {"name": "home", "mountPath": "/var/lib/airflow-lite"},
            {"name": "dags", "mountPath": "/dags"},
            {"name": "null", "mountPath": "/usr/bin/sh"},
            {"name": "null", "mountPath": "/usr/bin/bash"},
        ],
    }
    spec = dict(POD["spec"], containers=[base])
    cluster.apply({**POD, "metadata": {"name": "one", "namespace": namespace}, "spec": spec})
    status = cluster.pod_at_end(namespace, "one")["status"]
    said = cluster.kubectl("-n", namespace, "logs", "one")
    assert (status["phase"], "said in a pod" in said) == ("Succeeded", True), said


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get install vim",
        "USER 0",
        "COPY core /core",
        "EXPOSE 80",
        "COPY --from=build /a /b",
    ],
)
def test_what_is_not_understood_of_a_dockerfile_is_an_error(line):
    text = DOCKERFILE.read_text()
    with pytest.raises(KubeError) as caught:
        dockerfile.read(f"{text}{line}\n")
    assert str(caught.value) == f"this instruction is not understood: {line}"
