"""Brokers that talk TLS alone, to those who show a certificate and know the password."""

from __future__ import annotations

import pytest

DAG = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    for number in range(3):
        PythonOperator(task_id=f"t{number}", python_callable=print)
"""
_OPTION = "AIRFLOW_LITE__CELERY__{}"


@pytest.fixture
def shared_servers():
    """Of servers that talk TLS, each test has its own."""
    return {}


@pytest.fixture
def use(home, own_servers, own_broker, authority):
    """Start a broker whose certificate is good for a name; give workers of the home."""

    def use(kind, name):
        authority.sign("server", name)
        authority.sign("client")
        own_servers.environ["SERVICES_TLS"] = str(authority.folder)
        workers = own_broker(kind)
        files = {"SSL_CACERT": "ca.pem", "SSL_CERT": "client.pem", "SSL_KEY": "client.key"}
        for option, file in files.items():
            home.environ[_OPTION.format(option)] = str(authority.folder / file)
        return workers

    return use


def refusal(home):
    """Return why the broker cannot be used; told in one line, without the password."""
    done = home.run("celery", "status", exit_code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("airflow-lite: error: No broker answers at ")
    return line


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_tasks_run_through_a_broker_that_talks_tls_alone(kind, home, use, authority, wait_until):
    workers = use(kind, "IP:127.0.0.1")
    assert workers.broker.url.startswith({"redis": "rediss://:", "rabbitmq": "amqps://"}[kind])
    home.dag("d", DAG)
    home.run("db", "migrate")
    workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor") as running:
        home.run("dags", "trigger", "d", "--wait")
        (state,) = {row["state"] for row in home.json("dags", "list-runs", "-d", "d")}
    assert state == "success"
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output
        assert workers.broker.url not in output
    (row,) = wait_until(lambda: home.json("celery", "list-workers"), "the worker to answer")
    assert row["faults"] == []

    certificate = home.environ.pop(_OPTION.format("SSL_CERT"))
    del home.environ[_OPTION.format("SSL_KEY")]
    refusal(home)  # who shows no certificate
    home.environ[_OPTION.format("SSL_CERT")] = certificate
    home.environ[_OPTION.format("SSL_KEY")] = str(authority.folder / "client.key")
    home.environ[_OPTION.format("SSL_CACERT")] = ""
    assert "certificate verify failed" in refusal(home)  # a broker that nobody vouches for


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_certificate_of_another_hosts_is_refused(kind, home, use):
    use(kind, "DNS:other.invalid,IP:127.0.0.2")
    assert "certificate is not valid for '127.0.0.1'" in refusal(home)
