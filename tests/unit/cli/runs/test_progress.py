"""What is shown of a run that is under way."""

from __future__ import annotations

import io

import pytest

from airflow_lite.cli.runs.progress import progress

LINES = [
    "d.a try 1: queued",
    "d.a try 1: success",
    "d.b try 1: up_for_retry: ValueError: failed",
    "d.b try 2: failed: ValueError: no: success",
    "run r of d: failed",
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("live", [True, False])
def test_without_a_terminal_every_line_is_printed(capsys, live):
    with progress(2, live=live) as show:
        for line in LINES:
            show(line)

    assert capsys.readouterr().out.splitlines() == LINES


def test_on_a_narrow_terminal_the_line_is_cut_and_the_count_is_not(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")

    with progress(3, live=True) as show:
        show("a_dag_of_mine.a_group_of_tasks.a_task_of_it try 1: success")

    assert "1/3" in terminal.getvalue()
    assert "0:00:" in terminal.getvalue()
    assert "a_dag_of_" in terminal.getvalue()
    assert "…" in terminal.getvalue()


def test_a_terminal_gets_a_bar_that_counts_what_has_ended(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    with progress(3, live=True) as show:
        for line in LINES:
            show(line)

    assert "2/3" in terminal.getvalue()
    assert "d.b try 2: failed: ValueError" in terminal.getvalue()
    assert "run r of d" not in terminal.getvalue()
