"""Brokers that talk TLS alone, to those who show a certificate and know the password."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

DAG = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    for number in range(3):
        PythonOperator(task_id=f"t{number}", python_callable=print)
"""
_OPTION = "AIRFLOW_LITE__CELERY__{}"


class Authority:
    """A certificate authority, and certificates signed by it, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._make("ca", "-addext", "basicConstraints=critical,CA:TRUE")

    def sign(self, name, *names):
        """Make a key and its certificate, which is good for these names."""
        ca = ("-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key")
        alternatives = ("-addext", f"subjectAltName={','.join(names)}") if names else ()
        self._make(name, *ca, *alternatives, "-addext", "basicConstraints=critical,CA:FALSE")

    def _make(self, name, *words):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        files = ("-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem")
        # No settings of this machine's: else the authority would name its use twice.
        command = ["openssl", "req", "-x509", "-config", "/dev/stdin", *key, *files, *words]
        subject = f"[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN={name}\n"
        subprocess.run(command, input=subject, text=True, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path):
    if shutil.which("openssl") is None and not os.environ.get("CI"):
        pytest.skip("there is no openssl: install it")
    return Authority(tmp_path / "certificates")


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
def test_tasks_run_through_a_broker_that_talks_tls_alone(kind, home, use, authority):
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
    assert home.json("celery", "list-workers")[0]["faults"] == []

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
