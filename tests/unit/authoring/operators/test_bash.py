"""What of a command's output is logged, and what is its last line."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from airflow_lite.authoring.operators.programs import MOST_CHARACTERS, SINGLE_LINES, log_output


@pytest.fixture
def read(caplog):
    """Send bytes through a pipe; return the last line and all that was logged."""
    log = logging.getLogger("test_command_output")
    caplog.set_level(logging.INFO, logger=log.name)

    def run(output, encoding="utf-8"):
        source, sink = os.pipe()

        def send():
            with os.fdopen(sink, "wb") as file:
                file.write(output)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            last = log_output(source, encoding, log)
        finally:
            os.close(source)
            sender.join()
        return last, [record.getMessage() for record in caplog.records]

    return run


@pytest.mark.parametrize(
    ("output", "last", "logged"),
    [
        (b"", "", []),
        (b"\n", "", [""]),
        (b"a", "a", ["a"]),
        (b"a\nb", "b", ["a", "b"]),
        (b"a\nb\n", "b", ["a", "b"]),
        (b"a\n\n", "", ["a", ""]),
        (b"  x \r\n", "  x", ["  x"]),
        (b"\xff\xfe\n", "\\xff\\xfe", ["\\xff\\xfe"]),
        (b"\xc3", "\\xc3", ["\\xc3"]),
    ],
)
def test_lines_are_logged_and_the_last_is_kept(read, output, last, logged):
    assert read(output) == (last, logged)


def test_other_encodings_are_decoded_across_reads(read):
    text = "zwölf Boxkämpfer\n" * 9_000

    assert read(text.encode("utf-16"), "utf-16")[0] == "zwölf Boxkämpfer"


def test_a_line_without_an_end_is_cut_and_nothing_of_it_lost(read):
    last, logged = read(b"x" * (3 * MOST_CHARACTERS))

    assert "".join(logged) == "x" * (3 * MOST_CHARACTERS)
    assert max(map(len, logged)) < MOST_CHARACTERS + (1 << 17)
    assert last == logged[-1]


def test_past_many_lines_a_record_holds_what_one_read_brings(read):
    count = 20 * SINGLE_LINES
    last, logged = read(b"".join(b"%d\n" % number for number in range(count)))

    assert "\n".join(logged).split("\n") == [str(number) for number in range(count)]
    assert len(logged) < 4 * SINGLE_LINES
    assert last == str(count - 1)
