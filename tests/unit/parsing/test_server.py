"""Parts of the parse server that need no process."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from airflow_lite.parsing import server
from airflow_lite.parsing.errors import explain, frames_of_dump
from airflow_lite.parsing.file import Options
from airflow_lite.parsing.secrets import Control
from airflow_lite.parsing.server import import_authoring


def test_what_dag_files_take_can_be_imported_beforehand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    # The server goes on without; every file would then take twenty times as long.
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.path", [*sys.path])
    import_authoring()


def test_the_options_are_read_as_they_were_written() -> None:
    import json

    options = Options(timeout_s=1.5, memory_mb=3, folder="/d")
    assert Options(**json.loads(options.to_json())) == options


def test_a_file_waits_where_no_process_is_left_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    control, theirs = socket.socketpair()
    refusals, fork = [errno.EAGAIN, errno.ENOMEM], os.fork

    def refuse_at_first() -> int:
        if refusals:
            raise OSError(refusals.pop(), "no process left")
        return fork()

    monkeypatch.setattr(server, "_SHORTAGE_S", 0.0)
    monkeypatch.setattr("os.fork", refuse_at_first)
    monkeypatch.setattr(server, "_child_main", lambda *_: os._exit(0))
    before = len(os.listdir("/dev/fd"))
    with control, theirs:
        child, *pipes, line = server._fork_in_time(Control(control), "/d/x.py", Options(60.0, 0))
        child.kill()
    line.close()
    for pipe in pipes:
        os.close(pipe.descriptor)
    assert refusals == []
    assert len(os.listdir("/dev/fd")) == before - 2


def test_a_file_that_no_process_is_left_for_is_told_so_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "no process left")

    monkeypatch.setattr("os.fork", refuse)
    control, theirs = socket.socketpair()
    with control, theirs:
        verdict, _ = server._parsed(Control(control), "/d/x.py", Options(0.0, 0))
    assert verdict is not None
    assert verdict.startswith("The file cannot be parsed now: no process could be started for it: ")


def test_the_last_dump_gives_the_authors_frames_innermost_last() -> None:
    output = (
        "Timeout (0:00:01)!\nThread 0x1 (most recent call first):\n"
        '  File "/d/old.py", line 1 in f\n'
        "Timeout (0:00:01)!\nThread 0x1 (most recent call first):\n"
        '  File "/d/x.py", line 3 in g\n'
        '  File "<frozen importlib._bootstrap>", line 241 in _call\n'
        '  File "/d/x.py", line 9 in <module>\n'
        "trailing\n"
    )
    assert frames_of_dump(output) == [
        '  File "/d/x.py", line 9 in <module>',
        '  File "/d/x.py", line 3 in g',
    ]
    assert frames_of_dump("nothing of the kind") == []


def test_a_huge_message_is_shortened() -> None:
    text = explain(ValueError("x" * 100_000), "/d/x.py", 512)
    assert text.startswith("ValueError: xxx")
    assert len(text) == 500
