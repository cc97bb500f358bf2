"""A real task host with real zygotes and children: how attempts end, and what is recorded."""

from __future__ import annotations

import json

import pytest

from airflow_lite.clock import to_us
from airflow_lite.worker.task.xcom import from_json
from fixtures.hosted import HEAD

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


def test_a_conf_of_60_mb_reaches_its_tasks(make_hosted):
    text = "@task()\ndef measure(dag_run): return len(dag_run.conf['x'])\n"
    hosted = make_hosted(HEAD + text)
    hosted.conf = {"x": "a" * 60_000_000}
    hosted.start()
    hosted.finish("measure")
    assert hosted.xcoms("measure") == {"return_value": 60_000_000}
