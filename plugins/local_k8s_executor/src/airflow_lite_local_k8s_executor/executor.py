"""LocalKubernetesExecutor: tasks of some queues in pods, all others on the scheduler's machine."""

from __future__ import annotations

from airflow_lite.executors import HybridExecutor, LocalExecutor
from airflow_lite_k8s_executor.executor import KubernetesExecutor


class LocalKubernetesExecutor(HybridExecutor):
    """Runs queues of `kubernetes_queue` in a pod each, all others on the scheduler's machine."""

    halves = (LocalExecutor, KubernetesExecutor)
    queue_option = ("local_kubernetes_executor", "kubernetes_queue")
