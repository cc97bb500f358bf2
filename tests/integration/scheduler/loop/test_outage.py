"""What the loop does while the database is away."""

from __future__ import annotations

import select

import pytest
from sqlalchemy.exc import OperationalError

from airflow_lite.config import Config
from airflow_lite.processes import doorbell
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.store.engine import open_store
from airflow_lite_testing.stub_executor import StubExecutor


@pytest.fixture
def loop(home):
    config = Config.load(home.environ)
    store, executor = open_store(config), StubExecutor()
    executor.store = store
    made = make_loop(config, store, executor)
    yield made
    made.close(state="success")
    store.close()


def test_a_bell_that_rings_in_the_pause_after_a_failed_pass_does_not_keep_the_loop_awake(
    loop, home, monkeypatch
):
    def fail():
        raise OperationalError("SELECT 1", {}, Exception("the disk is away"))

    monkeypatch.setattr(loop, "do_pass", fail)
    for _ in range(4):  # the pauses become longer
        loop._failed.at = float("-inf")
        loop.step()
    assert doorbell.ring(home.folder, files=True)
    bell = loop._bell.fileno()
    assert select.select([bell], [], [], 30)[0]

    loop.step()

    assert loop.wait_s() > 0
    assert not select.select([bell], [], [], 0)[0]
