"""Tasks that do odd things with streams, logging and descriptors: the log and the outcome stay."""

from __future__ import annotations

import re

import pytest

from airflow_lite.processes.proc import describe_end
from fixtures.hosted import TASK_DECORATOR

HEAD = (
    """
import contextlib, io, logging, logging.config, os, resource, subprocess, sys, threading, time
from datetime import datetime, timedelta
from airflow_lite import (
    DAG, AirflowRescheduleException, AirflowSkipException, BashOperator, PythonOperator,
)
"""
    + TASK_DECORATOR
)

TASKS = (
    HEAD
    + """
kept = sys.stdout
print("begun while the file was imported", end="")

@task()
def closes_what_it_can():
    print("before")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.closerange(3, 4000)
    with open(os.path.join(HOME, "own"), "w") as file:
        print("after")
        file.write("nothing else")
    return [resource.getrlimit(resource.RLIMIT_NOFILE) == limit, os.listdir("/proc/self/fd")]

@task()
def closes_all():
    print("before")
    os.closerange(3, 1 << 20)
    print("after")

@task()
def has_no_descriptor_left():
    os.closerange(0, 1 << 20)

@task()
def answers():
    out, err = sys.stdout, sys.stderr
    out.reconfigure(line_buffering=True, errors="strict")
    out.writelines(["written\\n", "in lines\\n"])
    out.buffer.write(b"bytes\\n")
    out.buffer.write(memoryview(b"a view\\n"))
    out.buffer.flush()
    out.buffer.raw.write(b"unbuffered\\n")
    io.TextIOWrapper(out.buffer, encoding="latin-1", write_through=True).write("wrapped\\n")
    io.TextIOWrapper(out.detach(), encoding="utf-8", line_buffering=True).write("detached\\n")
    out.close()
    with contextlib.redirect_stdout(err): print("redirected")
    with contextlib.redirect_stdout(io.StringIO()) as held: print("held")
    subprocess.run(["echo", "from outside"], stdout=out, stderr=err, check=True)
    refused = []
    for wrong in (lambda: out.write(b"x"), lambda: out.buffer.write("x")):
        try: wrong()
        except TypeError as error: refused.append(str(error))
    print("still there")
    return [
        [out.encoding, out.errors, out.name, err.name, out.mode, out.newlines, out.closed],
        [out.isatty(), out.fileno(), err.fileno(), out.buffer.fileno(), out.buffer.closed],
        [out.line_buffering, out.writable(), out.readable(), out is sys.__stdout__],
        [len(refused), held.getvalue()],
    ]

@task()
def flushes():
    print("waiting for it ...", end="", flush=True)
    for part in range(3): print(f"\\r{part} of 3", end="", flush=True)
    while not os.path.exists(os.path.join(HOME, "gate")): time.sleep(0.02)
    print()

@task()
def prints_with_an_old_stream():
    print("by an old name", file=kept)
    print("without an end", end="", file=kept)

@task()
def prints_in_threads():
    def write(name):
        for number in range(300): print(name, number, "of", 300)
    threads = [threading.Thread(target=write, args=("abc"[n],)) for n in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

@task()
def disables(): logging.disable(logging.CRITICAL); raise ValueError("no luck")

@task()
def forces():
    logging.basicConfig(force=True, level=logging.ERROR, format="mine: %(message)s")
    logging.error("something")
    raise ValueError("no luck")

@task()
def configures():
    logging.config.dictConfig({"version": 1, "root": {"level": "CRITICAL", "handlers": []}})
    raise ValueError("no luck")

class ExitsWhenAsked(Exception):
    def __str__(self): sys.exit("asked")

class InterruptsWhenAsked(AirflowSkipException):
    def __str__(self): raise KeyboardInterrupt

@task()
def fails_rudely(): raise ExitsWhenAsked

@task()
def skips_rudely(): raise InterruptsWhenAsked

@task()
def reschedules_to_nothing():
    error = AirflowRescheduleException(datetime(2024, 1, 1))
    error.reschedule_date = "soon"
    raise error

PythonOperator(task_id="builtin", python_callable=dict, op_kwargs={"a": 1}, dag=dag)
"""
)


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted(TASKS)
    hosted.start()
    return hosted


def lines(hosted, task_id):
    """Return what is in its log, without moment and place."""
    return re.sub(r"(?m)^\[\S+\] \{[^}]+\} ", "", hosted.log(task_id)).splitlines()


def test_a_task_that_closes_descriptors_by_range_is_heard_to_its_end(hosted):
    assert hosted.finish("closes_what_it_can").state == "success"

    same_limit, descriptors = hosted.xcoms("closes_what_it_can")["return_value"]
    assert same_limit
    assert len(descriptors) == 6  # three, our two, and the listing's own
    assert lines(hosted, "closes_what_it_can")[:2] == ["INFO - before", "INFO - after"]
    assert hosted.lines("own") == ["nothing else"]


def test_a_task_that_closes_every_descriptor_is_told_what_it_did(hosted):
    token = hosted.give("closes_all")
    hosted.wait(token)

    cause = "ended without reporting its outcome: its connection to the task host was closed"
    assert (hosted.attempt(token).cause, describe_end(97)) == (cause, cause)
    log = hosted.log("closes_all")
    assert "INFO - after" in log
    assert "Does the task close descriptors that are not its own, as os.closerange" in log


def test_a_task_without_any_descriptor_left_still_ends(hosted):
    token = hosted.give("has_no_descriptor_left")
    hosted.wait(token)

    assert hosted.row("has_no_descriptor_left").state == "failed"
    assert "its connection to the task host was closed" in hosted.log("has_no_descriptor_left")


def test_the_streams_of_a_task_answer_as_files_do(hosted):
    assert hosted.finish("answers").state == "success"

    assert hosted.xcoms("answers")["return_value"] == [
        ["utf-8", "backslashreplace", "<stdout>", "<stderr>", "w", None, False],
        [False, 1, 2, 1, False],
        [True, True, False, True],
        [2, "held\n"],
    ]
    written = lines(hosted, "answers")
    assert written[:7] == [
        "INFO - written",
        "INFO - in lines",
        "bytes",
        "a view",
        "unbuffered",
        "wrapped",
        "detached",
    ]
    assert {"WARNING - redirected", "from outside", "INFO - still there"} <= set(written)
    assert "held" not in written


def test_what_is_flushed_is_seen_at_once_and_a_progress_bar_as_one_line(hosted, wait_until):
    token = hosted.give("flushes")
    wait_until(lambda: "waiting" in hosted.log("flushes"), "the line that was flushed")
    (hosted.home.folder / "gate").touch()
    hosted.wait(token)

    assert "INFO - waiting for it ..." in lines(hosted, "flushes")
    assert sum("of 3" in line for line in hosted.log("flushes").split("\n")) == 1


def test_a_stream_that_the_file_kept_writes_to_the_log_of_each_task(hosted):
    hosted.finish("prints_with_an_old_stream")

    log = hosted.log("prints_with_an_old_stream")
    assert "by an old name" in log  # as bytes: its end may come after a line of the log's own
    assert "without an end" in log
    assert "while the file was imported" not in log


def test_lines_of_several_threads_do_not_mix(hosted):
    hosted.finish("prints_in_threads")

    written = [line for line in lines(hosted, "prints_in_threads") if "of" in line]
    expected = [f"INFO - {name} {number} of 300" for name in "abc" for number in range(300)]
    assert sorted(written) == sorted(expected)


@pytest.mark.parametrize("task_id", ["disables", "forces", "configures"])
def test_our_own_lines_are_logged_whatever_a_task_makes_of_logging(hosted, task_id):
    hosted.finish(task_id)

    log = hosted.log(task_id)
    assert "ValueError: no luck" in log
    assert log.count("INFO - Marking task as FAILED") == 1
    assert ("mine: something" in log) == (task_id == "forces")


def test_a_file_that_disables_logging_keeps_no_output_from_the_log(make_hosted):
    hosted = make_hosted(
        HEAD
        + """
logging.disable(logging.CRITICAL)
BashOperator(task_id="bash", bash_command="echo out", dag=dag)
@task()
def own(): logging.getLogger("mine").error("disabled")
"""
    )
    hosted.start()
    for name in ("bash", "own"):
        assert hosted.finish(name).state == "success"

    assert "INFO - out" in hosted.log("bash")
    assert "Marking task as SUCCESS" in hosted.log("bash")
    assert "disabled" not in hosted.log("own")  # as the file wants it


@pytest.mark.parametrize(
    ("task_id", "state", "cause"),
    [
        ("fails_rudely", "failed", "ExitsWhenAsked: its message cannot be read: SystemExit"),
        ("skips_rudely", "skipped", "its message cannot be read: KeyboardInterrupt"),
    ],
)
def test_an_exception_that_ends_who_reads_it_is_an_outcome_like_any(hosted, task_id, state, cause):
    token = hosted.give(task_id)
    hosted.wait(token)

    assert (hosted.row(task_id).state, hosted.attempt(token).cause) == (state, cause)


def test_a_builtin_without_a_signature_gets_its_own_arguments_only(hosted):
    """Airflow 2.10.5 fails such a task: `ValueError: no signature found for builtin`."""
    hosted.finish("builtin")

    assert hosted.xcoms("builtin") == {"return_value": {"a": 1}}


def test_a_reschedule_to_what_is_no_date_fails_with_the_reason(hosted):
    row = hosted.finish("reschedules_to_nothing")
    assert row.state == "failed"
    assert row.change_cause.startswith("AttributeError: 'str' object has no attribute")
    assert "Traceback" in hosted.log("reschedules_to_nothing")
