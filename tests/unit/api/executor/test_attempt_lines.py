"""What a worker remembers of its latest attempts."""

from __future__ import annotations

import pytest

from airflow_lite.api.executor import attempt_lines
from airflow_lite.worker import AttemptLines


def events(lines, token):
    return [line.partition(" ")[2] for line in lines.lines_of(token)]


def test_the_lines_of_an_attempt_come_in_order_with_their_moments():
    lines = AttemptLines()
    lines.note("a", "handed over")
    lines.note("b", "handed over")
    lines.note("a", "running")
    assert events(lines, "a") == ["handed over", "running"]
    assert all(line.partition(" ")[0].endswith("+00:00") for line in lines.lines_of("a"))
    assert lines.lines_of("c") == []


def test_the_attempts_that_nothing_was_noted_of_for_longest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(attempt_lines, "MOST", 2)
    lines = AttemptLines()
    for token in ("a", "b", "a", "c"):
        lines.note(token, "noted")
    assert [len(lines.lines_of(token)) for token in ("a", "b", "c")] == [2, 0, 1]
