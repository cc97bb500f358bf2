"""Runs by the real command line: triggered and waited for, cleared, tested, read."""

from __future__ import annotations

import json
import signal
from subprocess import PIPE, run

import pytest

from fixtures.waits import DEADLINE_S

DAG = '''
import time
from datetime import datetime
from pathlib import Path
from airflow_lite import DAG, BashOperator, EmptyOperator, PythonOperator

GATE = Path(__file__).parent.parent / "gate"

def once():
    """Wait for the gate in the first call; later calls end at once."""
    marker = GATE.with_suffix(".called")
    if marker.exists():
        return
    marker.touch()
    while not GATE.exists():
        time.sleep(0.05)

def fail():
    raise ValueError("no luck")

with DAG("good", start_date=datetime(2024, 1, 1), schedule=None, params={"who": "you"}):
    say = BashOperator(task_id="say", bash_command="echo hello {{ params.who }} on {{ ds }}")
    say >> EmptyOperator(task_id="after")

with DAG("bad", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="fail", python_callable=fail) >> EmptyOperator(task_id="after")

with DAG("slow", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="once", python_callable=once)
'''


def states(home, dag_id, run):
    rows = home.json("tasks", "states-for-dag-run", dag_id, run)
    return {row["task_id"]: row["state"] for row in rows}


def test_waiting_ends_with_the_run_and_tells_how_it_ended(home):
    home.dag("dags", DAG)
    with home.scheduler():
        good = home.run("dags", "trigger", "good", "-r", "g", "--wait", "-o", "json")
        bad = home.run("dags", "trigger", "bad", "-r", "b", "--wait", exit_code=1)

    assert '"state": "success"' in good.stdout
    assert "failed" in bad.stdout
    assert states(home, "good", "g") == {"say": "success", "after": "success"}
    assert states(home, "bad", "b") == {"fail": "failed", "after": "upstream_failed"}


def test_waiting_without_a_scheduler_says_so_and_ends_in_time(home):
    home.dag("dags", DAG)

    wait = ("--wait", "--timeout", "0.2")
    done = home.run("dags", "trigger", "good", "-r", "g", *wait, exit_code=1)

    notice, mistake = done.stderr.splitlines()[-2:]
    assert notice == "No scheduler is running: start one with `airflow-lite scheduler`."
    assert "Run 'g' of DAG 'good' has not ended within 0.2 s; it is queued. See" in mistake


def test_a_cleared_task_runs_again_and_its_history_tells(home, wait_until):
    home.dag("dags", DAG)
    with home.scheduler():
        home.run("dags", "trigger", "good", "-r", "g", "--wait")
        home.run("tasks", "clear", "good", "-t", "say", "-d", "-y")
        wait_until(
            lambda: (
                len(home.json("tasks", "history", "good", "say", "g")) >= 7
                and home.json("dags", "list-runs", "-d", "good")[0]["state"] == "success"
            ),
            "the cleared run to succeed again",
        )

    rows = home.json("tasks", "history", "good", "say", "g")
    assert [row["to"] for row in rows] == [
        "queued",
        "running",
        "success",
        "none",
        "queued",
        "running",
        "success",
    ]
    assert [row["try_number"] for row in rows] == [1, 1, 1, 1, 2, 2, 2]
    assert [row["cause"] for row in rows][3] == "cleared"
    assert rows[3]["actor"] == "user"


def test_a_running_task_that_is_cleared_is_killed_and_runs_again(home, wait_until):
    home.dag("dags", DAG)
    with home.scheduler():
        home.run("dags", "trigger", "slow", "-r", "s")
        wait_until((home.folder / "gate.called").exists, "the first try to start")
        home.run("tasks", "clear", "slow", "-r", "-y")
        wait_until(
            lambda: home.json("dags", "list-runs", "-d", "slow")[0]["state"] == "success",
            "the second try to end the run",
        )

    rows = home.json("tasks", "history", "slow", "once", "s")
    assert [row["to"] for row in rows] == [
        "queued",
        "running",
        "restarting",
        "none",
        "queued",
        "running",
        "success",
    ]


def test_jobs_check_tells_whether_a_scheduler_is_alive(home):
    home.run("jobs", "check", exit_code=1)
    with home.scheduler():
        home.dag("dags", DAG)
        home.run("dags", "trigger", "good", "--wait")
        done = home.run("jobs", "check", "--job-type", "SchedulerJob", "--local")
        busy = home.run("db", "reset", "-y", exit_code=1)

    assert done.stdout == "Found one alive job.\n"
    assert "A scheduler is running on this database. Stop it first." in busy.stderr
    home.run("jobs", "check", exit_code=1)


def test_a_dag_is_tested_without_a_scheduler(home):
    home.dag("dags", DAG)

    good = home.run("dags", "test", "good", "2024-03-01", "-c", '{"who": "me"}')
    bad = home.run("dags", "test", "bad", "2024-03-01", exit_code=1)

    assert "Run manual__2024-03-01T00:00:00+00:00__test of DAG good: success" in good.stdout
    assert "Run manual__2024-03-01T00:00:00+00:00__test of DAG bad: failed" in bad.stdout
    assert states(home, "good", "2024-03-01") == {"say": "success", "after": "success"}
    log = home.run("tasks", "logs", "good", "say", "2024-03-01").stdout
    assert "hello me on 2024-03-01" in log


def test_a_dag_is_tested_on_the_configured_executor(home):
    home.dag("dags", DAG)

    done = home.run(
        "--executor", "LocalExecutor", "dags", "test", "good", "2024-03-02", "--use-executor"
    )

    assert "of DAG good: success" in done.stdout


def test_the_log_of_a_failed_task_has_its_traceback(home):
    home.dag("dags", DAG)
    with home.scheduler():
        home.run("dags", "trigger", "bad", "-r", "b", "--wait", exit_code=1)
        log = home.run("tasks", "logs", "bad", "fail", "b").stdout

    assert "ValueError: no luck" in log


def test_testing_a_task_records_nothing(home):
    home.dag("dags", DAG)

    done = home.run("tasks", "test", "good", "say", "2024-03-02", "-t", '{"who": "her"}')
    home.run("tasks", "test", "bad", "fail", "2024-03-02", exit_code=1)

    assert "hello her on 2024-03-02" in done.stdout + done.stderr
    assert home.json("dags", "list-runs", "-d", "good") == []


def test_rendered_fields_are_printed_as_airflow_prints_them(home):
    home.dag("dags", DAG)

    lines = home.run("tasks", "render", "good", "say", "2024-03-05").stdout.splitlines()

    assert lines[:4] == [
        "# ----------------------------------------------------------",
        "# property: bash_command",
        "# ----------------------------------------------------------",
        "echo hello you on 2024-03-05",
    ]


def test_a_file_that_lacks_what_it_had_when_it_was_parsed_is_named(home):
    home.environ["OF_THE_SCHEDULER"] = "x"
    home.dag("dags", "import os\nos.environ['OF_THE_SCHEDULER']\n" + DAG)
    home.run("dags", "list")
    del home.environ["OF_THE_SCHEDULER"]

    done = home.run("tasks", "render", "good", "say", "2024-03-05", exit_code=1)

    path = home.dags / "dags.py"
    error = f"{path} cannot be imported: KeyError: 'OF_THE_SCHEDULER' (line 2)"
    assert done.stderr.splitlines()[-1] == f"airflow-lite: error: {error}"


@pytest.mark.forced_tries
def test_a_task_run_by_hand_is_a_try_of_its_own(home):
    home.dag("dags", DAG)
    home.run("dags", "trigger", "good", "-r", "g")

    home.run("tasks", "run", "good", "say", "g")
    again = home.run("tasks", "run", "good", "say", "g", exit_code=1)
    home.run("tasks", "run", "good", "say", "g", "--force")

    assert "is in state success. Add --force to run it again." in again.stderr
    rows = home.json("tasks", "history", "good", "say", "g")
    assert [(row["to"], row["try_number"]) for row in rows] == [
        ("queued", 1),
        ("running", 1),
        ("success", 1),
        ("queued", 2),
        ("running", 2),
        ("success", 2),
    ]


def test_an_attempt_that_is_not_queued_is_not_ours(home):
    home.dag("dags", DAG)
    home.run("dags", "trigger", "good", "-r", "g")

    words = ["good", "say", "g", "--try-number", "1", "--map-index", "-1", "--attempt", "0" * 32]
    home.run("tasks", "run", *words, exit_code=3)

    assert states(home, "good", "g") == {"say": None, "after": None}


def test_a_task_can_be_marked_as_succeeded(home):
    home.dag("dags", DAG)
    home.run("dags", "trigger", "good", "-r", "g")

    home.run("tasks", "run", "good", "say", "g", "--mark-success")

    assert states(home, "good", "g") == {"say": "success", "after": None}


def test_a_log_is_followed_until_the_try_ends(home, wait_until):
    home.dag("dags", DAG.replace("    marker.touch()", "    marker.touch(); print('before')"))
    with home.scheduler():
        home.run("dags", "trigger", "slow", "-r", "s")
        wait_until((home.folder / "gate.called").exists, "the task to start")
        reader = home.start("tasks", "logs", "slow", "once", "s", "--follow", stdout=PIPE)
        with reader.stdout as output:
            first = next(line for line in output if "before" in line)
            (home.folder / "gate").touch()
            rest = output.read()

    assert reader.wait(DEADLINE_S) == 0
    assert "before" in first
    assert "Marking task as SUCCESS" in rest


def test_runs_with_ids_of_their_own_may_be_triggered_in_the_same_second(home):
    home.dag("dags", DAG)
    trigger = (
        "from airflow_lite.cli.main import run\n"
        "print([run(['dags', 'trigger', 'good', '-r', f'r{n}']) for n in range(6)])\n"
    )
    done = run(
        [home.python, "-c", trigger],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0, 0, 0]", done.stderr
    assert len(home.json("dags", "list-runs", "-d", "good")) == 6


def test_a_run_goes_on_when_the_reader_of_its_progress_goes_away(home):
    home.dag("dags", DAG)
    started = home.start(
        "--executor", "LocalExecutor", "dags", "test", "good", "2024-03-01", "--use-executor",
        stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    started.stdout.close()
    started.stderr.read()
    started.stderr.close()

    assert started.wait(DEADLINE_S) == 141
    assert states(home, "good", "2024-03-01") == {"say": "success", "after": "success"}


def test_sigterm_stops_a_dags_test_and_the_task_that_runs_in_it(home, wait_until):
    home.dag("dags", DAG)
    started = home.start("dags", "test", "slow", "2024-03-01", stdout=PIPE, stderr=PIPE)
    wait_until((home.folder / "gate.called").exists, "the task to run")
    started.terminate()

    assert started.wait(DEADLINE_S) != 0
    started.communicate()
    assert home.json("dags", "list-runs", "-d", "slow")[0]["state"] == "failed"


def test_a_failed_dags_test_says_why(home):
    home.dag("dags", DAG)
    done = home.run("dags", "test", "bad", "2024-03-01", exit_code=1)

    assert "bad.fail try 1: failed: ValueError: no luck" in done.stdout.splitlines()
    lines = done.stderr.splitlines()
    at = lines.index("bad.fail failed in try 1: ValueError: no luck")
    assert (
        "airflow-lite tasks logs bad fail 'manual__2024-03-01T00:00:00+00:00__test'"
        in lines[at + 1]
    )
    assert any(line.endswith("ValueError: no luck") for line in lines[at + 2 :])


def test_a_log_of_a_try_that_never_was_is_a_mistake(home):
    home.dag("dags", DAG)
    home.run("dags", "test", "good", "2024-03-01")

    done = home.run("tasks", "logs", "good", "say", "2024-03-01", "--try-number", "3", exit_code=1)
    assert "Task 'say' has no try 3 yet: its last is 1." in done.stderr


def test_a_failed_run_that_was_waited_for_says_why_and_shows_how_it_went(home):
    home.dag("dags", DAG)
    with home.scheduler():
        done = home.run("dags", "trigger", "bad", "-r", "b", "--wait", "-o", "json", exit_code=1)

    (row,) = json.loads(done.stdout)  # nothing else is on stdout
    assert row["state"] == "failed"
    lines = done.stderr.splitlines()
    assert "bad.fail try 1: queued" in lines
    assert "bad.fail try 1: failed: ValueError: no luck" in lines
    assert "bad.after try 0: upstream_failed" in lines
    assert "bad.fail failed in try 1: ValueError: no luck" in lines
    end = lines[lines.index("bad.fail failed in try 1: ValueError: no luck") + 1 :]
    assert end[0] == "The end of its log (all of it: airflow-lite tasks logs bad fail 'b'):"
    assert any(line.startswith("  ") and "ValueError: no luck" in line for line in end[1:])
    assert len(end) <= 11


def test_who_stops_waiting_is_told_that_the_run_goes_on(home, wait_until):
    home.dag("dags", DAG)
    with home.scheduler():
        words = ("dags", "trigger", "slow", "-r", "s", "--wait")
        with home.start(*words, stdout=PIPE, stderr=PIPE) as waiting:
            wait_until((home.folder / "gate.called").exists, "the task to start")
            waiting.send_signal(signal.SIGINT)
            _, said = waiting.communicate(timeout=DEADLINE_S)
        assert waiting.returncode == 130
        assert "No longer waiting: run 's' of DAG 'slow' goes on." in said
        (home.folder / "gate").touch()
        wait_until(
            lambda: home.json("dags", "list-runs", "-d", "slow")[0]["state"] == "success",
            "the run to end",
        )


LOGS = """
import logging
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator

def speak():
    logging.getLogger("mine").info("logged by a logger")
    print("printed")

with DAG("logs", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="py", python_callable=speak)
    BashOperator(task_id="sh", bash_command="echo from bash")
"""


def test_a_dag_s_test_shows_the_logs_of_its_tasks_as_they_are_written(home):
    home.dag("logs", LOGS)

    shown = home.run("dags", "test", "logs").stdout.splitlines()

    assert any(line.endswith("INFO - logged by a logger") for line in shown)
    assert any(line.endswith("INFO - from bash") for line in shown)
    assert shown.count("printed") == 1
    begun = shown.index("logs.sh try 1: queued")
    ended = shown.index("logs.sh try 1: success")
    (at,) = [at for at, line in enumerate(shown) if line.endswith("INFO - from bash")]
    assert begun < at < ended


def run_state(home, dag_id, run_id):
    return home.run_states(dag_id)[run_id]


def test_a_run_is_stopped_though_its_dag_is_paused(home, wait_until):
    home.dag("dags", DAG)
    with home.scheduler() as scheduler:
        home.run("dags", "trigger", "slow", "-r", "s")
        wait_until((home.folder / "gate.called").exists, "the task to start")
        home.run("dags", "pause", "slow")
        done = home.run("dags", "runs", "stop", "slow", "s")
        assert run_state(home, "slow", "s") == "failed"
        again = home.run("dags", "runs", "stop", "slow", "s", exit_code=1)
        wait_until(lambda: has_ended(home), "the attempt to be killed")
        wait_until(lambda: "run s of slow: failed" in scheduler.output(), "the log to say so")

    assert done.stdout == "Stopped run s of slow: 1 task instance(s) ended.\n"
    assert "is over: failed. There is nothing to stop." in again.stderr
    assert states(home, "slow", "s") == {"once": "failed"}
    causes = [row["cause"] for row in home.json("tasks", "history", "slow", "once", "s")]
    assert causes[-1] == "the run was stopped"


def has_ended(home):
    (ended_us,) = home.execute("SELECT ended_us FROM attempt")[-1]
    return ended_us


def test_a_run_is_cleared_by_its_id_and_a_failed_task_is_set_to_success(home, wait_until):
    home.dag("dags", DAG)
    with home.scheduler():
        home.run("dags", "trigger", "bad", "-r", "b", "--wait", exit_code=1)
        home.run("dags", "runs", "clear", "bad", "b", "--only-failed", "-y")
        wait_until(
            lambda: len(home.json("tasks", "history", "bad", "fail", "b")) >= 7, "the second try"
        )
        wait_until(lambda: run_state(home, "bad", "b") == "failed", "its end")
        done = home.run("tasks", "set-state", "bad", "fail", "b", "success")
        wait_until(lambda: run_state(home, "bad", "b") == "success", "the run to go on")

    assert done.stdout == (
        "Set 1 task instance(s) of fail in run b of bad to success."
        " 1 below that had failed run again.\n"
    )
    assert states(home, "bad", "b") == {"fail": "success", "after": "success"}


def test_runs_of_all_dags_are_listed_by_state_and_time(home):
    home.dag("dags", DAG)
    home.run("dags", "trigger", "good", "-r", "g")
    home.run("dags", "trigger", "bad", "-r", "b")
    home.run("dags", "runs", "set-state", "bad", "b", "failed")

    rows = home.json("dags", "list-runs")
    failed = home.json("dags", "list-runs", "--state", "failed", "--since", "1d")
    none = home.json("dags", "list-runs", "--state", "failed", "--since", "2999-01-01")

    assert {(row["dag_id"], row["run_id"]) for row in rows} == {("good", "g"), ("bad", "b")}
    assert [row["dag_id"] for row in failed] == ["bad"]
    assert none == []
    assert home.run("dags", "list-runs", "--since", "soon", exit_code=2).stderr


DAILY = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator

with DAG("daily", start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False):
    EmptyOperator(task_id="it")
"""


def test_a_triggered_run_can_have_the_interval_of_the_scheduled_one(home):
    home.dag("daily", DAILY)
    words = ("dags", "trigger", "daily", "-o", "json", "-e")

    before = home.run(*words, "2024-03-02")
    own = json.loads(home.run(*words, "2024-03-05", "--scheduled-interval").stdout)[0]
    odd = home.run(*words, "2024-03-05T05:00", "--scheduled-interval", exit_code=1)
    dateless = home.run("dags", "trigger", "daily", "--scheduled-interval", exit_code=1)

    assert json.loads(before.stdout)[0]["data_interval_start"] == "2024-03-01 00:00:00+00:00"
    assert own["data_interval_start"] == "2024-03-05 00:00:00+00:00"
    assert own["data_interval_end"] == "2024-03-06 00:00:00+00:00"
    assert "is no date of the schedule '@daily'" in odd.stderr
    assert "Add -e DATE." in dateless.stderr
    assert "No scheduler is running: start one with `airflow-lite scheduler`." in before.stderr


def test_a_trigger_beside_a_scheduler_is_silent(home):
    home.dag("daily", DAILY)
    with home.scheduler():
        home.run("dags", "trigger", "daily", "--wait")
        assert home.run("dags", "trigger", "daily").stderr == ""
