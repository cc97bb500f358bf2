"""LocalKubernetesExecutor conforms to the contract, whichever half an attempt goes to."""

from __future__ import annotations

import pytest

from airflow_lite.testing import ExecutorConformance
from airflow_lite_k8s_executor.testing import ClusterEngine
from fixtures.halves import OF_THE_CLASS, WHOLE_DAGS, PodsHalf, without


class OtherHalf:
    """A cluster that gets nothing of what the kit queues, which goes to the other half."""

    def __init__(self):
        cluster = ClusterEngine()
        self.start, self.stop = cluster.start, cluster.stop


@pytest.mark.usefixtures("kit_cluster")
class TestPodsHalf(ExecutorConformance):
    executor = "LocalKubernetesExecutor"
    engine = PodsHalf
    deadline_s = 60.0


@pytest.mark.usefixtures("kit_cluster")
@without(*OF_THE_CLASS, but=WHOLE_DAGS)
class TestLocalHalf(ExecutorConformance):
    executor = "LocalKubernetesExecutor"
    engine = OtherHalf
    deadline_s = 60.0
