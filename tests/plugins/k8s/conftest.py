"""Homes whose tasks run in pods of a real cluster."""

from __future__ import annotations

import base64
import json
import os
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from airflow_lite.config import Config
from airflow_lite.hooks import HealthContext
from airflow_lite_k8s_executor.health import report
from airflow_lite_k8s_executor.plugin import get_config_options
from fixtures.databases import SETTING
from fixtures.faulty_cluster import faulty, scheduler, shared, whole
from fixtures.homes import Home

#: Fixtures of those tests that break a cluster.
__all__ = ["faulty", "scheduler", "shared", "whole"]

ROOT = Path(__file__).parents[3]
PREFIX = "AIRFLOW_LITE__KUBERNETES__"
#: Made once, of this environment; the source is mounted over it.
IMAGE = "localhost/airflow-lite:tests"
SECRET = "airflow-lite-database"


@pytest.fixture(scope="session")
def image(cluster, testrun_uid):
    """An image with this Python and its environment, in the node; loaded once in a run of tests."""
    name = os.environ.get("KUBERNETES_TEST_IMAGE")
    if name is None:
        cluster.load_image(IMAGE, Path(sys.prefix), testrun_uid)
    return name or IMAGE


@pytest.fixture(scope="session")
def kit_cluster(cluster, image, postgres_url):
    """The cluster as the kit's engine finds it: the node is this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        patch.setenv("KUBERNETES_KIT_IMAGE", image)
        inside = urlsplit(cluster.expose(postgres_url))
        patch.setenv("KUBERNETES_KIT_DATABASE_HOST", inside.hostname)
        yield


@pytest.fixture(scope="session")
def redis_url():
    """The Redis that `scripts/test` has started; under CI it must be there."""
    if "REDIS_URL" not in os.environ:
        assert not os.environ.get("CI"), "scripts/services has started no redis"
        pytest.skip("there is no redis: install it, then `scripts/test` starts one")
    return os.environ["REDIS_URL"]


def template(folder):
    """Return a pod that sees the source and a folder of this machine, as it is here."""
    shared = {"source": ROOT, "home": folder}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "automountServiceAccountToken": False,
            "volumes": [
                {"name": name, "hostPath": {"path": str(path)}} for name, path in shared.items()
            ],
            "containers": [
                {
                    "name": "base",
                    "imagePullPolicy": "Never",
                    "volumeMounts": [
                        {"name": name, "mountPath": str(path)} for name, path in shared.items()
                    ],
                }
            ],
        },
    }


class PodHome:
    """A home with a database that pods reach, and the namespace of its pods."""

    def __init__(self, home, cluster, namespace, *shared):
        self.home = home
        self.cluster = cluster
        self.namespace = namespace
        self._shared = shared

    def pods(self):
        """Return the pods that are there."""
        return self.cluster.pods(self.namespace)

    def set_database(self, url):
        """Tell pods of another database."""
        self.cluster.apply(secret(self.namespace, url))

    def open_namespace(self, namespace):
        """Let pods run in another namespace as well."""
        prepare_namespace(self.home, self.cluster, namespace, *self._shared)

    def pod_of(self, task_id):
        """Return the one pod of a task."""
        (pod,) = [pod for pod in self.pods() if pod["metadata"]["labels"]["task_id"] == task_id]
        return pod

    def delete(self, task_id):
        """Delete the pod of a task by hand."""
        self._kubectl("delete", task_id, "--wait=false")

    def limit_time(self, task_id):
        """Let the pod of a task run no longer than it has run already."""
        deadline = {"spec": {"activeDeadlineSeconds": 1}}
        self._kubectl("patch", task_id, "--patch", json.dumps(deadline))

    def _kubectl(self, verb, task_id, *words):
        name = self.pod_of(task_id)["metadata"]["name"]
        self.cluster.kubectl(verb, "pod", name, "-n", self.namespace, *words)


def health_of(home):
    """Ask after the health of a home's executor, with more time than `plugins doctor` gives."""
    config = Config.load(home.environ)
    config.plugin_options = tuple(get_config_options())
    return report(HealthContext(config, 120.0))


@pytest.fixture(scope="session")
def ask_health():
    """The function above."""
    return health_of


def secret(namespace, url):
    """Return the Secret of a database's URL."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "data": {"sql_alchemy_conn": base64.b64encode(url.encode()).decode()},
    }


def prepare_namespace(home, cluster, namespace, image, url):
    """Give a namespace what the pods of a home take from it."""
    cluster.apply(
        secret(namespace, cluster.expose(url)),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "airflow-lite-config", "namespace": namespace},
            "data": {
                "AIRFLOW_LITE_HOME": str(home.folder),
                "AIRFLOW_LITE_TEST_IMAGE": image,
                "CONFORMANCE_DIR": str(home.folder),
                "AIRFLOW_LITE__LOGGING__BASE_LOG_FOLDER": "/var/log/airflow-lite",
                "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            },
        },
    )


def make_pod_home(home, cluster, namespace, image, url):
    """Set a home up for pods in a namespace."""
    prepare_namespace(home, cluster, namespace, image, url)
    file = home.folder / "pod.yaml"
    file.write_text(yaml.safe_dump(template(home.folder)))
    repository, _, tag = image.rpartition(":")
    home.environ |= {
        "AIRFLOW_LITE__CORE__EXECUTOR": "KubernetesExecutor",
        "AIRFLOW_LITE_TEST_IMAGE": image,
        "KUBECONFIG": str(cluster.kubeconfig),
        SETTING: url,
        f"{PREFIX}NAMESPACE": namespace,
        f"{PREFIX}POD_TEMPLATE_FILE": str(file),
        f"{PREFIX}WORKER_CONTAINER_REPOSITORY": repository,
        f"{PREFIX}WORKER_CONTAINER_TAG": tag,
    }
    home.run("db", "migrate")
    return PodHome(home, cluster, namespace, image, url)


@pytest.fixture
def pod_home(home, cluster, namespace, image, new_postgres):
    """A home whose tasks run in pods of a namespace of its own."""
    return make_pod_home(home, cluster, namespace, image, new_postgres())


@pytest.fixture(scope="module")
def module_pod_home(tmp_path_factory, cluster, image, postgres_database):
    """The same for all tests of a module."""
    namespace = f"test-{uuid.uuid4().hex[:12]}"
    cluster.kubectl("create", "namespace", namespace)
    home = Home(tmp_path_factory.mktemp("pods") / "home")
    yield make_pod_home(home, cluster, namespace, image, postgres_database)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
