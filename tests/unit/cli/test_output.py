"""Listings: a table that can be piped or fits the terminal, plain text, JSON and YAML."""

from __future__ import annotations

import json
from datetime import date

import pytest
import yaml

from airflow_lite.cli.output import Cell, print_fields, print_rows
from airflow_lite.errors import UserError

ROWS = [
    {"dag_id": "one", "owners": ["a", "b"], "is_paused": True, "end": None},
    {"dag_id": "twenty", "owners": ["c"], "is_paused": False, "end": ""},
]


def printed(capsys, rows, output):
    print_rows(rows, output)
    return capsys.readouterr().out


def test_a_table_is_airflows_simple_table(capsys):
    assert printed(capsys, ROWS, "table") == (
        "dag_id | owners | is_paused | end\n"
        "=======+========+===========+=====\n"
        "one    | a,b    | True      | None\n"
        "twenty | c      | False     |\n"
    )


def test_a_format_that_there_is_not_prints_nothing(capsys):
    with pytest.raises(ValueError, match="'xml' is not a format of a listing"):
        print_rows(ROWS, "xml")
    assert capsys.readouterr().out == ""


def test_a_table_has_one_line_a_row_whatever_is_in_it(capsys):
    text = printed(capsys, [{"error": "Traceback\n  line 1\n\tline 2" * 100}], "table")

    assert text.count("\n") == 3


def test_plain_is_aligned_and_has_no_rules(capsys):
    assert printed(capsys, ROWS, "plain") == (
        "dag_id  owners  is_paused  end\none     a,b     True       None\ntwenty  c       False\n"
    )


def test_json_has_booleans_and_numbers_as_such(capsys):
    rows = [*ROWS, {"dag_id": "x", "owners": (), "is_paused": 1.5, "end": {1: date(2024, 1, 31)}}]

    assert json.loads(printed(capsys, rows, "json")) == [
        {"dag_id": "one", "owners": ["a", "b"], "is_paused": True, "end": None},
        {"dag_id": "twenty", "owners": ["c"], "is_paused": False, "end": ""},
        {"dag_id": "x", "owners": [], "is_paused": 1.5, "end": {"1": "2024-01-31"}},
    ]


def test_json_is_json_whatever_the_number(capsys):
    assert json.loads(printed(capsys, [{"a": float("nan")}], "json")) == [{"a": "nan"}]


def test_what_stands_for_a_value_in_a_table_is_not_in_json(capsys):
    rows = [{"tags": Cell([{"name": "a"}], "a")}]

    assert json.loads(printed(capsys, rows, "json")) == [{"tags": [{"name": "a"}]}]
    assert printed(capsys, rows, "plain") == "tags\na\n"


@pytest.mark.parametrize("output", ["table", "plain", "json", "yaml"])
def test_columns_that_are_asked_for_are_in_every_format(capsys, output):
    print_rows(ROWS, output, columns=["end", "dag_id"], shown=["owners"])
    text = capsys.readouterr().out

    assert output == "yaml" or text.index("end") < text.index("dag_id")
    assert "owners" not in text


def test_a_column_that_there_is_not_is_told_and_left_out(capsys):
    print_rows(ROWS, "plain", columns=["nope", "dag_id"])
    output, complaint = capsys.readouterr()

    assert output == "dag_id\none\ntwenty\n"
    assert complaint == (
        "Error: Ignoring the following invalid columns: ['nope']."
        " List of valid columns: dag_id, owners, is_paused, end\n"
    )
    with pytest.raises(UserError, match="There is no column 'nope'. There are: dag_id, owners"):
        print_rows(ROWS, columns=["nope"])


def test_a_table_has_the_columns_that_people_look_for_and_the_other_formats_have_all(capsys):
    print_rows(ROWS, shown=["dag_id"], wide=["end"])
    assert capsys.readouterr().out.splitlines()[0] == "dag_id | end"
    print_rows(ROWS, "plain", shown=["dag_id"], wide=["end"])
    assert capsys.readouterr().out.splitlines()[0] == "dag_id  owners  is_paused  end"


def test_fields_are_one_a_line_where_people_read_them(capsys):
    print_fields([ROWS[0]], "plain", columns=["end", "owners"], titles=("name", "is"))
    assert capsys.readouterr().out == "name    is\nend     None\nowners  a,b\n"
    print_fields([ROWS[0]], "json")
    assert json.loads(capsys.readouterr().out)[0]["dag_id"] == "one"


@pytest.mark.parametrize("on_a_terminal", [False, True])
def test_a_thing_without_fields_is_no_data(capsys, monkeypatch, on_a_terminal):
    monkeypatch.setattr("sys.stdout.isatty", lambda: on_a_terminal)
    print_fields([{}])
    assert capsys.readouterr().out == "No data found\n"


def test_yaml_says_the_same_as_json(capsys):
    as_json = json.loads(printed(capsys, ROWS, "json"))

    assert yaml.safe_load(printed(capsys, ROWS, "yaml")) == as_json


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("table", "No data found\n"),
        ("plain", "No data found\n"),
        ("json", "[]\n"),
        ("yaml", "[]\n"),
    ],
)
def test_nothing_is_said_or_empty(capsys, output, text):
    assert printed(capsys, [], output) == text
