"""From the options to the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite_k8s_executor.client.http import Http
    from airflow_lite_k8s_executor.client.pods import Pods
    from airflow_lite_k8s_executor.settings import KubernetesSettings

_DEFAULT_NAMESPACE = "default"


class Connection(NamedTuple):
    """The cluster, and the namespace in which pods are unless they say otherwise."""

    http: Http
    pods: Pods
    namespace: str


def connect(settings: KubernetesSettings) -> Connection:
    """Return the cluster of the options, to which nothing was said yet.

    Raises `ClusterConfigError` where it is not known how to reach it.
    """
    from airflow_lite_k8s_executor.client.cluster import find_cluster
    from airflow_lite_k8s_executor.client.http import Http
    from airflow_lite_k8s_executor.client.pods import Pods

    cluster = find_cluster(settings.cluster)
    http = Http(cluster, settings.timeouts, settings.keep_alive)
    namespace = settings.namespace or cluster.namespace or _DEFAULT_NAMESPACE
    return Connection(http, Pods(http, settings.delete_options), namespace)


def read_and_connect(config: Config) -> tuple[KubernetesSettings, Connection]:
    """Read the options, and return them with their cluster."""
    from airflow_lite_k8s_executor.settings import KubernetesSettings

    settings = KubernetesSettings.read(config)
    return settings, connect(settings)
