"""Every command of the how-to page works, in order, as it stands there, on a real cluster."""

from __future__ import annotations

import os
import re
import shutil
import sys
import uuid
from pathlib import Path

import pytest

from fixtures.cluster import OwnCluster
from fixtures.pages import BLOCK, Shell
from fixtures.scripts import ROOT

PAGE = ROOT / "docs" / "how-to" / "run-on-kubernetes.md"
IMAGE = "registry.example.com/airflow-lite:0.1.0"
#: Of a command that waits for pods to be made: it only ends what hangs.
DEADLINE_S = 600
#: The namespace where the page names it, and not what else begins so.
NAMESPACE = re.compile(
    r"(?<=[ /\"'])airflow-lite(?=$|[\"']| created| --wait| deleted)", re.MULTILINE
)


@pytest.fixture
def new_namespace(cluster):
    """The name of a namespace that the page makes."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def page(cluster, new_namespace, pod_image, new_postgres):
    """The text, with an image, a namespace and a database that are there."""
    if not isinstance(cluster, OwnCluster):
        pytest.skip("another cluster's pods do not reach the database of this test")
    text = PAGE.read_text().replace(IMAGE, pod_image)
    url = re.compile("postgresql://airflow_lite:.*")
    text = url.sub(cluster.expose(new_postgres()), text)
    text = NAMESPACE.sub(new_namespace, text)
    command = "kubernetes manifests --image"
    return text.replace(command, command.replace("--image", f"--namespace {new_namespace} --image"))


def test_the_page_works_from_nothing_to_a_running_dag(page, home, cluster, wait_until):
    (home.folder / "kubeconfig").write_bytes(cluster.kubeconfig.read_bytes())
    home.environ["KUBECONFIG"] = str(home.folder / "kubeconfig")
    folders = [Path(sys.executable).parent, Path(shutil.which(cluster.program)).parent]
    home.environ["PATH"] = ":".join([*map(str, folders), os.environ["PATH"]])
    shell = Shell(home, wait_until, DEADLINE_S)
    for match in BLOCK.finditer(page):
        shell.run(match.groupdict())
