"""The packages that are known before they are installed, and the names that are kept free."""

from __future__ import annotations

from typing import NamedTuple

EXECUTORS_GROUP = "airflow_lite.executors.v1"
PLUGINS_GROUP = "airflow_lite.plugins.v1"

#: The core's own executors. Their names cannot be taken by another distribution.
CORE_EXECUTORS = {
    "LocalExecutor": "airflow_lite.executors.local:LocalExecutor",
    "SequentialExecutor": "airflow_lite.executors.local:SequentialExecutor",
}


class KnownPackage(NamedTuple):
    """A distribution, the executor that it brings, and its group of commands."""

    distribution: str
    executor: str
    group: str


KNOWN_PACKAGES = (
    KnownPackage("airflow-lite-celery-executor", "CeleryExecutor", "celery"),
    KnownPackage("airflow-lite-dask-executor", "DaskExecutor", "dask"),
    KnownPackage("airflow-lite-debug-executor", "DebugExecutor", "debug"),
)

#: Airflow's executors that no distribution brings yet, and their groups: names to keep free.
NOT_YET = {
    "CeleryKubernetesExecutor": "celery-k8s",
    "KubernetesExecutor": "kubernetes",
    "LocalKubernetesExecutor": "local-k8s",
}


def package_of_executor(name: str) -> str | None:
    """Return the distribution known to bring the executor `name`."""
    return next(
        (package.distribution for package in KNOWN_PACKAGES if package.executor == name), None
    )


def package_of_group(name: str) -> str | None:
    """Return the distribution known to bring the group of commands `name`."""
    return next((package.distribution for package in KNOWN_PACKAGES if package.group == name), None)
