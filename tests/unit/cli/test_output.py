"""Listings look as Airflow's: as a table that can be piped, plain, JSON and YAML."""

from __future__ import annotations

import json

import pytest
import yaml

from airflow_lite.cli.output import print_rows

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
        "dag_id  owners      is_paused  end\n"
        "one     ['a', 'b']  True       None\n"
        "twenty  ['c']       False\n"
    )


def test_json_has_scalars_as_text_and_none_as_null(capsys):
    assert json.loads(printed(capsys, ROWS, "json")) == [
        {"dag_id": "one", "owners": ["a", "b"], "is_paused": "True", "end": None},
        {"dag_id": "twenty", "owners": ["c"], "is_paused": "False", "end": ""},
    ]


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
