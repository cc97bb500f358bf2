"""A real task host with real zygotes and children: how attempts end, and what is recorded."""

from __future__ import annotations

import json
import os

import pytest

from airflow_lite.clock import to_us
from airflow_lite.worker.task.xcom import from_json
from fixtures.hosted import TASK_DECORATOR
from fixtures.waits import wait_until

HEAD = (
    """
import os, random, signal, subprocess, sys, threading, time
from datetime import datetime, timedelta
from airflow_lite import (
    DAG, AirflowFailException, AirflowSkipException, BaseOperator, BashOperator, PokeReturnValue,
    PythonOperator, PythonSensor,
)
"""
    + TASK_DECORATOR
)

ENDS = (
    HEAD
    + """
BashOperator(task_id="bash", bash_command="echo {{ ds }} {{ dag_run.conf.who }}", dag=dag)

@task()
def push(ti):
    ti.xcom_push("own", {"n": 1})
    assert ti.xcom_pull(task_ids="push", key="own") == {"n": 1}
    print("printed")
    return [1, "two"]

class Older(BaseOperator):
    def execute(self, context):
        self.xcom_push(context, key="own", value=context["ti"].next_try_number)
        pulled = self.xcom_pull(context, task_ids=self.task_id, key="own")
        return [pulled, context["ti"].task_display_name, context["dag"].schedule_interval]

Older(task_id="older", dag=dag)

@task(retries=1, retry_delay=timedelta(seconds=100))
def fails(): raise ValueError("no luck")

@task()
def names_a_file(): raise FileNotFoundError("there is no " + os.fsdecode(bytes([255])))

@task()
def returns_a_name(): return os.fsdecode(bytes([255]))

@task(retries=5)
def fails_for_good(): raise AirflowFailException("never")

@task()
def skips(): raise AirflowSkipException("not today")

class MuteSkip(AirflowSkipException):
    def __str__(self): raise ValueError("mute")

@task()
def skips_mutely(): raise MuteSkip

@task()
def skips_a_file(): raise AirflowSkipException("no\\0 " + os.fsdecode(bytes([255])))

@task()
def reschedules_for_a_day():
    from airflow_lite.errors import AirflowRescheduleException
    raise AirflowRescheduleException(datetime(2024, 1, 1).date())

@task()
def fills_the_disk():
    import resource

    print("written")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    print("lost")

@task()
def exits_well(): sys.exit(0)

@task()
def exits(): sys.exit("bad")

@task()
def forks_one_that_returns():
    pid = os.fork()
    if pid == 0: return "child"
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

@task()
def forks_one_that_raises():
    pid = os.fork()
    if pid == 0: raise ValueError("said by the forked one")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

@task()
def forks_one_that_exits():
    pid = os.fork()
    if pid == 0: sys.exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

class ForksBefore(BaseOperator):
    def pre_execute(self, context): self.pid = os.fork()
    def execute(self, context):
        if self.pid == 0: raise ValueError("said by the forked one")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
    def post_execute(self, context, result=None): os.fork()

ForksBefore(task_id="forks_around", dag=dag)

@task()
def leaves(): os._exit(0)

@task()
def leaves_with_3(): os._exit(3)

@task(retries=1, on_retry_callback=lambda context: note("callbacks", "retry"))
def interrupts_itself(): raise KeyboardInterrupt

class Mute(Exception):
    def __str__(self): raise ValueError("mute")

@task()
def cannot_tell(): raise Mute

@task()
def kills_itself(): os.kill(os.getpid(), signal.SIGKILL)

@task(execution_timeout=timedelta(seconds=0.3))
def too_slow(): time.sleep(60)

@task()
def too_large(): return "x" * 2000

@task()
def not_json(): return b"12"

@task()
def dirty_output():
    os.write(1, b"raw \\xff\\xfe bytes\\n")
    subprocess.run(["sh", "-c", "echo from a subprocess"], check=True)

@task()
def process():
    return [os.getpid(), os.getpgrp(), os.getsid(0), os.readlink("/proc/self/fd/0")]

def notes_end(name):
    return lambda context: note("callbacks", f"{name} {context['ti'].state}")

@task(on_success_callback=notes_end("success"))
def calls_back(): pass

@task(on_skipped_callback=notes_end("skipped"), on_success_callback=notes_end("success"))
def calls_back_skipped(): raise AirflowSkipException("not today")

@task(on_failure_callback=lambda context: note("callbacks", f"failure {context['exception']}"))
def calls_back_failed(): raise ValueError("told")

@task(on_success_callback=lambda context: time.sleep(60))
def calls_back_for_ever(): pass

def has_ended(context):
    ti = context["ti"]
    note("callbacks", f"{ti.current_state()} {ti.duration >= 0} {ti.end_date >= ti.start_date}")

@task(on_success_callback=has_ended)
def looks_around(dag_run):
    other = dag_run.get_task_instance("push")
    ended = [row.task_id for row in dag_run.get_task_instances(state="success")]
    running = [row.task_id for row in dag_run.get_task_instances(state=["running", "queued"])]
    return [other.state, other.try_number, other.duration >= 0, ended, running]

def look(ti):
    note("looks", ti.try_number)
    with open(os.path.join(HOME, "looks")) as file:
        looks = file.read().split()
    if looks == ["1", "1"]: raise ValueError("no answer")
    return PokeReturnValue(len(looks) > 2, ti.waiting_since)

PythonSensor(
    task_id="flaky_sensor", python_callable=look, mode="reschedule", poke_interval=5, retries=1,
    dag=dag,
)
PythonSensor(
    task_id="sensor", python_callable=lambda: False, mode="reschedule", poke_interval=5, dag=dag
)
"""
)


@pytest.fixture
def ended(make_hosted):
    """Run one task of ENDS to its end."""
    hosted = make_hosted(
        ENDS,
        AIRFLOW_LITE__CORE__MAX_XCOM_SIZE="1000",
        AIRFLOW_LITE__SCHEDULER__CALLBACK_TIMEOUT_S="2",
    )
    hosted.start()
    return hosted


def test_a_success_is_recorded_with_its_log_xcom_fields_and_process(ended):
    tokens = {name: ended.give(name) for name in ("bash", "push", "process")}
    ended.wait(*tokens.values())

    assert [ended.row(name).state for name in tokens] == ["success"] * 3
    assert ended.xcoms("bash") == {"return_value": "2023-11-14 you"}
    assert ended.xcoms("push") == {"own": {"n": 1}, "return_value": [1, "two"]}
    assert "INFO - printed" in ended.log("push")
    attempt = ended.attempt(tokens["bash"])
    assert (attempt.outcome, attempt.accepted, attempt.exit_code) == ("success", True, 0)
    assert attempt.max_rss_kb > 0
    pid, group, session, stdin = ended.xcoms("process")["return_value"]
    assert (group, session, stdin) == (pid, pid, "/dev/null")
    from airflow_lite.store import attempts

    with ended.store.read() as connection:
        fields = attempts.rendered(connection, ended.row("bash").id)
    assert fields
    assert fields["bash_command"] == "echo 2023-11-14 you"


@pytest.mark.parametrize(
    ("task_id", "state", "cause"),
    [
        ("fails", "up_for_retry", "ValueError: no luck"),
        ("fails_for_good", "failed", "AirflowFailException: never"),
        ("skips", "skipped", "not today"),
        ("skips_mutely", "skipped", "its message cannot be read: ValueError"),
        ("skips_a_file", "skipped", "no\\x00 \\udcff"),
        (
            "reschedules_for_a_day",
            "failed",
            "TypeError: AirflowRescheduleException takes a datetime, not a date.",
        ),
        ("exits_well", "success", None),
        ("exits", "failed", "SystemExit: bad"),
        ("interrupts_itself", "up_for_retry", "KeyboardInterrupt"),
        ("cannot_tell", "failed", "Mute: its message cannot be read: ValueError"),
        ("leaves", "failed", "ended without reporting its outcome, exit code 0"),
        ("leaves_with_3", "failed", "ended without reporting its outcome, exit code 3"),
        (
            "kills_itself",
            "failed",
            "killed by signal 9 (SIGKILL); the system may have been out of memory",
        ),
        (
            "too_slow",
            "failed",
            "AirflowTaskTimeout: The task ran longer than its execution_timeout of 0.3 s.",
        ),
        (
            "too_large",
            "failed",
            "XComSizeError: XCom 'return_value' has 2002 bytes as JSON; [core] max_xcom_size is"
            " 1000. Store the data elsewhere and push its address.",
        ),
        (
            "not_json",
            "failed",
            "XComTypeError: XCom 'return_value' of type bytes cannot be written as JSON: a bytes"
            " is not JSON. Return strings, numbers, dates, lists, sets or dicts.",
        ),
        ("calls_back_for_ever", "success", None),
        (
            "nowhere",
            "failed",
            "There is no task 'nowhere' of DAG 'hosted' in {path}.",
        ),
    ],
)
def test_each_end_of_a_process_has_its_state_and_cause(ended, task_id, state, cause):
    token = ended.give(task_id)
    ended.wait(token)

    row, attempt = ended.row(task_id), ended.attempt(token)
    assert row.state == state
    assert attempt.cause == (cause and cause.replace("{path}", str(ended.path)))
    assert (row.next_at_us is not None) == (state == "up_for_retry")


def test_the_log_of_a_process_that_vanished_says_so_and_no_other_log_does(ended):
    names = ["leaves", "leaves_with_3", "kills_itself", "push", "process"]
    ended.wait(*[ended.give(name) for name in names])

    told = {name: ended.log(name).count("The task's process: ") for name in names}
    assert told == {"leaves": 1, "leaves_with_3": 1, "kills_itself": 1, "push": 0, "process": 0}


def test_a_log_that_cannot_be_written_fails_no_task_and_is_told_in_the_cause(ended):
    token = ended.give("fills_the_disk")
    ended.wait(token)

    assert ended.row("fills_the_disk").state == "success"
    assert ended.attempt(token).cause == "its log is cut: File too large"
    assert "lost" not in ended.log("fills_the_disk")


def test_half_a_character_as_in_odd_file_names_keeps_no_outcome_from_being_recorded(ended):
    tokens = [ended.give("names_a_file"), ended.give("returns_a_name")]
    ended.wait(*tokens)

    assert ended.row("names_a_file").state == "failed"
    assert ended.attempt(tokens[0]).cause == "FileNotFoundError: there is no \\udcff"
    assert ended.row("returns_a_name").state == "success"
    assert ended.xcoms("returns_a_name") == {"return_value": "\udcff"}


@pytest.mark.parametrize(
    ("task_id", "code"),
    [
        ("forks_one_that_returns", 0),
        ("forks_one_that_raises", 1),
        ("forks_one_that_exits", 3),
        ("forks_around", 1),
    ],
)
def test_a_process_that_a_task_forked_never_reports_in_its_place(ended, task_id, code):
    ended.wait(ended.give(task_id))

    assert ended.row(task_id).state == "success"
    assert ended.xcoms(task_id) == {"return_value": code}
    log = ended.log(task_id)
    assert log.count("Marking task as") == 1
    assert ("said by the forked one" in log) == (code == 1)


def test_a_file_that_configures_logging_hides_no_failure(make_hosted):
    hosted = make_hosted(
        HEAD
        + """
import logging.config
logging.config.dictConfig({"version": 1})

@task()
def fails(): raise ValueError("no luck")
"""
    )
    hosted.start()
    hosted.wait(hosted.give("fails"))

    assert "ValueError: no luck" in hosted.log("fails")
    assert "Marking task as FAILED" in hosted.log("fails")


def test_an_interrupt_that_a_task_raises_is_a_failure_with_its_callback(ended):
    ended.wait(ended.give("interrupts_itself"))

    assert ended.lines("callbacks") == ["retry"]


def test_a_rescheduled_sensor_keeps_the_start_of_its_try(ended):
    row = ended.finish("sensor")
    again = ended.finish("sensor", new_try=False)

    assert row.state == again.state == "up_for_reschedule"
    assert again.try_started_us == row.try_started_us < again.start_us
    assert again.next_at_us > again.end_us


def test_a_retry_of_a_rescheduled_sensor_does_not_begin_its_timeout_anew(ended):
    first = ended.finish("flaky_sensor")
    failed = ended.finish("flaky_sensor", new_try=False)
    again = ended.finish("flaky_sensor", 2)

    assert [first.state, failed.state, again.state] == [
        "up_for_reschedule",
        "up_for_retry",
        "success",
    ]
    since = from_json(json.dumps(ended.xcoms("flaky_sensor")["return_value"]))
    assert to_us(since) == first.try_started_us < again.try_started_us


def test_callbacks_run_in_the_child_after_the_outcome(ended):
    ended.wait(ended.give("calls_back"))
    ended.wait(ended.give("calls_back_failed"))

    assert ended.lines("callbacks") == ["success success", "failure told"]


def test_a_skip_calls_the_callback_of_success_after_its_own_as_airflow_does(ended):
    ended.wait(ended.give("calls_back_skipped"))

    assert ended.lines("callbacks") == ["skipped skipped", "success skipped"]


def test_operators_written_with_older_names_run(ended):
    ended.finish("older")

    assert ended.xcoms("older") == {"own": 2, "return_value": [2, "older", None]}


def test_a_task_sees_the_others_of_its_run_and_its_callbacks_see_it_ended(ended):
    ended.finish("push")
    ended.finish("looks_around")

    seen = ["success", 1, True, ["push"], ["looks_around"]]
    assert ended.xcoms("looks_around") == {"return_value": seen}
    assert ended.lines("callbacks") == ["success True True"]


def test_a_new_try_begins_without_the_xcoms_of_the_last(ended):
    ended.finish("push")
    ended.mark("push", None)
    from airflow_lite.store import schema

    with ended.store.begin() as connection:
        own = schema.xcom.c.key == "own"
        connection.execute(schema.xcom.update().where(own).values(key="stale"))
    ended.finish("push", 2)

    assert sorted(ended.xcoms("push")) == ["own", "return_value"]


def test_output_of_subprocesses_reaches_the_log_whatever_its_bytes(ended):
    ended.finish("dirty_output")

    log = ended.log("dirty_output")
    assert "raw \ufffd\ufffd bytes" in log
    assert "from a subprocess" in log


def test_an_attempt_that_is_not_queued_under_its_token_is_never_run(ended):
    token = ended.queue("push")
    other = "0" * 32
    ended.host.run(ended.command("push", other).words())
    ended.wait(other)

    assert ended.ended[other] is False
    assert ended.row("push").state == "queued"
    assert ended.row("push").attempt == token


def test_a_command_that_comes_twice_is_run_once(ended):
    token = ended.give("calls_back")
    ended.host.run(ended.command("calls_back", token).words())
    ended.wait(token)
    ended.wait(ended.give("push"))

    assert ended.lines("callbacks") == ["success success"]


def test_a_file_that_cannot_be_imported_fails_the_attempt_with_the_error_in_its_log(make_hosted):
    hosted = make_hosted("import no_such_module_anywhere")
    hosted.start()
    row = hosted.finish("any")

    assert row.state == "up_for_retry"
    assert "there is no module 'no_such_module_anywhere'" in hosted.log("any")


def test_a_file_that_ends_its_process_fails_the_attempt_and_not_the_host(make_hosted):
    hosted = make_hosted("import os; os._exit(7)  # airflow dag")
    hosted.start()
    row = hosted.finish("any")

    assert row.state == "up_for_retry"
    assert "its import ended without reporting its outcome, exit code 7" in hosted.log("any")


def test_an_edited_file_is_parsed_again_before_the_next_attempt(make_hosted, wait_until):
    text = HEAD + "@task()\ndef version(): return 1\n"
    hosted = make_hosted(text)
    hosted.start()
    hosted.finish("version")
    first = hosted.xcoms("version")
    hosted.path.write_text(text.replace("return 1", "return 22"))
    hosted.finish("version", 2)

    assert (first, hosted.xcoms("version")) == ({"return_value": 1}, {"return_value": 22})


def test_an_edited_module_of_the_dag_folder_counts_as_an_edit(make_hosted):
    hosted = make_hosted(HEAD + "import helper\n@task()\ndef version(): return helper.N\n")
    (hosted.home.dags / "helper.py").write_text("N = 1\n")
    hosted.start()
    hosted.finish("version")
    (hosted.home.dags / "helper.py").write_text("N = 333\n")
    hosted.finish("version", 2)

    assert hosted.xcoms("version") == {"return_value": 333}


def test_a_file_that_starts_threads_is_never_forked_from(make_hosted):
    text = HEAD + (
        "threading.Thread(target=time.sleep, args=(3600,), daemon=True, name='ticker').start()\n"
        "@task()\ndef count(): return [t.name for t in threading.enumerate()]\n"
    )
    hosted = make_hosted(text)
    hosted.start()
    hosted.finish("count")

    assert "ticker" in hosted.xcoms("count")["return_value"]  # alive: its process was not forked
    assert hosted.log("count").count("starts threads when it is imported (ticker)") == 1


def test_a_file_that_is_left_open_is_each_attempts_own(make_hosted):
    text = HEAD + (
        "LINES = open(__file__ + '.txt')\n"
        "ENDS = socket.socketpair()\n"
        "QUIET = open('/dev/null')\n"
        "@task()\ndef first(): return LINES.readline()\n"
    )
    hosted = make_hosted(text.replace("import os,", "import os, socket,", 1))
    hosted.path.with_name(hosted.path.name + ".txt").write_text("one\ntwo\nthree\n")
    hosted.start()
    hosted.finish("first")
    read = [hosted.xcoms("first")]
    hosted.finish("first", 2)

    assert [*read, hosted.xcoms("first")] == [{"return_value": "one\n"}] * 2
    notice = f"leaves files or sockets open when it is imported ({hosted.path}.txt, socket, socket)"
    assert hosted.log("first").count(notice) == 1


GENERATORS = """
OWN, SEEDED = random.Random(), random.Random(7)
@task()
def draw(): return [OWN.random(), SEEDED.random()]
"""


def test_generators_of_a_file_differ_between_attempts_but_for_those_that_it_seeds(make_hosted):
    hosted = make_hosted(HEAD + GENERATORS)
    hosted.start()
    hosted.finish("draw")
    own, seeded = hosted.xcoms("draw")["return_value"]
    hosted.finish("draw", 2)
    other, again = hosted.xcoms("draw")["return_value"]

    assert own != other
    assert seeded == again == 0.32383276483316237  # what Random(7) gives at first


def test_random_numbers_differ_between_attempts(make_hosted):
    hosted = make_hosted(HEAD + "@task()\ndef draw(): return random.random()\n")
    hosted.start()
    hosted.finish("draw")
    first = hosted.xcoms("draw")
    hosted.finish("draw", 2)

    assert hosted.xcoms("draw") != first


def test_a_log_stops_at_its_limit_and_the_task_goes_on(make_hosted):
    text = HEAD + (
        "@task()\ndef loud():\n"
        "    subprocess.run(['sh', '-c', 'head -c 5000000 /dev/zero'], check=True)\n"
        "    for _ in range(50000): print('x' * 100)\n"
        "    return 'done'\n"
    )
    hosted = make_hosted(text, AIRFLOW_LITE__LOGGING__MAX_TASK_LOG_SIZE_MB="1")
    hosted.start()
    row = hosted.finish("loud")

    log = next((hosted.home.folder / "logs").rglob("*.log"))
    assert row.state == "success"
    assert 1 << 20 <= log.stat().st_size < (1 << 20) + 1000
    assert b"max_task_log_size_mb (1 MB); the rest is dropped" in log.read_bytes()


SLEEPS = HEAD + (
    "BashOperator(task_id='sleeps', bash_command='sleep 1000 & sleep 1000', dag=dag)\n"
    "@task()\ndef stubborn():\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    note('started', 'x')\n"
    "    time.sleep(1000)\n"
    "@task()\ndef held():\n"
    "    while not os.path.exists(os.path.join(HOME, 'gate')): time.sleep(0.02)\n"
)


@pytest.fixture
def sleeping(make_hosted):
    hosted = make_hosted(
        SLEEPS,
        AIRFLOW_LITE__CORE__KILLED_TASK_CLEANUP_TIME="0.5",
        AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S="0.2",
    )
    hosted.start()
    return hosted


def _running(hosted, token, wait_until):
    return wait_until(
        lambda: hosted.attempt(token).pid and hosted.attempt(token), "the attempt's process"
    )


def _no_commands(hosted, wait_until):
    def none():
        commands = {pid: _command(pid) for pid in hosted.processes()}
        return not [pid for pid, words in commands.items() if b"sleep" in words]

    wait_until(none, "the end of every sleep")


def _command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_cancelled_attempt_ends_with_all_that_it_started(sleeping, wait_until):
    token = sleeping.give("sleeps")
    attempt = _running(sleeping, token, wait_until)
    assert (attempt.process_group, attempt.process_start is not None) == (attempt.pid, True)
    sleeping.host.cancel(token)
    sleeping.wait(token)

    assert sleeping.row("sleeps").state == "failed"
    assert "Marking task as FAILED (AirflowTaskTerminated: " in sleeping.log("sleeps")
    _no_commands(sleeping, wait_until)


def test_a_task_that_ignores_sigterm_is_killed_after_the_grace(sleeping, wait_until):
    token = sleeping.give("stubborn")
    wait_until(lambda: sleeping.lines("started"), "the task to ignore SIGTERM")
    wait_until(lambda: sleeping.attempt(token).pid, "the attempt's process")
    sleeping.host.cancel(token)
    sleeping.wait(token)

    assert sleeping.attempt(token).cause == "revoked; killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    ("edit", "left"), [("restarting", None), ("success", "success"), ("failed", "failed")]
)
def test_a_row_edited_while_it_runs_stops_the_attempt_by_the_next_beat(
    sleeping, wait_until, edit, left
):
    token = sleeping.give("sleeps")
    _running(sleeping, token, wait_until)
    sleeping.mark("sleeps", edit)
    sleeping.wait(token)

    assert sleeping.row("sleeps").state == left
    assert sleeping.attempt(token).ended_us is not None
    assert sleeping.attempt(token).accepted == (left is None)
    log = sleeping.log("sleeps")
    assert f"Leaving task as {edit.upper()}: it was made so while it ran. dag_id=" in log
    assert "Marking task as" not in log
    assert log.count("Sending SIGTERM signal to process group") == 1


def test_a_detached_host_finishes_what_runs_records_it_and_ends(sleeping, wait_until):
    token = sleeping.give("held")
    wait_until(lambda: sleeping.row("held").state == "running", "the task to run")
    sleeping.host.detach()
    (sleeping.home.folder / "gate").touch()
    assert sleeping.host.wait(60)

    wait_until(lambda: sleeping.row("held").state == "success", "the outcome")
    wait_until(lambda: not sleeping.processes(), "the host's end")
    assert sleeping.attempt(token).accepted
    assert [one.end_cause for one in sleeping.supervisors()] == ["ended"]


def test_an_idle_host_ends_and_the_next_attempt_starts_another(make_hosted, wait_until):
    hosted = make_hosted(HEAD + "@task()\ndef fine(): pass\n")
    hosted.start(idle_s=0.2)
    first = hosted.host.pid
    wait_until(lambda: hosted.host.pid is None, "the idle host's end")
    wait_until(lambda: not hosted.processes(), "the end of its processes")

    assert hosted.finish("fine").state == "success"
    assert hosted.host.pid not in {None, first}
    assert {one.end_cause for one in hosted.supervisors()} <= {"ended", None}


def test_an_attempt_that_comes_while_an_idle_host_ends_is_run_once(make_hosted):
    hosted = make_hosted(HEAD + "@task()\ndef fine(): note('ran', 'x')\n")
    hosted.start(idle_s=0.001)
    for number in range(1, 7):
        assert hosted.finish("fine", number).state == "success"
    hosted.host.drain()
    assert hosted.host.wait(30)
    assert (hosted.home.folder / "ran").read_text() == "x\n" * 6


def test_a_draining_host_gives_back_what_it_has_not_claimed(sleeping, wait_until):
    running = sleeping.give("held")
    wait_until(lambda: sleeping.row("held").state == "running", "the task to run")
    sleeping.host.drain()
    late = sleeping.give("sleeps")
    sleeping.wait(late)
    (sleeping.home.folder / "gate").touch()
    sleeping.wait(running)

    assert sleeping.row("sleeps").state == "queued"
    assert sleeping.row("held").state == "success"


def test_beats_are_written_while_something_runs(sleeping, wait_until):
    token = sleeping.give("sleeps")
    wait_until(lambda: [one for one in sleeping.supervisors() if one.beat_count >= 3], "beats")
    sleeping.host.cancel(token, 0.0)
    sleeping.wait(token)


def test_tasks_run_in_the_foreground_exits_by_what_was_recorded(make_hosted, wait_until):
    hosted = make_hosted(HEAD + "@task()\ndef fine(): return os.getpid()\n")
    token = hosted.queue("fine")
    words = hosted.command("fine", token).words()[1:]

    hosted.home.run(*words, exit_code=0)
    hosted.home.run(*words, exit_code=3)
    assert hosted.row("fine").state == "success"
    wait_until(lambda: not hosted.processes(), "the end of every process")
    assert os.getpid() != hosted.xcoms("fine")["return_value"]


@pytest.mark.parametrize("cut", ["a syntax error in a module", "an error", "no such task yet"])
def test_a_file_that_is_being_written_is_looked_at_again(make_hosted, cut):
    whole = HEAD + "note('imports', 'x')\nimport helper\n@task()\ndef fine(): return helper.N\n"
    module, text = {
        "a syntax error in a module": ("N = (", whole),
        "an error": ("N = 1", whole.replace("@task", "raise NameError\n@task")),
        "no such task yet": ("N = 1", whole[: whole.index("@task")]),
    }[cut]
    hosted = make_hosted(whole)
    imports = hosted.home.folder / "imports"
    hosted.start()
    (hosted.path.parent / "helper.py").write_text(module)
    hosted.path.write_text(text)
    token = hosted.give("fine")

    def is_imported():
        hosted.path.touch()  # as who goes on to write it
        return imports.exists()

    wait_until(is_imported, "the first look at the file")
    (hosted.path.parent / "helper.py").write_text("N = 1")
    hosted.path.write_text(whole)
    hosted.wait(token)
    assert (hosted.row("fine").state, hosted.xcoms("fine")) == ("success", {"return_value": 1})


def test_a_file_that_stays_broken_fails_its_tasks(make_hosted):
    hosted = make_hosted(HEAD + "raise NameError\n")
    hosted.start()
    row = hosted.finish("fine")
    assert row.state in {"failed", "up_for_retry"}
    assert "NameError" in hosted.log("fine")


def test_a_conf_of_60_mb_reaches_its_tasks(make_hosted):
    text = "@task()\ndef measure(dag_run): return len(dag_run.conf['x'])\n"
    hosted = make_hosted(HEAD + text)
    hosted.conf = {"x": "a" * 60_000_000}
    hosted.start()
    hosted.finish("measure")
    assert hosted.xcoms("measure") == {"return_value": 60_000_000}
