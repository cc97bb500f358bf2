"""Tables on a terminal fit it: whole ids and dates, no empty columns, one row a field a line."""

from __future__ import annotations

import io
import json
import re

import pytest

from airflow_lite.cli.output import print_fields, print_rows

RUN_ID = "scheduled__2024-01-01T00:00:00+00:00"
MOMENT = "2024-01-01T00:00:01.123456+00:00"
RUN = {
    "dag_id": "little",
    "run_id": RUN_ID,
    "state": "failed",
    "execution_date": MOMENT,
    "start_date": MOMENT,
    "end_date": "",
}
WANTED = {"shown": ["run_id", "state"], "wide": ["start_date", "end_date", "dag_id"]}
PROSE = "It failed since the machine that it ran on was out of room for anything at all"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """Return what is printed on a terminal of some width, escape sequences and all."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def shown(rows, width=80, printing=print_rows, **options):
        terminal = Terminal()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr("sys.stdout", terminal)
        printing(rows, **options)
        return terminal.getvalue()

    return shown


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def header(text):
    return [name.strip() for name in plain(text).splitlines()[0].split("|")]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (60, ["run_id", "state"]),
        (80, ["run_id", "state", "start_date"]),
        (100, ["run_id", "state", "start_date", "dag_id"]),
    ],
)
def test_a_table_has_the_columns_for_which_there_is_room(shown, width, columns):
    text = shown([RUN, RUN], width, **WANTED)

    assert header(text) == columns
    assert max(map(len, plain(text).splitlines())) <= width
    assert text.count(RUN_ID) == 2


@pytest.mark.parametrize("width", [20, 40, 44])
def test_rows_for_which_there_is_no_room_are_shown_a_field_a_line(shown, width):
    lines = plain(shown([RUN, RUN], width, **WANTED)).splitlines()

    assert lines == [f"run_id  {RUN_ID}", "state   failed", "", *lines[:2]]


def test_one_row_is_shown_whole_but_for_what_is_empty(shown):
    assert plain(shown([RUN], **WANTED)).splitlines() == [
        "dag_id          little",
        f"run_id          {RUN_ID}",
        "state           failed",
        f"execution_date  {MOMENT}",
        "start_date      2024-01-01T00:00:01+00:00",
    ]


def test_columns_that_are_asked_for_are_all_there(shown):
    columns = ["run_id", "start_date", "end_date"]

    assert header(shown([RUN, RUN], 100, columns=columns)) == columns
    narrow = plain(shown([RUN, RUN], 60, columns=columns)).splitlines()
    assert [line.rstrip() for line in narrow[:3]] == [
        f"run_id      {RUN_ID}",
        "start_date  2024-01-01T00:00:01+00:00",
        "end_date",
    ]


@pytest.mark.parametrize("width", range(40, 121, 10))
def test_prose_is_wrapped_between_words(shown, width):
    row = {"time": MOMENT, "cause": PROSE}
    text = plain(shown([row, row], width))

    assert max(map(len, text.splitlines())) <= width
    assert set(re.findall(r"[A-Za-z]{3,}", PROSE)) <= set(re.findall(r"[A-Za-z]+", text))


def test_lines_of_a_field_stay_lines_below_one_another(shown):
    row = {"file": "/dags/a.py", "error": "Traceback:\n  line 1\n    raise Error"}

    assert plain(shown([row], printing=print_fields)).splitlines() == [
        "file   /dags/a.py",
        "error  Traceback:",
        "         line 1",
        "           raise Error",
    ]


def test_states_have_colours_unless_nobody_wants_them(shown, monkeypatch):
    assert "\x1b[31mfailed" in shown([RUN, RUN], **WANTED)
    assert "\x1b[31mfailed" in shown([RUN])
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown([RUN, RUN], **WANTED)
    assert "\x1b" not in shown([RUN])


def test_json_on_a_terminal_is_json(shown):
    assert json.loads(shown([RUN], output="json")) == [RUN]


def test_wide_letters_count_as_the_terminal_counts_them(shown):
    rows = [{"dag_id": "日本語" * 10, "state": "success"}] * 2

    assert header(shown(rows, 70)) == ["dag_id", "state"]
    assert "|" not in shown(rows, 69)
