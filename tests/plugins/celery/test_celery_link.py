"""The scheduler's connections to the broker."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from airflow_lite_celery_executor.app import make_app
from airflow_lite_celery_executor.link import HintListener
from airflow_lite_celery_executor.publisher import Publisher
from airflow_lite_celery_executor.settings import CelerySettings
from airflow_lite_celery_executor.worker.reporter import Reporter

KEY = b"k" * 32


@pytest.fixture
def app(celery_config):
    celery_config.environ["AIRFLOW_LITE__CELERY__BROKER_URL"] = "amqp://localhost//"
    return make_app(CelerySettings.read(celery_config), KEY)


def test_only_who_sends_heartbeats_promises_them(app):
    options: dict[str, Any] = {
        "listens": threading.Event(),
        "on_published": print,
        "on_refused": print,
    }
    publisher = Publisher(app, KEY, 5.0, **options)
    assert publisher.connect().heartbeat == 0
    assert Reporter(app, KEY, "worker", 5.0).connect().heartbeat == 0
    assert HintListener(app, KEY, print, lambda: 0.0).connect().heartbeat > 0
