"""The options in [celery], checked before anything connects."""

from __future__ import annotations

import ssl
import sys
import types

import pytest

from airflow_lite.executors import ConfigError
from airflow_lite_celery_executor.app import make_app
from airflow_lite_celery_executor.executor import CeleryExecutor
from airflow_lite_celery_executor.settings import CelerySettings

KEY = b"k" * 32


@pytest.fixture
def read(celery_config):
    def read(**options):
        values = {f"AIRFLOW_LITE__CELERY__{name.upper()}": text for name, text in options.items()}
        celery_config.environ.update(values)
        return CelerySettings.read(celery_config)

    return read


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"broker_url": "sqs://x"}, "broker_url does not name Redis or RabbitMQ"),
        ({"broker_url": ""}, "broker_url does not name Redis or RabbitMQ"),
        ({"broker_url": "redis://a;amqp://b"}, "broker_url does not name Redis or RabbitMQ"),
        ({"broker_url": "sentinel://a;redis://b"}, "broker_url does not name Redis or RabbitMQ"),
        ({"broker_url": "sentinel://a"}, "master_name is empty. Set master_name to the name"),
        (
            {"broker_url": "sentinel://a", "master_name": "m", "sentinel_kwargs": "[1]"},
            "sentinel_kwargs is no JSON object. Make it one",
        ),
        ({"worker_concurrency": "0"}, "worker_concurrency is 0. Make it 1 or more."),
        ({"worker_prefetch_multiplier": "0"}, "Make it 1 or more."),
        ({"worker_autoscale": "4"}, "Make it two numbers, the larger one first"),
        ({"operation_timeout": "0"}, "operation_timeout is 0. Make it more than 0"),
        ({"task_default_queue_type": "x"}, "is 'x'. Make it classic or quorum."),
        (
            {"broker_url": "redis://a", "task_default_queue_type": "quorum"},
            "task_default_queue_type is quorum, which Redis does not have",
        ),
        ({"operation_timeout": "nan"}, "operation_timeout is"),
        ({"worker_soft_shutdown_timeout": "-1"}, "Make it 0 or more, and at most 86400."),
        ({"ssl_active": "True", "ssl_cacert": "/none"}, "ssl_cacert: '/none' cannot be read"),
        ({"celery_config_options": "no.such.thing"}, "cannot be imported"),
        ({"celery_config_options": "os.sep"}, "os.sep is no dict"),
    ],
)
def test_a_wrong_option_is_told(read, options, message):
    with pytest.raises(ConfigError) as caught:
        read(**options)
    assert message in str(caught.value)


def test_settings_of_celery_are_taken_but_not_those_that_safety_rests_on(read, monkeypatch):
    module = types.ModuleType("celery_options_of_a_test")
    module.OPTIONS = {  # type: ignore[attr-defined]
        "worker_soft_shutdown_timeout": 7,
        "accept_content": ["pickle"],
        "task_serializer": "pickle",
        "result_backend": "redis://localhost",
        "worker_pool": "prefork",
        "broker_transport_options": {"max_retries": 3},
    }
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings = read(celery_config_options=f"{module.__name__}.OPTIONS", visibility_timeout="90")
    conf = make_app(settings, KEY).conf
    assert conf.worker_soft_shutdown_timeout == 7
    assert (conf.accept_content, conf.task_serializer) == (["json"], "json")
    assert conf.result_backend is None
    assert conf.worker_pool.endswith(":TaskHostPool")
    assert conf.broker_transport_options["max_retries"] == 3
    assert conf.broker_transport_options["visibility_timeout"] == 90


@pytest.mark.parametrize(
    ("url", "is_active", "is_encrypted"),
    [
        ("redis://a", "False", False),
        ("redis://a", "True", True),
        ("rediss://a", "False", True),
        ("amqp://a", "False", False),
        ("amqp://a", "True", True),
        ("amqps://a;amqps://b", "False", True),
    ],
)
def test_a_url_that_asks_for_tls_gets_it(read, url, is_active, is_encrypted):
    app = make_app(read(broker_url=url, ssl_active=is_active), KEY)
    assert bool(app.conf.broker_use_ssl) is is_encrypted


def test_each_rabbitmq_is_checked_by_its_own_name(read):
    first, second = "127.0.0.1:1", "127.0.0.2:1"
    app = make_app(read(broker_url=f"amqps://{first};amqps://{second}"), KEY)
    with app.connection_for_write() as connection:
        for url in (f"amqps://{first}", f"amqps://{second}"):
            connection.switch(url)
            with pytest.raises(ConnectionRefusedError):
                connection.transport.establish_connection()
            options = dict(**connection.ssl)
            assert f"amqps://{options['server_hostname']}:1" == url
            assert options["cert_reqs"] == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("url", "serves"),
    [
        ("redis://localhost:6379/0", True),
        ("amqp://a:b@127.0.0.1//", True),
        ("redis://broker:6379/0", False),
        ("sentinel://localhost:26379/0", False),
        ("redis://localhost/0;redis://broker/0", False),
    ],
)
def test_sqlite_serves_only_while_the_broker_is_this_machines_own(celery_config, url, serves):
    celery_config.environ["AIRFLOW_LITE__CELERY__BROKER_URL"] = url
    executor = CeleryExecutor()
    executor.configure(celery_config)
    assert (executor.check_store("sqlite:////x/y.db") is None) is serves
    assert executor.check_store("postgresql://x/y") is None
