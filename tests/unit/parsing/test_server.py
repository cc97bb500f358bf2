"""Parts of the parse server that need no process."""

from __future__ import annotations

import os
import sys

import pytest

from airflow_lite.parsing.errors import explain, frames_of_dump
from airflow_lite.parsing.file import Options
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
