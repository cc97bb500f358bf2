"""CeleryKubernetesExecutor: tasks of some queues in pods, all others on Celery workers."""

from __future__ import annotations

from airflow_lite.executors import HybridExecutor
from airflow_lite_celery_executor.executor import CeleryExecutor
from airflow_lite_k8s_executor.executor import KubernetesExecutor


class CeleryKubernetesExecutor(HybridExecutor):
    """Runs the queues of `kubernetes_queue` in a pod each, and all others on Celery workers."""

    halves = (CeleryExecutor, KubernetesExecutor)
    queue_option = ("celery_kubernetes_executor", "kubernetes_queue")
