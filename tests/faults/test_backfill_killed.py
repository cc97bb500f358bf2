"""kill -9 and Ctrl-C of a backfill: what runs records itself, and a second start does the rest."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from fixtures.processes import processes_of
from fixtures.scheduler_process import Scheduler
from fixtures.waits import DEADLINE_S

#: Tasks of the chain.
TASKS = 5
#: How long a year of runs may take on a slow and busy machine.
YEAR_S = 600.0
CHAIN = """
from airflow_lite import DAG, PythonOperator
from datetime import datetime

def note(run_id, ti):
    with open("{starts}", "a") as file:
        file.write(f"{run_id} {ti.task_id} {ti.try_number}\\n")

with DAG("chain", start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False) as dag:
    before = None
    for number in range({tasks}):
        task = PythonOperator(task_id=f"t{number}", python_callable=note)
        if before is not None:
            before >> task
        before = task
"""
LONG = """
from airflow_lite import DAG, BashOperator
from datetime import datetime

with DAG("long", start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False) as dag:
    first = BashOperator(
        task_id="first",
        bash_command="echo {{ run_id }} >> {starts}; while [ ! -e {gate} ]; do sleep 0.05; done",
    )
    first >> BashOperator(task_id="second", bash_command="echo second {{ run_id }} >> {starts}")
"""


@pytest.fixture
def backfill(home):
    """Start a backfill from the first of January on; what it prints goes to a file."""
    begun: list[Scheduler] = []

    def start(dag_id, last, *options):
        log = home.folder / f"backfill-{len(begun)}.out"
        words = ("dags", "backfill", dag_id, "-s", "2024-01-01", "-e", last, *options)
        with log.open("wb") as file:
            process = home.start("--executor", "LocalExecutor", *words, stdout=file, stderr=file)
        begun.append(Scheduler(process, log))
        return begun[-1]

    yield start
    for one in begun:
        if one.process.poll() is None:
            one.kill()


@pytest.mark.parametrize(
    ("has_scheduler", "days", "last"), [(False, 365, "2024-12-30"), (True, 40, "2024-02-09")]
)
def test_a_backfill_that_was_killed_half_way_goes_on_and_runs_no_try_twice(
    home, wait_until, findings, tmp_path, backfill, has_scheduler, days, last
):
    starts = tmp_path / "starts"
    starts.touch()
    home.dag("chain", CHAIN.replace("{starts}", str(starts)).replace("{tasks}", str(TASKS)))
    home.run("dags", "pause", "chain")
    if has_scheduler:
        with home.scheduler() as scheduler:
            wait_until(lambda: "scheduler started" in scheduler.output(), "the scheduler to start")
            _kill_half_way_and_start_again(wait_until, starts, backfill, days, last)
    else:
        _kill_half_way_and_start_again(wait_until, starts, backfill, days, last)
    rows = home.execute(
        "SELECT r.run_type, r.state, ti.state, ti.try_number FROM task_instance ti"
        " JOIN dag_run r ON r.id = ti.dag_run_id"
    )
    assert Counter(rows) == {("backfill", "success", "success", 1): days * TASKS}
    assert max(Counter(starts.read_text().splitlines()).values()) == 1
    assert len(starts.read_text().splitlines()) == days * TASKS
    assert findings() == []
    wait_until(lambda: not processes_of(home.folder), "every process to be gone")


def _kill_half_way_and_start_again(wait_until, starts, backfill, days, last):
    first = backfill("chain", last)
    half = days * TASKS // 2
    wait_until(
        lambda: len(starts.read_text().splitlines()) >= half,
        "half of the tasks to run",
        deadline_s=YEAR_S,
    )
    first.kill()
    second = backfill("chain", last)
    assert second.process.wait(YEAR_S) == 0, second.output()
    assert f"Backfill of DAG chain: {days} runs: {days} success" in second.output()


def test_ctrl_c_lets_what_runs_end_and_says_how_to_go_on(home, wait_until, tmp_path, backfill):
    starts, gate = tmp_path / "starts", tmp_path / "gate"
    home.dag("long", LONG.replace("{starts}", str(starts)).replace("{gate}", str(gate)))
    stopped = backfill("long", "2024-01-03", "--max-active-runs", "1")
    wait_until(starts.exists, "the first task to run")
    stopped.process.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping: running tasks get 30 s" in stopped.output(), "the notice")
    gate.touch()
    assert stopped.process.wait(DEADLINE_S) == 128 + signal.SIGINT, stopped.output()
    assert "3 runs: 1 under way, 2 not begun" in stopped.output()
    assert "Start the command again, as it was: it goes on from here" in stopped.output()
    assert starts.read_text().split() == ["backfill__2024-01-01T00:00:00+00:00"]

    again = backfill("long", "2024-01-03", "--max-active-runs", "1")
    assert again.process.wait(DEADLINE_S) == 0, again.output()
    lines = starts.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 6


def test_a_second_backfill_of_runs_that_are_under_way_is_refused(
    home, wait_until, tmp_path, backfill
):
    starts, gate = tmp_path / "starts", tmp_path / "gate"
    home.dag("long", LONG.replace("{starts}", str(starts)).replace("{gate}", str(gate)))
    first = backfill("long", "2024-01-01")
    wait_until(starts.exists, "the first task to run")
    refused = home.run("dags", "backfill", "long", "-s", "2024-01-01", exit_code=1)
    assert refused.stderr.splitlines()[-1] == (
        "airflow-lite: error:"
        " Run 'backfill__2024-01-01T00:00:00+00:00' of DAG 'long' is run by another backfill now."
        " Wait for its end, stop it with `airflow-lite dags runs stop long"
        " backfill__2024-01-01T00:00:00+00:00`, or choose other dates."
    )
    gate.touch()
    assert first.process.wait(DEADLINE_S) == 0, first.output()
