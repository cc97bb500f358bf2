"""KubernetesExecutor conforms to the contract, with a real cluster that it is cut off from."""

from __future__ import annotations

import pytest

from airflow_lite.testing import ExecutorConformance
from airflow_lite_k8s_executor.testing import ClusterEngine


@pytest.mark.usefixtures("kit_cluster")
class TestWithKubernetes(ExecutorConformance):
    executor = "KubernetesExecutor"
    engine = ClusterEngine
    deadline_s = 60.0
