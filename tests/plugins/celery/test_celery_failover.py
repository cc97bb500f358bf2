"""More than one address of a broker: whichever answers is used."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from airflow_lite_testing.proxy import free_port
from fixtures.databases import SETTING

PREFIX = "AIRFLOW_LITE__CELERY__"
DAG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("plain", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="only", bash_command="true")
"""


def dead(url):
    """Return the address with a port that nobody listens on."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{free_port()}"))


def is_ready(home, broker):
    [row, *_] = home.json("celery", "status")
    return (row["queue"], row["state"]) == (broker.name, "ready")


def test_the_last_of_three_addresses_is_found_by_all(
    home, broker, new_postgres, workers, wait_until
):
    home.dag("plain", DAG)
    urls = [dead(broker.url), dead(broker.url), broker.url]
    home.environ |= {f"{PREFIX}BROKER_URL": ";".join(urls), SETTING: new_postgres()}
    workers.start("only", "-c", "1", "--skip-serve-logs")
    wait_until(lambda: is_ready(home, broker), "the worker to answer")
    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "plain", "-r", "r", "--wait", "--timeout", "60")


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_tasks_go_on_with_the_redis_that_sentinels_name_after_the_first_is_killed(
    home, broker, new_postgres, redis_group, workers, wait_until
):
    home.dag("plain", DAG)
    home.environ |= redis_group.environ() | {SETTING: new_postgres()}
    workers.start("only", "-c", "1", "--skip-serve-logs")
    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "plain", "-r", "before", "--wait", "--timeout", "60")
        first = redis_group.master()
        redis_group.kill_master()
        wait_until(lambda: redis_group.master() != first, "another master")
        home.run("dags", "trigger", "plain", "-r", "after", "--wait", "--timeout", "60")
        wait_until(lambda: is_ready(home, broker), "the worker to answer")


class RedisGroup:
    """A master with its replica, and a Sentinel that makes the one the other."""

    def __init__(self, folder, authority=None):
        self.folder, self.authority = folder, authority
        self.password, self.sentinels_password = uuid.uuid4().hex, uuid.uuid4().hex
        self.ports = [free_port(), free_port()]
        self.processes = [self._redis(port) for port in self.ports]
        self.sentinel_port = free_port()
        lines = (
            f"requirepass {self.sentinels_password}",
            f"sentinel monitor group 127.0.0.1 {self.ports[0]} 1",
            f"sentinel auth-pass group {self.password}",
            "sentinel down-after-milliseconds group 500",
            "sentinel failover-timeout group 2000",
        )
        self.processes.append(self._start(self.sentinel_port, *lines, options=("--sentinel",)))

    def _redis(self, port):
        lines = [f"requirepass {self.password}", f"masterauth {self.password}", 'save ""']
        if port != self.ports[0]:
            lines += [f"replicaof 127.0.0.1 {self.ports[0]}", "repl-diskless-sync-delay 0"]
        return self._start(port, *lines)

    def _start(self, port, *lines, options=()):
        folder = self.folder / str(port)
        folder.mkdir(parents=True)
        file = folder / "redis.conf"
        lines = ("bind 127.0.0.1", f"dir {folder}", *self._listen(port), *lines)
        file.write_text("\n".join([*lines, ""]))
        program = shutil.which("redis-server")
        assert program is not None
        with (folder / "log").open("wb") as log:
            return subprocess.Popen([program, file, *options], stdout=log, stderr=log)

    def _listen(self, port):
        """Return the lines by which a server listens: in TLS alone, if there is an authority."""
        if self.authority is None:
            return [f"port {port}"]
        folder = self.authority.folder
        return [
            *("port 0", f"tls-port {port}", "tls-replication yes", "tls-auth-clients yes"),
            *(f"tls-cert-file {folder}/server.pem", f"tls-key-file {folder}/server.key"),
            f"tls-ca-cert-file {folder}/ca.pem",
        ]

    def environ(self):
        """Return the settings by which a home uses it."""
        kwargs = {"socket_timeout": 5, "password": self.sentinels_password}
        return {
            f"{PREFIX}BROKER_URL": f"sentinel://:{self.password}@127.0.0.1:{self.sentinel_port}/0",
            f"{PREFIX}MASTER_NAME": "group",
            f"{PREFIX}MESSAGE_SECRET_KEY": "k" * 32,
            f"{PREFIX}SENTINEL_KWARGS": json.dumps(kwargs),
            **self._files(),
        }

    def _files(self):
        if self.authority is None:
            return {}
        names = {"SSL_CACERT": "ca.pem", "SSL_CERT": "client.pem", "SSL_KEY": "client.key"}
        files = {PREFIX + key: str(self.authority.folder / name) for key, name in names.items()}
        return {**files, f"{PREFIX}SSL_ACTIVE": "True"}

    def ask(self, port, *words):
        """Return what a server answers; None if it does not."""
        password = self.sentinels_password if port == self.sentinel_port else self.password
        options = {"host": "127.0.0.1", "password": password, "decode_responses": True}
        if self.authority is not None:
            folder = self.authority.folder
            files = {"ca_certs": "ca.pem", "certfile": "client.pem", "keyfile": "client.key"}
            options |= {f"ssl_{key}": folder / name for key, name in files.items()} | {"ssl": True}
        with redis.Redis(port=port, **options) as client:
            try:
                return client.execute_command(*words)
            except redis.RedisError:
                return None

    def is_ready(self):
        """Return whether the Sentinel knows the replica, and that has the master's data."""
        known = self.ask(self.sentinel_port, "SENTINEL REPLICAS", "group")
        role = self.ask(self.ports[1], "ROLE")
        return bool(known) and bool(role) and "connected" in role

    def master(self):
        """Return the port of the master, as the Sentinel says."""
        return self.ask(self.sentinel_port, "SENTINEL GET-MASTER-ADDR-BY-NAME", "group")[1]

    def kill_master(self):
        """Kill the first master."""
        self.processes[0].kill()

    def down(self):
        """End all of it."""
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(params=["plain", "tls"])
def redis_group(request, tmp_path, wait_until):
    """A master, its replica, and a Sentinel, each with a password; in the clear, or TLS alone."""
    authority = None
    if request.param == "tls":
        authority = request.getfixturevalue("authority")
        authority.sign("server", "IP:127.0.0.1")
        authority.sign("client")
    group = RedisGroup(tmp_path / "group", authority)
    try:
        wait_until(group.is_ready, "the replica to be known")
        yield group
    finally:
        group.down()
