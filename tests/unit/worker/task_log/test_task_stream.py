"""`sys.stdout` of a task: whole lines, by thread, and what else a text file can."""

from __future__ import annotations

import io
import os
import re
import threading

import pytest

from airflow_lite.worker.task_log.file import LogFile
from airflow_lite.worker.task_log.streams import TaskStream
from fixtures.waits import DEADLINE_S

_LINE = re.compile(r"\[\S+\] (\{[^}]*\}) (\w+) - (.*)")


@pytest.fixture
def log(tmp_path):
    """The log's path and file."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield path, LogFile(fd, 10_000_000)
    os.close(fd)


@pytest.fixture
def stream(log):
    """A stream into the log; it writes what was begun before the log's descriptor is closed."""
    made = TaskStream(log[1], 1, "INFO")
    yield made
    made.close()


@pytest.fixture
def lines(log):
    """Return the (place, level, text) of what was logged."""
    return lambda: [
        match.groups()
        for line in log[0].read_text().splitlines()
        if (match := _LINE.fullmatch(line)) or pytest.fail(f"no line of a log: {line!r}")
    ]


def texts(lines):
    return [text for _, _, text in lines()]


def test_a_line_is_written_once_it_is_whole(stream, lines):
    stream.write("be")
    stream.write("gun")
    assert lines() == []

    stream.write(" and ended\nnext")
    assert texts(lines) == ["begun and ended"]


def test_each_line_has_its_level_and_the_place_of_the_code_that_wrote_it(log, lines):
    print("odd", file=TaskStream(log[1], 2, "WARNING"))

    ((place, level, text),) = lines()
    assert re.fullmatch(r"\{test_task_stream\.py:\d+\}", place)
    assert (level, text) == ("WARNING", "odd")


def test_a_flush_ends_a_line_but_for_a_progress_bar(stream, lines):
    stream.write("Password: ")
    stream.flush()
    assert texts(lines) == ["Password: "]

    stream.write("\r10 %")
    stream.flush()
    stream.write("\r20 %")
    stream.flush()
    assert texts(lines) == ["Password: "]


def test_a_line_without_an_end_is_written_before_it_fills_the_memory(stream, lines):
    stream.write("x" * 70_000)

    assert [len(text) for text in texts(lines)] == [70_000]


def test_what_was_begun_is_written_at_the_end_under_the_name_of_the_stream(stream, lines):
    stream.write("no end")
    stream.finish()

    assert lines() == [("{stdout}", "INFO", "no end")]


def test_threads_do_not_write_into_the_lines_of_others(stream, lines):
    """Given threads that write their lines in pieces at once, each line is of one of them."""
    start = threading.Barrier(4)

    def write(name):
        start.wait(DEADLINE_S)
        for _ in range(50):
            for _ in range(4):
                stream.write(name)
            stream.write("\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)

    assert sorted(texts(lines)) == sorted(name * 4 for name in "abcd" for _ in range(50))


def test_nobody_can_close_it(stream, lines):
    stream.write("before")
    stream.close()
    print("after", file=stream)

    assert texts(lines) == ["before", "after"]


def test_bytes_go_to_the_log_as_they_are(stream, log):
    assert stream.buffer.write(b"\xff\n") == 2
    io.TextIOWrapper(stream.detach(), encoding="ascii").close()
    stream.buffer.write(bytearray(b"after"))

    assert log[0].read_bytes() == b"\xff\nafter"


@pytest.mark.parametrize("data", [b"bytes", 7])
def test_what_is_no_text_is_refused_as_by_any_text_file(stream, data):
    with pytest.raises(TypeError, match=r"write\(\) argument must be str, not"):
        stream.write(data)


def test_it_answers_as_a_file_does(stream):
    stream.reconfigure(line_buffering=False)

    assert (stream.name, stream.encoding, stream.errors) == (
        "<stdout>",
        "utf-8",
        "backslashreplace",
    )
    assert (stream.fileno(), stream.isatty(), stream.writable()) == (1, False, True)
