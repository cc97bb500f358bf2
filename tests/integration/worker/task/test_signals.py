"""Tasks and DAG files that do odd things with signals and processes: nobody else pays for it."""

from __future__ import annotations

import pytest

from fixtures.hosted import TASK_DECORATOR

HEAD = (
    """
import multiprocessing, os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from airflow_lite import DAG, BaseOperator, PythonOperator
"""
    + TASK_DECORATOR
    + """
def wait_for(name):
    while not os.path.exists(os.path.join(HOME, name)): time.sleep(0.02)
"""
)

TASKS = (
    HEAD
    + """
@task()
def sibling():
    note("sibling", os.getpid())
    wait_for("gate")

@task()
def signals_its_parents():
    parent = os.getppid()
    with open(f"/proc/{parent}/stat") as file:
        grandparent = int(file.read().rpartition(")")[2].split()[1])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM):
        os.kill(parent, number)
        os.kill(grandparent, number)

@task()
def looks_at_signals():
    return [signal.getsignal(signal.SIGINT) is signal.default_int_handler,
            signal.getsignal(signal.SIGHUP) == signal.SIG_DFL,
            sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))]

@task(execution_timeout=timedelta(seconds=0.5))
def takes_sigterm():
    signal.signal(signal.SIGTERM, lambda *_: note("sigterm", "taken"))
    while True: time.sleep(0.1)

@task(execution_timeout=timedelta(seconds=0.5))
def takes_sigalrm():
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True: time.sleep(0.1)

@task(execution_timeout=timedelta(seconds=0.5))
def takes_both():
    for number in (signal.SIGTERM, signal.SIGALRM): signal.signal(number, signal.SIG_IGN)
    while True: time.sleep(0.1)

@task(execution_timeout=timedelta(seconds=0.5))
def stops_itself():
    os.kill(os.getpid(), signal.SIGSTOP)

@task(execution_timeout=timedelta(seconds=0.5))
def makes_the_best_of_it():
    try:
        time.sleep(3600)
    except BaseException as error:
        return type(error).__name__

@task(execution_timeout=timedelta(microseconds=1))
def is_late_at_once():
    time.sleep(3600)

class BadOnKill(BaseOperator):
    def execute(self, context): time.sleep(3600)
    def on_kill(self): sys.exit("cannot be killed")

BadOnKill(task_id="bad_on_kill", dag=dag, execution_timeout=timedelta(seconds=0.5))

@task()
def terminates_its_pool():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(abs, [-1, -2])
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,))
    process.start()
    process.terminate()
    process.join()
    return [*found, process.exitcode]

def exits(context): sys.exit("enough")
def interrupts(context): raise KeyboardInterrupt
def follows(context): note("callbacks", context["ti"].task_id)

PythonOperator(
    task_id="succeeds", python_callable=list, dag=dag, on_success_callback=[exits, follows]
)
PythonOperator(
    task_id="fails", python_callable=lambda: 1 / 0, dag=dag,
    on_failure_callback=[interrupts, follows],
)
PythonOperator(
    task_id="exits_before", python_callable=list, dag=dag, on_execute_callback=exits
)
"""
)

OVERRAN = "AirflowTaskTimeout: The task ran longer than its execution_timeout of 0.5 s."


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted(TASKS, AIRFLOW_LITE__CORE__KILLED_TASK_CLEANUP_TIME="0.5")
    hosted.start()
    return hosted


def test_a_task_that_signals_its_parents_harms_no_sibling(hosted, wait_until):
    sibling = hosted.give("sibling")
    wait_until(lambda: hosted.lines("sibling"), "the sibling to run")
    before = set(hosted.processes())
    for number in range(1, 4):
        assert hosted.finish("signals_its_parents", number).state == "success"
    (hosted.home.folder / "gate").touch()
    hosted.wait(sibling)

    assert hosted.row("sibling").state == "success"
    assert len(before & set(hosted.processes())) >= 3  # the host and both zygotes are the same


def test_a_task_gets_its_signals_as_any_program_does(hosted):
    hosted.finish("looks_at_signals")

    assert hosted.xcoms("looks_at_signals") == {"return_value": [True, True, []]}


@pytest.mark.parametrize(
    ("task_id", "cause"),
    [
        ("takes_sigterm", OVERRAN),
        ("takes_sigalrm", OVERRAN),
        ("bad_on_kill", OVERRAN),
        ("is_late_at_once", OVERRAN.replace("0.5", "1e-06")),
        (
            "takes_both",
            "it ran longer than its execution_timeout of 0.5 s; killed by signal 9 (SIGKILL)",
        ),
        (
            "stops_itself",
            "it ran longer than its execution_timeout of 0.5 s; killed by signal 9 (SIGKILL)",
        ),
    ],
)
def test_a_time_limit_ends_a_task_whatever_it_does_with_signals(hosted, task_id, cause):
    token = hosted.give(task_id)
    hosted.wait(token)

    assert (hosted.row(task_id).state, hosted.attempt(token).cause) == ("failed", cause)
    assert "SUCCESS" not in hosted.log(task_id)


def test_the_alarm_of_the_limit_comes_before_any_sigterm(hosted):
    hosted.finish("takes_sigterm")

    assert hosted.lines("sigterm") == []


def test_a_task_may_catch_its_time_limit_and_return_what_it_has(hosted):
    """Airflow 2.10.5 records a success, too."""
    assert hosted.finish("makes_the_best_of_it").state == "success"
    assert hosted.xcoms("makes_the_best_of_it") == {"return_value": "AirflowTaskTimeout"}


def test_an_on_kill_that_raises_is_told_in_the_log(hosted):
    hosted.finish("bad_on_kill")

    log = hosted.log("bad_on_kill")
    assert "ERROR - on_kill of 'bad_on_kill' raised" in log
    assert "SystemExit: cannot be killed" in log


def test_sigterm_ends_the_processes_of_a_task_as_it_ends_any(hosted):
    assert hosted.finish("terminates_its_pool").state == "success"

    assert hosted.xcoms("terminates_its_pool") == {"return_value": [1, 2, -15]}
    assert "Received SIGTERM" not in hosted.log("terminates_its_pool")


@pytest.mark.parametrize(
    ("task_id", "state", "told"),
    [
        ("succeeds", "success", "on_success_callback 'exits' raised"),
        ("fails", "failed", "on_failure_callback 'interrupts' raised"),
    ],
)
def test_a_callback_that_exits_is_told_and_the_next_one_called(hosted, task_id, state, told):
    token = hosted.give(task_id)
    hosted.wait(token)

    assert (hosted.row(task_id).state, hosted.attempt(token).exit_code) == (state, 0)
    assert hosted.lines("callbacks") == [task_id]
    assert told in hosted.log(task_id)
    assert "The attempt could not be run" not in hosted.log(task_id)


def test_an_exit_before_the_task_fails_it(hosted):
    """Airflow 2.10.5 lets only exceptions of `on_execute_callback` pass."""
    token = hosted.give("exits_before")
    hosted.wait(token)

    assert hosted.attempt(token).cause == "SystemExit: enough"


def test_a_file_that_changes_signals_is_served_as_any(make_hosted, wait_until):
    """An event loop at the top level of a file leaves no wakeup fd behind, for one."""
    hosted = make_hosted(
        HEAD
        + """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.set_wakeup_fd(-1)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM})

@task()
def vanishes(): os._exit(7)

@task(execution_timeout=timedelta(seconds=0.5))
def overruns(): time.sleep(3600)
"""
    )
    hosted.start()
    token = hosted.give("vanishes")
    hosted.wait(token)

    assert hosted.attempt(token).cause == "ended without reporting its outcome, exit code 7"
    token = hosted.give("overruns")
    hosted.wait(token)
    assert hosted.attempt(token).cause == OVERRAN


def test_an_attempt_that_no_process_can_be_made_for_waits_alone(make_hosted, wait_until):
    hosted = make_hosted(
        HEAD
        + """
fork = os.fork

def fork_if_there_is_room():
    if os.path.exists(os.path.join(HOME, "full")): raise BlockingIOError(11, "no process more")
    return fork()

os.fork = fork_if_there_is_room

@task()
def held(): wait_for("gate")

for name in ("late", "later"):
    PythonOperator(task_id=name, python_callable=list, dag=dag)
"""
    )
    hosted.start()
    held = hosted.give("held")
    wait_until(lambda: hosted.attempt(held).pid, "the first to run")
    (hosted.home.folder / "full").touch()
    tokens = [hosted.give("late"), hosted.give("later")]
    (hosted.home.folder / "gate").touch()
    hosted.wait(held)
    assert hosted.row("held").state == "success"

    (hosted.home.folder / "full").unlink()
    hosted.wait(*tokens)
    assert [hosted.row(name).state for name in ("late", "later")] == ["success", "success"]
