"""CeleryKubernetesExecutor conforms to the contract, whichever half an attempt goes to."""

from __future__ import annotations

import os

import pytest

from airflow_lite.testing import ExecutorConformance
from airflow_lite_celery_executor.testing import RedisEngine
from airflow_lite_k8s_executor.testing import ClusterEngine
from fixtures.halves import DEATH, OF_ANY_HYBRID, OF_THE_CLASS, WHOLE_DAGS, PodsHalf, without


class PodsBesideCelery(PodsHalf):
    """The same, beside a Celery broker that no worker listens to."""

    def __init__(self):
        super().__init__()
        self._redis = RedisEngine()

    def start(self, environ):
        broker = {"AIRFLOW_LITE__CELERY__BROKER_URL": os.environ[RedisEngine.variable]}
        return {**super().start(environ), **self._redis.settings(), **broker}

    def stop(self):
        super().stop()
        self._redis.stop()


class CeleryHalf(RedisEngine):
    """A Celery worker that gets what the kit queues, and a cluster that gets nothing."""

    def __init__(self):
        super().__init__()
        self._cluster = ClusterEngine()

    def start(self, environ):
        shared = self._cluster.start(environ)  # the database, too
        return {**shared, **super().start({**environ, **shared})}

    def stop(self):
        super().stop()
        self._cluster.stop()


@pytest.mark.usefixtures("kit_cluster", "redis_url")
@without(but=WHOLE_DAGS)
class TestCeleryHalf(ExecutorConformance):
    executor = "CeleryKubernetesExecutor"
    engine = CeleryHalf
    deadline_s = 60.0


@pytest.mark.usefixtures("kit_cluster", "redis_url")
@without(*OF_THE_CLASS, *OF_ANY_HYBRID, but=(DEATH,))
class TestPodsHalfBesideCelery(ExecutorConformance):
    executor = "CeleryKubernetesExecutor"
    engine = PodsBesideCelery
    deadline_s = 60.0
