"""The broker is away in the midst of many tasks: they run on by themselves, each once."""

from __future__ import annotations

import os
import signal

import pytest
import redis

from airflow_lite.processes.proc import is_over
from fixtures.processes import frozen
from fixtures.waits import lasting

AWAY = "trying again until it can"
#: Longer than any single time-out or retry of what speaks to the broker.
AWAY_S = 30.0


@pytest.fixture
def start(home, own_broker, many):
    """Start a broker of a kind, two workers, and the run; give the workers and the run."""

    def start(kind):
        workers = own_broker(kind)
        home.environ["AIRFLOW_LITE__CELERY__OPERATION_TIMEOUT"] = "2"
        run = many()
        for name in ("one", "two"):
            workers.start(name, "-c", "2")
        return workers, run

    return start


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_the_broker_answers_nothing_for_a_while(kind, home, own_servers, start, wait_until):
    workers, run = start(kind)
    pid = own_servers.pid(kind)
    with home.scheduler("CeleryExecutor") as running:
        run.wait_for_gate()
        with frozen(pid), lasting(AWAY_S):
            run.open()
            wait_until(lambda: AWAY in running.output() + workers.output(), "the loss to be told")
        run.mended(f"{kind} answered nothing")
        run.finish()
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output


def test_redis_is_started_again_from_an_old_snapshot(home, own_servers, start, wait_until):
    workers, run = start("redis")
    snapshot = own_servers.folder / "redis" / "dump.rdb"
    with home.scheduler("CeleryExecutor") as running:
        run.wait_for(20)
        with redis.Redis.from_url(workers.broker.url) as client:
            client.save()
        old = snapshot.read_bytes()
        run.wait_for_gate()
        os.kill(own_servers.pid("redis"), signal.SIGKILL)
        snapshot.write_bytes(old)
        wait_until(lambda: AWAY in running.output(), "the loss to be told")
        own_servers.up("redis")
        run.mended("redis was killed, and has an old snapshot")
        run.open()
        run.finish()
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output


def test_redis_is_started_again_and_has_forgotten_everything(home, own_servers, start, wait_until):
    workers, run = start("redis")
    with home.scheduler("CeleryExecutor") as running:
        run.wait_for_gate()
        os.kill(own_servers.pid("redis"), signal.SIGKILL)
        (own_servers.folder / "redis" / "dump.rdb").unlink(missing_ok=True)
        wait_until(lambda: AWAY in running.output(), "the loss to be told")
        own_servers.up("redis")
        run.mended("redis was killed, and is empty")
        run.open()
        run.finish()
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output


@pytest.mark.parametrize("kind", ["rabbitmq", "quorum-rabbitmq"])
def test_rabbitmq_is_started_anew(kind, home, own_servers, start, wait_until):
    workers, run = start(kind)
    pid = own_servers.pid("rabbitmq")
    with home.scheduler("CeleryExecutor") as running:
        run.wait_for_gate()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: is_over(pid), "the server to end")
        wait_until(lambda: AWAY in running.output(), "the loss to be told")
        wait_until(lambda: workers.output().count("cannot be reached") == 2, "both to tell it")
        own_servers.up("rabbitmq")
        run.mended(f"{kind} was started anew")
        run.open()
        run.finish()
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output
    assert workers.output().count("cannot be reached") == 2
    assert workers.output().count("can be reached") == 2
