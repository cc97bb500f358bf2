"""`config list --color`: colours where they are asked for, or where a terminal shows them."""

from __future__ import annotations

import re

import pytest

from airflow_lite.cli.main import run

LIST = ["config", "list", "--section", "core", "--include-descriptions"]


@pytest.mark.parametrize(("mode", "has_colors"), [("on", True), ("off", False), ("auto", False)])
def test_colours_follow_the_option_and_leave_the_text_alone(fresh_home, capsys, mode, has_colors):
    run([*LIST])
    plain = capsys.readouterr().out
    run([*LIST, "--color", mode])
    shown = capsys.readouterr().out

    assert ("\x1b[" in shown) == has_colors
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == plain


@pytest.mark.parametrize(
    ("environ", "has_colors"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_a_terminal_says_whether_it_shows_them(
    fresh_home, capsys, monkeypatch, environ, has_colors
):
    for name in ("TERM", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    run(LIST)

    assert ("\x1b[1;34m[core]\x1b[0m" in capsys.readouterr().out) == has_colors
