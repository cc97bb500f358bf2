"""kill -9 of the scheduler: what runs records itself, nothing is lost, nothing runs twice."""

from __future__ import annotations

import os
import signal

import pytest

from fixtures.processes import children_of, processes_of

WIDE = """
from airflow_lite import DAG, BashOperator
from datetime import datetime

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100) as dag:
    for number in range(40):
        BashOperator(
            task_id=f"t{number}",
            bash_command="echo $AIRFLOW_CTX_TRY_NUMBER >> {starts}/" + f"t{number}; sleep 0.2",
        )
"""

RETRIED = """
from airflow_lite import DAG, BashOperator
from datetime import datetime, timedelta

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    BashOperator(
        task_id="a",
        bash_command="echo {{ ti.try_number }} >> {starts}/a; [ {{ ti.try_number }} = 2 ] || sleep 60",
        retries=1,
        retry_delay=timedelta(seconds=0.5),
    )
"""


def of_state(home, dag_id="wide"):
    return next(iter(home.run_states(dag_id).values()), None)


@pytest.mark.parametrize("after", [3, 25])
def test_a_new_scheduler_finishes_what_a_killed_one_began(
    home, wait_until, findings, tmp_path, after
):
    starts = tmp_path / "starts"
    starts.mkdir()
    home.dag("wide", WIDE.replace("{starts}", str(starts)))
    home.run("dags", "trigger", "wide")
    with home.scheduler() as first:
        wait_until(lambda: len(list(starts.iterdir())) >= after, f"{after} tasks to start")
        first.kill()
    with home.scheduler():
        wait_until(lambda: of_state(home) in {"success", "failed"}, "the run to end")
    assert of_state(home) == "success"
    assert findings() == []
    lines = {path.name: path.read_text().split() for path in starts.iterdir()}
    assert len(lines) == 40
    assert all(len(tries) == len(set(tries)) for tries in lines.values()), lines
    wait_until(lambda: not processes_of(home.folder), "every process to be gone")


def test_what_died_with_its_host_is_retried_without_waiting_for_beats(
    home, wait_until, findings, tmp_path
):
    starts = tmp_path / "starts"
    starts.mkdir()
    home.dag("wide", RETRIED.replace("{starts}", str(starts)))
    home.run("dags", "trigger", "wide")
    home.environ["AIRFLOW_LITE__SCHEDULER__BEAT_TIMEOUT_S"] = "3600"  # far beyond the wait
    with home.scheduler() as first:
        wait_until(lambda: list(starts.iterdir()), "the task to start")
        (host,) = hosts_of(first.pid)
        first.kill()
        os.kill(host, signal.SIGKILL)
    with home.scheduler():
        wait_until(lambda: of_state(home) in {"success", "failed"}, "the run to end")
    assert of_state(home) == "success"
    assert findings() == []
    assert (starts / "a").read_text().split() == ["1", "2"]
    wait_until(lambda: not processes_of(home.folder), "every process to be gone")


def hosts_of(scheduler):
    return [*children_of(scheduler, "worker.host.main")]


@pytest.mark.sqlite
def test_a_second_scheduler_is_refused_while_the_first_lives(home, wait_until):
    with home.scheduler() as first:
        wait_until(lambda: "scheduler started" in first.output(), "the scheduler to start")
        refused = home.run("scheduler", exit_code=1)
        assert refused.stderr.count("\n") == 1
        assert f"Another scheduler uses this database: pid {first.pid} on" in refused.stderr
