"""DAG files that are imported into one process, one after the other."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from airflow_lite.worker.in_process.runner import find_task

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SOURCE = """
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
from words_beside_it import WORD
from airflow_lite import DAG, PythonOperator
with DAG("{id}", schedule=None):
    PythonOperator(task_id=WORD, python_callable=lambda: WORD)
"""


def write(folder: Path, word: str) -> str:
    folder.mkdir(parents=True)
    (folder / "words_beside_it.py").write_text(f"WORD = {word!r}\n")
    path = folder / "file.py"
    path.write_text(SOURCE.format(id=word))
    return str(path)


def test_a_file_gets_its_own_module_whoever_imported_one_of_that_name_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    one, two = (write(tmp_path / "dags" / word, word) for word in ("one", "two"))

    first, second = find_task(one, "one", "one"), find_task(two, "two", "two")
    os.utime(one)
    again = find_task(one, "one", "one")

    assert [task.python_callable() for task in (first, second, again)] == ["one", "two", "one"]
