"""A machine that has no descriptor or process left: attempts wait, and none is failed for it."""

from __future__ import annotations

import resource

import pytest

DAG = """
import errno, os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]
FORK = os.fork

def fork():
    if os.path.exists(os.path.join(HOME, "full")):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    return FORK()

os.fork = fork

def run(ti):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{ti.task_id}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    for number in range(30):
        PythonOperator(task_id=f"t{number}", python_callable=run)
"""
NAMES = [f"t{number}" for number in range(30)]


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted(DAG, AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S="0.2")
    hosted.start()
    return hosted


def beats(hosted):
    (host,) = hosted.supervisors()
    return host.beat_count


def test_no_more_is_claimed_than_there_are_descriptors_for_and_the_host_beats(hosted, wait_until):
    wait_until(hosted.supervisors, "the host")
    resource.prlimit(hosted.host.pid, resource.RLIMIT_NOFILE, (110, 110))
    tokens = [hosted.give(name) for name in NAMES]
    wait_until(lambda: hosted.lines("starts"), "the first to start")
    before = beats(hosted)
    wait_until(lambda: beats(hosted) > before + 2, "beats")
    states = {hosted.row(name).state for name in NAMES}
    assert states == {"running", "queued"}

    (hosted.home.folder / "gate").touch()
    hosted.wait(*tokens)
    assert {hosted.row(name).state for name in NAMES} == {"success"}
    assert sorted(hosted.lines("starts")) == sorted(NAMES)


def test_attempts_that_no_process_is_left_for_wait_under_their_token(hosted, wait_until):
    for name in ("full", "gate"):
        (hosted.home.folder / name).touch()
    tokens = [hosted.give(name) for name in NAMES[:3]]
    wait_until(
        lambda: "given back" in (hosted.row("t0").change_cause or ""), "an attempt to be given back"
    )
    assert hosted.lines("starts") == []
    assert hosted.ended == {}

    (hosted.home.folder / "full").unlink()
    hosted.wait(*tokens)
    assert [hosted.row(name).attempt for name in NAMES[:3]] == tokens
    assert {hosted.row(name).state for name in NAMES[:3]} == {"success"}
    assert sorted(hosted.lines("starts")) == NAMES[:3]
