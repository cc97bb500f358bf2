"""PostgreSQL fails in the midst of many tasks on Celery workers, or a scheduler that shares it."""

from __future__ import annotations

import signal

import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

AWAY = "the task host cannot use the metadata database"


@pytest.fixture
def tenant(own_server):
    return own_server.new_tenant()


@pytest.fixture
def home(tmp_path, tenant):
    return Home(tmp_path / "home", {SETTING: tenant.url})


@pytest.fixture
def run(workers, many):
    """The run, and two workers of the home."""
    run = many()
    for name in ("one", "two"):
        workers.start(name, "-c", "2")
    return run


def test_every_connection_to_postgresql_is_cut_again_and_again(home, tenant, workers, run):
    cuts = 0
    run.open()
    with home.scheduler("CeleryExecutor") as running:
        for count in range(50, 450, 50):
            run.wait_for(count)
            cuts += bool(tenant.cut())
        run.finish()
    assert cuts > 3
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output


@pytest.mark.parametrize(
    ("broker", "number"),
    [("redis", signal.SIGINT), ("rabbitmq", signal.SIGKILL)],
    indirect=["broker"],
)
def test_postgresql_is_started_anew(home, own_server, workers, run, wait_until, number):
    with home.scheduler("CeleryExecutor") as running:
        run.wait_for_gate()
        own_server.stop(number)
        run.open()
        wait_until(lambda: workers.output().count(AWAY) >= 2, "both workers to tell")
        own_server.start()
        run.mended("PostgreSQL was started anew")
        run.finish()
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output
