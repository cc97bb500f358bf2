"""Whatever dies: no try's code runs twice, nothing is lost, and what ran is recorded."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from airflow_lite.config import Config
from airflow_lite.executors import RunCommand, TaskInstanceKey
from airflow_lite.plugins.groups import load_group
from airflow_lite.processes.proc import is_over
from airflow_lite_celery_executor.looking import looking
from fixtures.processes import frozen

GATED = """
import os, time
from datetime import datetime, timedelta
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def gated(ti):
    with open(os.path.join(HOME, "started"), "a") as file:
        file.write(f"{ti.task_id}-{ti.try_number} {os.getpid()}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG("gated", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=99) as dag:
    for number in range({count}):
        PythonOperator(
            task_id=f"t{number}", python_callable=gated, retries=1, retry_delay=timedelta(0)
        )
"""


class Gated:
    """A triggered run of tasks that begin, write that down, and wait for a gate."""

    def __init__(self, home, wait_until, count, more=""):
        self.home = home
        self._wait_until = wait_until
        home.dag("gated", GATED.replace("{count}", str(count)) + more)
        home.run("dags", "trigger", "gated", "-r", "r")

    def lines(self):
        path = self.home.folder / "started"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, count):
        """Wait until so many tries have begun; return their process ids by name."""
        self._wait_until(lambda: len(self.lines()) >= count, f"{count} tries to begin")
        return {name: int(pid) for name, pid in map(str.split, self.lines())}

    def open(self):
        (self.home.folder / "gate").touch()

    def wait_for_end(self):
        """Wait until all have succeeded; return how often each try began."""
        state = "SELECT state FROM dag_run"
        self._wait_until(lambda: self.home.execute(state) == [("success",)], "the run to succeed")
        return Counter(line.split()[0] for line in self.lines())


@pytest.fixture
def gated(home, workers, wait_until):
    yield lambda count, more="": Gated(home, wait_until, count, more)
    (home.folder / "gate").touch()  # a test that failed leaves nothing waiting


def first_tries(count):
    return {f"t{number}-1": 1 for number in range(count)}


def test_a_worker_is_killed_and_its_host_finishes_what_runs(home, workers, gated):
    run = gated(6)
    one = workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(2)
        one.kill()
        one.wait(60)
        workers.start("two", "-c", "6")
        run.wait_for(6)
        run.open()
        assert run.wait_for_end() == first_tries(6)


def test_a_task_host_is_killed_and_what_it_ran_is_retried(home, workers, gated, wait_until):
    run = gated(2)
    one = workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(2)
        os.kill(workers.host_of(one), signal.SIGKILL)
        run.wait_for(4)
        run.open()
        assert run.wait_for_end() == {**first_tries(2), "t0-2": 1, "t1-2": 1}


def test_a_task_is_killed_and_the_others_go_on(home, workers, gated):
    run = gated(2)
    workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor"):
        os.kill(run.wait_for(2)["t0-1"], signal.SIGKILL)
        run.wait_for(3)
        run.open()
        assert run.wait_for_end() == {**first_tries(2), "t0-2": 1}


def test_a_warm_shutdown_lets_what_runs_end_and_leaves_the_rest(home, workers, gated, broker):
    run = gated(4)
    one = workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(2)
        one.send_signal(signal.SIGTERM)
        workers.start("two", "-c", "4")
        run.wait_for(4)
        run.open()
        assert one.wait(60) == 0
        assert run.wait_for_end() == first_tries(4)
    workers.down()
    assert broker.unacknowledged() == 0
    assert "Traceback" not in workers.output()


def test_a_cold_shutdown_kills_what_runs_and_it_is_retried(home, workers, gated, wait_until):
    run = gated(2)
    one = workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor"):
        pids = run.wait_for(2)
        one.send_signal(signal.SIGQUIT)
        assert one.wait(60) == 0
        wait_until(
            lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids.values()),
            "the end of what ran",
        )
        workers.start("two", "-c", "2")
        run.wait_for(4)
        run.open()
        assert run.wait_for_end() == {**first_tries(2), "t0-2": 1, "t1-2": 1}


SOFT = "AIRFLOW_LITE__CELERY__WORKER_SOFT_SHUTDOWN_TIMEOUT"


def test_a_soft_shutdown_ends_with_what_runs_and_gives_the_rest_to_others(home, workers, gated):
    run = gated(4)
    one = workers.start("one", "-c", "2", environ={SOFT: "3600"})
    with home.scheduler("CeleryExecutor"):
        run.wait_for(2)
        one.send_signal(signal.SIGQUIT)
        workers.start("two", "-c", "4")
        run.wait_for(4)
        run.open()
        assert one.wait(60) == 0
        assert run.wait_for_end() == first_tries(4)
    assert "Traceback" not in workers.output()


@pytest.mark.parametrize(
    "signals",
    [
        [("SIGQUIT", "soft"), ("SIGQUIT", "cold")],
        [("SIGINT", "warm"), ("SIGINT", "soft"), ("SIGINT", "cold")],
    ],
)
def test_what_outlasts_a_soft_shutdown_that_is_cut_short_is_killed_and_retried(
    home, workers, gated, signals, wait_until
):
    run = gated(1)
    one = workers.start("one", "-c", "1", environ={SOFT: "3600"})
    with home.scheduler("CeleryExecutor"):
        pid = run.wait_for(1)["t0-1"]
        for name, kind in signals:
            assert not is_over(pid)
            one.send_signal(signal.Signals[name])
            told = f"{kind} shutdown"
            wait_until(lambda told=told: told in one.log.read_text(), told)
        assert one.wait(60) == 0
        workers.start("two", "-c", "1")
        run.wait_for(2)
        run.open()
        assert run.wait_for_end() == {"t0-1": 1, "t0-2": 1}
    assert "Traceback" not in workers.output()


def test_what_outlasts_a_soft_shutdown_is_killed_and_retried(home, workers, gated):
    run = gated(1)
    one = workers.start("one", "-c", "1", environ={SOFT: "0.1"})
    with home.scheduler("CeleryExecutor"):
        run.wait_for(1)
        one.send_signal(signal.SIGQUIT)
        assert one.wait(60) == 0
        workers.start("two", "-c", "1")
        run.wait_for(2)
        run.open()
        assert run.wait_for_end() == {"t0-1": 1, "t0-2": 1}


def status_of(home, name):
    """Ask one worker by remote control; return nothing in place of its status if none comes."""
    config = Config.load(home.environ)
    load_group("celery", config)
    with looking(config) as view:
        return view.ask("airflow_lite_status", [name], 5.0).get(name, {})


def paused(home, name):
    """Return the status of a worker that has paused."""
    status = status_of(home, name)
    return status if status.get("is_paused") else None


def test_a_worker_whose_slots_are_held_for_long_leaves_the_rest_to_others(
    home, workers, gated, wait_until
):
    run = gated(2)
    workers.start("one", "-c", "1")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(1)
        status = wait_until(lambda: paused(home, "celery@one"), "the worker to pause")
        assert status["unacknowledged"] == {}
        workers.start("two", "-c", "1")
        run.wait_for(2)
        wait_until(
            lambda: len(status_of(home, "celery@two").get("running", [])) == 1,
            "the other to run it",
        )
        run.open()
        assert run.wait_for_end() == first_tries(2)
        wait_until(lambda: status_of(home, "celery@one").get("is_paused") is False, "it to go on")


QUICK_FIRST = """
    quick = [PythonOperator(task_id=f"q{number}", python_callable=int) for number in range(20)]
    last = PythonOperator(task_id="last", python_callable=int)
    quick >> last >> [task for task in dag.tasks if task.task_id[0] == "t"]
"""


#: On a slow machine, too, what is quick counts as quick, and what waits is seen to wait.
PATIENT = """
from airflow_lite.api.executor import pace
pace.SOON_S, pace.LATE_S, pace.BRISK_S = 15.0, 30.0, 20.0
"""
PATIENT_WORKER = """
from airflow_lite_celery_executor.worker import pool
pool.BRISK_S = 20.0
"""


def test_what_was_taken_ahead_goes_to_others_once_tasks_take_long(
    home, workers, gated, wait_until, tmp_path
):
    texts = {"here": PATIENT, "worker": PATIENT + PATIENT_WORKER}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "sitecustomize.py").write_text(text)
    run = gated(4, QUICK_FIRST)
    workers.start("one", "-c", "1", environ={"PYTHONPATH": str(tmp_path / "worker")})
    home.environ["PYTHONPATH"] = str(tmp_path / "here")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(1)
        wait_until(
            lambda: status_of(home, "celery@one").get("waiting") == 3, "it to take some ahead"
        )
        workers.start("two", "-c", "3")
        run.wait_for(4)
        run.open()
        assert run.wait_for_end() == first_tries(4)
    assert "Traceback" not in workers.output()


def test_a_task_that_is_cleared_while_it_runs_is_stopped(home, workers, gated, wait_until):
    run = gated(1)
    workers.start("one", "-c", "1")
    with home.scheduler("CeleryExecutor"):
        pid = run.wait_for(1)["t0-1"]
        home.run("tasks", "clear", "gated", "-y")
        run.wait_for(2)
        assert not os.path.exists(f"/proc/{pid}")
        run.open()
        run.wait_for_end()


def test_a_task_that_is_revoked_by_remote_control_is_stopped_and_retried(
    home, workers, gated, wait_until
):
    run = gated(2)
    workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor"):
        pid = run.wait_for(2)["t0-1"]
        ((token,),) = home.execute("SELECT attempt FROM task_instance WHERE task_id = 't0'")
        config = Config.load(home.environ)
        load_group("celery", config)
        with looking(config) as view:
            view.ask("revoke", ["celery@one"], 5.0, task_id=token, terminate=True)
        run.wait_for(3)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the first try")
        run.open()
        assert run.wait_for_end() == {**first_tries(2), "t0-2": 1}
    assert "Traceback" not in workers.output()


def test_a_worker_that_cannot_claim_takes_nothing_and_says_why(home, workers, gated, wait_until):
    run = gated(3)
    home.environ["AIRFLOW_LITE__DATABASE__SQLITE_SYNCHRONOUS"] = "SOMETIMES"
    workers.start("one", "-c", "2")
    del home.environ["AIRFLOW_LITE__DATABASE__SQLITE_SYNCHRONOUS"]
    fault = "its task host cannot start: [database] sqlite_synchronous is 'SOMETIMES'"
    wait_until(lambda: f"takes no tasks: {fault}" in workers.output(), "the reason in its log")
    with home.scheduler("CeleryExecutor"):
        workers.start("two", "-c", "3")
        run.wait_for(3)
        wait_until(lambda: fault in status_of(home, "celery@one").get("fault", ""), "the fault")
        run.open()
        assert run.wait_for_end() == first_tries(3)


DEAF = """
from kombu.transport import {module}
consume = {module}.Channel.basic_consume
deaf = []

def basic_consume(self, queue, *args, **options):
    if queue == {queue!r} and not deaf:
        deaf.append(queue)
        return None
    return consume(self, queue, *args, **options)

{module}.Channel.basic_consume = basic_consume
"""


def test_a_worker_that_is_given_nothing_connects_anew(
    home, workers, broker, gated, wait_until, tmp_path
):
    module = {"redis": "redis", "rabbitmq": "pyamqp"}[broker.kind]
    (tmp_path / "sitecustomize.py").write_text(DEAF.format(module=module, queue=broker.name))
    run = gated(2)
    run.open()
    workers.start("one", "-c", "2", environ={"PYTHONPATH": str(tmp_path)})
    with home.scheduler("CeleryExecutor"):
        assert run.wait_for_end() == first_tries(2)
    told = "the connection to the broker is lost (2 wait in queue"
    assert workers.output().count(told) == 1
    assert "Traceback" not in workers.output()


def test_a_message_that_comes_again_starts_nothing_twice(home, workers, broker, gated, wait_until):
    from airflow_lite_celery_executor.messages import RunMessage

    run = gated(2)
    workers.start("one", "-c", "2")
    workers.start("two", "-c", "2")
    key = (home.folder / "celery.key").read_bytes().strip()
    with home.scheduler("CeleryExecutor"):
        run.wait_for(2)
        rows = home.execute("SELECT task_id, attempt FROM task_instance")
        with broker.connect() as connection, connection.Producer() as producer:
            for task_id, token in rows * 4:
                task = TaskInstanceKey("gated", task_id, "r", 1, -1, token)
                again = RunMessage(RunCommand(task).words())
                producer.publish(
                    again.body(key),
                    serializer="json",
                    exchange="",
                    routing_key=broker.name,
                    declare=[broker.queue()],
                    headers=again.headers(),
                )
        run.open()
        assert run.wait_for_end() == first_tries(2)
        depth = {row["queue"]: row["waiting"] for row in home.json("celery", "status")}
        assert depth[broker.name] == 0
    assert "Traceback" not in workers.output()


def test_autoscale_runs_as_many_as_there_are(home, workers, gated):
    run = gated(4)
    workers.start("one", "--autoscale", "4,1")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(4)
        run.open()
        assert run.wait_for_end() == first_tries(4)


def test_the_scheduler_is_killed_and_the_next_one_takes_over_under_the_same_tokens(
    home, workers, gated
):
    run = gated(4)
    workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor", expect_exit=None) as first:
        run.wait_for(2)
        first.kill()
    before = home.execute("SELECT DISTINCT attempt FROM task_instance")
    with home.scheduler("CeleryExecutor"):
        run.open()
        assert run.wait_for_end() == first_tries(4)
    assert home.execute("SELECT DISTINCT attempt FROM task_instance") == before


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_broker_that_is_killed_and_started_again_three_times_loses_nothing(
    kind, home, own_servers, own_broker, wait_until
):
    workers = own_broker(kind)
    run = Gated(home, wait_until, 5)
    workers.start("one", "-c", "2")
    with home.scheduler("CeleryExecutor") as running:

        def wait_for_lines(number, of_worker, of_scheduler):
            for output, words in ((workers.output, of_worker), (running.output, of_scheduler)):
                wait_until(lambda: output().count(words) == number, f"{words!r}, {number} times")  # noqa: B023 - called at once

        run.wait_for(2)
        for number in range(1, 4):
            os.kill(own_servers.pid(kind), signal.SIGKILL)
            wait_for_lines(number, "cannot be reached", "cannot be used to hear of")
            own_servers.up(kind)
            wait_for_lines(number, "can be reached", "can be used to hear of")
        run.open()
        assert run.wait_for_end() == first_tries(5)
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output


def test_an_acknowledgement_that_gets_no_answer_costs_no_slot(
    home, own_servers, own_broker, wait_until
):
    workers = own_broker("redis")
    home.environ["AIRFLOW_LITE__CELERY__OPERATION_TIMEOUT"] = "1"
    run = Gated(home, wait_until, 3)
    workers.start("one", "-c", "1")
    with home.scheduler("CeleryExecutor"):
        run.wait_for(1)
        with frozen(own_servers.pid("redis")):
            run.open()
            wait_until(lambda: "Timeout reading from socket" in workers.output(), "the loss")
        assert run.wait_for_end() == first_tries(3)
    assert "Traceback" not in workers.output()


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_without_a_broker_the_scheduler_waits_for_one(
    kind, home, own_servers, own_broker, wait_until
):
    workers = own_broker(kind)
    run = Gated(home, wait_until, 1)
    os.kill(own_servers.pid(kind), signal.SIGKILL)
    with home.scheduler("CeleryExecutor") as running:
        wait_until(lambda: "cannot be used to send tasks" in running.output(), "one line")
        one = workers.start("one", "-c", "1", is_ready=False)
        own_servers.up(kind)
        workers.wait_for(one)
        run.open()
        assert run.wait_for_end() == first_tries(1)
    assert "Traceback" not in running.output()
