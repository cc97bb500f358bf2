"""CeleryExecutor conforms to the contract, with real brokers that it is cut off from."""

from __future__ import annotations

import pytest

from airflow_lite.testing import ExecutorConformance
from airflow_lite_celery_executor.testing import RabbitmqEngine, RedisEngine


@pytest.mark.usefixtures("redis_url")
class TestWithRedis(ExecutorConformance):
    executor = "CeleryExecutor"
    engine = RedisEngine


@pytest.mark.usefixtures("rabbitmq_of_its_own")
class TestWithRabbitmq(ExecutorConformance):
    executor = "CeleryExecutor"
    engine = RabbitmqEngine
