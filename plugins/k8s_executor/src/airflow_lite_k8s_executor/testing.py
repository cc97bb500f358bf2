"""The engine of the conformance kit: a namespace of a cluster whose node is this machine.

`KUBECONFIG` names the cluster, `KUBERNETES_KIT_IMAGE` an image on its node that has this Python.
Pods see the kit's folders, and the source of what is installed from a clone, by host paths. With
`POSTGRES_URL`, and `KUBERNETES_KIT_DATABASE_HOST` for how pods call that server's machine, whole
DAGs are run, too.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_lite_testing.proxied import ProxiedEngine
from airflow_lite_testing.proxy import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite_k8s_executor.client.http import Http
    from airflow_lite_k8s_executor.client.pods import Pods

_SECTION = "AIRFLOW_LITE__KUBERNETES__"
_DATABASE = "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"
_SECRET = "kit-database"  # noqa: S105 - the name of one
_DEADLINE_S = 60.0
_POLL_S = 0.1


class ClusterEngine(ProxiedEngine):
    """Makes a namespace for the pods, and a proxy before the API server.

    As `airflow_lite.testing.Engine` says. The executor reaches the API server through the proxy.
    """

    def __init__(self) -> None:
        self._folder = Path()
        self._namespace = ""
        self._http: Http | None = None
        self._database: str | None = None

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Make the namespace and the proxy; return the settings of the executor."""
        from airflow_lite_k8s_executor.client.cluster import Wanted, find_cluster
        from airflow_lite_k8s_executor.client.http import Http

        cluster = find_cluster(Wanted(in_cluster=False))
        self._http = Http(cluster)
        self._folder = Path(tempfile.mkdtemp(prefix="airflow-lite-kubernetes-"))
        self._namespace = f"kit-{uuid.uuid4().hex[:12]}"
        self._make("namespaces", {"kind": "Namespace", "metadata": {"name": self._namespace}})
        self._wait_for_account()
        port = urlsplit(cluster.server).port or 443
        settings = {
            f"{_SECTION}NAMESPACE": self._namespace,
            f"{_SECTION}CONFIG_FILE": str(self._kubeconfig(self.open_proxy(port))),
            f"{_SECTION}IN_CLUSTER": "False",
            f"{_SECTION}DELETE_WORKER_PODS_ON_FAILURE": "True",
            f"{_SECTION}DATABASE_SECRET": "",
            # A kubelet tells of an end a second later, or two where the machine is busy.
            "AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S": "5",
            f"{_SECTION}KUBE_CLIENT_REQUEST_ARGS": '{"_request_timeout": [1, 2]}',
            f"{_SECTION}WORKER_PODS_QUEUED_CHECK_INTERVAL": "5",
            **self._make_database(environ),
        }
        template = self._folder / "pod.json"
        template.write_text(json.dumps(self._template(environ)))
        return {**settings, f"{_SECTION}POD_TEMPLATE_FILE": str(template)}

    @property
    def _api(self) -> Http:
        assert self._http is not None  # it was started
        return self._http

    @property
    def _pods(self) -> Pods:
        from airflow_lite_k8s_executor.client.pods import Pods

        return Pods(self._api)

    def _make(self, path: str, thing: dict[str, Any]) -> None:
        self._api.request("POST", f"/api/v1/{path}", body={"apiVersion": "v1", **thing})

    def _wait_for_account(self) -> None:
        """Wait until pods may be made: not before the namespace has its service account."""
        from airflow_lite_k8s_executor.client.errors import ApiError

        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/default"
        end = time.monotonic() + _DEADLINE_S
        while True:
            with suppress(ApiError):
                if json.loads(self._api.request("GET", path)).get("secrets"):
                    return
            assert time.monotonic() < end, f"{self._namespace} has got no service account"
            time.sleep(_POLL_S)

    def _kubeconfig(self, port: int) -> Path:
        """Write the current kubeconfig with the proxy's address; the name it checks is the same."""
        import yaml

        path = Path(os.environ.get("KUBECONFIG", "~/.kube/config")).expanduser()
        content = yaml.safe_load(path.read_text())
        for entry in content["clusters"]:
            parts = urlsplit(entry["cluster"]["server"])
            assert parts.hostname == LOOPBACK, f"{parts.hostname} is not this machine"
            entry["cluster"]["server"] = f"{parts.scheme}://{LOOPBACK}:{port}"
        written = self._folder / "kubeconfig"
        written.touch(mode=0o600)
        written.write_text(json.dumps(content))
        return written

    def _make_database(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Make a database, and a Secret of its URL for pods, if there is a server."""
        server, host = (
            os.environ.get(name) for name in ("POSTGRES_URL", "KUBERNETES_KIT_DATABASE_HOST")
        )
        if not server or not host:
            return {}
        self._database = f"kit_{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {self._database}")
        url = f"{server.rpartition('/')[0]}/{self._database}"
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        inside = parts._replace(netloc=f"{login}@{host}:{parts.port}").geturl()
        data = {"sql_alchemy_conn": base64.b64encode(inside.encode()).decode("ascii")}
        self._make(
            f"namespaces/{self._namespace}/secrets",
            {"kind": "Secret", "metadata": {"name": _SECRET}, "data": data},
        )
        command = [sys.executable, "-m", "airflow_lite", "db", "migrate"]
        own = {**os.environ, **environ, _DATABASE: url}
        subprocess.run(command, env=own, check=True, capture_output=True, timeout=_DEADLINE_S)
        return {_DATABASE: url, f"{_SECTION}DATABASE_SECRET": _SECRET}

    @staticmethod
    def _execute(statement: str) -> None:
        import psycopg

        with psycopg.connect(os.environ["POSTGRES_URL"], autocommit=True) as connection:
            connection.execute(statement)

    def _template(self, environ: Mapping[str, str]) -> dict[str, Any]:
        folders = _shared_folders(environ)
        image = os.environ.get("KUBERNETES_KIT_IMAGE", "localhost/airflow-lite:tests")
        return {
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 5,
                "volumes": [
                    {"name": f"folder-{number}", "hostPath": {"path": folder}}
                    for number, folder in enumerate(folders)
                ],
                "containers": [
                    {
                        "name": "base",
                        "image": image,
                        "imagePullPolicy": "Never",
                        "env": [
                            {"name": name, "value": text}
                            for name, text in _variables(environ).items()
                        ],
                        "volumeMounts": [
                            {"name": f"folder-{number}", "mountPath": folder}
                            for number, folder in enumerate(folders)
                        ],
                    }
                ],
            }
        }

    def stop(self) -> None:
        """Remove the namespace with all pods, the proxy and the database."""
        self.close_proxy()
        if self._http is not None:
            self._kill_pods()
            self._api.request("DELETE", f"/api/v1/namespaces/{self._namespace}")
            self._http.close()
            self._http = None
        if self._database is not None:
            self._execute(f"DROP DATABASE {self._database} WITH (FORCE)")
            self._database = None
        for path in self._folder.glob("*") if self._folder != Path() else ():
            path.unlink()
        with suppress(OSError):
            self._folder.rmdir()

    def _kill_pods(self) -> None:
        for pod in self._pods.list(self._namespace, "").pods:
            self._pods.delete(self._namespace, pod["metadata"]["name"], grace_s=0)

    def kill_worker(self) -> None:
        """Delete every pod without a grace: its processes are killed."""
        self._kill_pods()


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what pods are to see: what is said to airflow-lite here, but for where things are."""
    said = {
        name: text
        for name, text in os.environ.items()
        if name.startswith("AIRFLOW_LITE__") and name != _DATABASE and _SECTION not in name
    }
    return {**said, **environ}


def _shared_folders(environ: Mapping[str, str]) -> list[str]:
    """Return the kit's folder, and those that modules come from beside the environment's own."""
    own = (sys.prefix, sys.base_prefix)
    sources = [
        folder for folder in sys.path if os.path.isdir(folder) and not folder.startswith(own)
    ]
    kit = os.path.dirname(environ["AIRFLOW_LITE_HOME"])
    return list(dict.fromkeys([kit, *map(os.path.abspath, sources)]))
