"""The packages that are known before they are installed, and the names that are kept free."""

from __future__ import annotations

from typing import NamedTuple

EXECUTORS_GROUP = "airflow_lite.executors.v1"
PLUGINS_GROUP = "airflow_lite.plugins.v1"
AUTHORING_GROUP = "airflow_lite.authoring.v1"
TIMETABLES_GROUP = "airflow_lite.timetables.v1"

#: The core's own executors. Their names cannot be taken by another distribution.
CORE_EXECUTORS = {
    "LocalExecutor": "airflow_lite.executors.local:LocalExecutor",
    "SequentialExecutor": "airflow_lite.executors.local:SequentialExecutor",
}


class KnownPackage(NamedTuple):
    """A distribution, the executor that it brings, if any, and its group of commands.

    `halves` has the executors of which a hybrid is made: tasks are queued under their names.
    """

    distribution: str
    executor: str
    group: str
    halves: tuple[str, ...] = ()


KNOWN_PACKAGES = (
    KnownPackage("airflow-lite-airflow-names", "", "airflow-names"),
    KnownPackage("airflow-lite-celery-executor", "CeleryExecutor", "celery"),
    KnownPackage(
        "airflow-lite-celery-k8s-executor",
        "CeleryKubernetesExecutor",
        "celery-k8s",
        halves=("CeleryExecutor", "KubernetesExecutor"),
    ),
    KnownPackage("airflow-lite-dask-executor", "DaskExecutor", "dask"),
    KnownPackage("airflow-lite-debug-executor", "DebugExecutor", "debug"),
    KnownPackage("airflow-lite-k8s-executor", "KubernetesExecutor", "kubernetes"),
    KnownPackage(
        "airflow-lite-local-k8s-executor",
        "LocalKubernetesExecutor",
        "local-k8s",
        halves=("LocalExecutor", "KubernetesExecutor"),
    ),
    KnownPackage("airflow-lite-web", "", "web"),
)


def package_of_executor(name: str) -> str | None:
    """Return the distribution known to bring the executor `name`."""
    return next(
        (package.distribution for package in KNOWN_PACKAGES if package.executor == name), None
    )


def names_in_rows(executor: str) -> tuple[str, ...]:
    """Return the names under which tasks are queued for an executor: its own, or its halves'."""
    halves = (package.halves for package in KNOWN_PACKAGES if package.executor == executor)
    return next(halves, ()) or (executor,)


def package_of_group(name: str) -> str | None:
    """Return the distribution known to bring the group of commands `name`."""
    return next((package.distribution for package in KNOWN_PACKAGES if package.group == name), None)
