"""Messages are cut at the ends of lines, however the bytes come in."""

from __future__ import annotations

import json
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_lite.processes.lines import LineBuffer, LineReader, to_line, write_all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=6), st.integers(1, 7))
def test_messages_come_out_as_they_went_in(messages, size):
    data, buffer, found = b"".join(map(to_line, messages)), LineBuffer(), []
    for start in range(0, len(data), size):
        buffer.add(data[start : start + size])
        found += buffer.take_lines()
    assert [json.loads(line) for line in found] == messages
    assert buffer.rest == b""


def test_characters_that_no_file_holds_survive():
    path = os.fsdecode(b"/dags/\xff.py")
    line = to_line(path)
    assert line.isascii()
    assert json.loads(line) == path


def test_what_json_cannot_hold_is_written_as_told():
    assert to_line({"a": {1}}, default=str) == b'{"a":"{1}"}\n'
    with pytest.raises(TypeError):
        to_line({"a": {1}})


def test_a_line_is_taken_alone_and_what_follows_stays():
    buffer = LineBuffer()
    buffer.add(b"one\ntwo\nthr")
    assert buffer.take_line() == b"one"
    assert buffer.rest == b"two\nthr"
    assert buffer.take_lines() == [b"two"]
    assert buffer.take_line() is None
    assert buffer.take_lines() == []
    buffer.add(b"ee\n\n")
    assert buffer.take_lines() == [b"three", b""]


def test_a_reader_waits_for_whole_messages_and_tells_the_end():
    ours, theirs = socket.socketpair()
    reader = LineReader(ours, "They are gone.")
    theirs.sendall(b'{"n":1}\n{"n"')
    assert reader.read() == {"n": 1}
    theirs.sendall(b":2}\n[")
    theirs.close()
    assert reader.read() == {"n": 2}
    with pytest.raises(EOFError, match=r"^They are gone\.$"):
        reader.read()
    ours.close()


def test_all_is_written_to_a_pipe_that_holds_less(tmp_path):
    data = os.urandom(3_000_001)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        write_all(writing, data)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        assert file.read() == data
    assert os.waitpid(pid, 0)[1] == 0


class CountingBytes(bytearray):
    searched = 0

    def rfind(self, *args):
        CountingBytes.searched += len(self) - args[1]
        return super().rfind(*args)


def test_a_long_line_is_searched_once_however_small_its_pieces():
    buffer = LineBuffer()
    buffer.rest = CountingBytes()
    for _ in range(100):
        buffer.add(b"x" * 100)
        assert buffer.take_lines() == []
    buffer.add(b"\n")

    assert buffer.take_lines() == [b"x" * 10_000]
    assert CountingBytes.searched == 10_001
