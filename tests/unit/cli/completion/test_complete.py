"""What may stand where the cursor is, told from specs alone."""

from __future__ import annotations

import argparse
import json

import pytest

from airflow_lite.api.commands.outline import from_json, to_json
from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.cli.completion.complete import complete
from airflow_lite.cli.completion.tab import split_line
from airflow_lite.cli.core_commands import all_commands

FUNC = lazy_load_command("nowhere.to_be.imported")
GROUP = GroupCommand(
    "dask",
    "Look at the cluster",
    (
        ActionCommand(
            "logs",
            "Print a log",
            FUNC,
            (
                Arg("dag_id", completer="dag_id"),
                Arg("task_id", completer="task_id"),
                Arg(("-s", "--save"), completer="file"),
                Arg("--level", choices=("low", "high")),
                Arg("--tag", action="append", help="May be\tgiven\nagain"),
                Arg(("-f", "--follow"), action="store_true"),
                Arg("--check", action=argparse.BooleanOptionalAction),
            ),
        ),
        ActionCommand("many", "Takes many", FUNC, (Arg("names", nargs="*", completer="pool"),)),
        ActionCommand("pair", "Takes two", FUNC, (Arg("--two", nargs=2, choices=("a", "b")),)),
        ActionCommand("secret", "Not shown", FUNC, hide=True),
    ),
)


class Listed:
    """Sources that know one group, and name what they are asked for."""

    def commands(self):
        return [("dags", "Manage DAGs"), ("dask", "Look"), ("version", "Show")]

    def command(self, name):
        return GROUP if name == "dask" else None

    def values(self, completer, given, prefix):
        about = ",".join(f"{name}={value}" for name, value in sorted(given.items()))
        return [(f"{completer}-1", about), (f"{completer}-2", about)]


class Kept(Listed):
    """The same, with the group as it comes back from JSON."""

    def command(self, name):
        return from_json(json.loads(json.dumps(to_json(GROUP)))) if name == "dask" else None


def offered(line, sources=None):
    return [value for value, _ in complete(line.split(" "), sources or Listed()).candidates]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ["dags", "dask", "version"]),
        ("da", ["dags", "dask"]),
        ("-", ["--executor", "--help", "--no-plugins", "--version"]),
        ("--executor ", ["executor-1", "executor-2"]),
        ("--executor=executor-2", ["--executor=executor-2"]),
        ("--executor X --no-plugins v", ["version"]),
        ("dask ", ["logs", "many", "pair"]),
        ("dask -", ["--help"]),
        ("--executor=X dask l", ["logs"]),
        ("dask --executor X l", ["logs"]),
        ("nobody ", []),
        ("dask nothing ", []),
        ("dask logs ", ["dag_id-1", "dag_id-2"]),
        ("dask logs -f --tag x one task_id-2", ["task_id-2"]),
        ("dask logs --level ", ["low", "high"]),
        ("dask logs --level=h", ["--level=high"]),
        ("dask logs --follow=h", []),
        ("dask logs --tag ", []),
        ("dask logs --f", ["--follow"]),
        ("dask logs -f --f", []),
        ("dask logs -f", ["-f"]),
        ("dask logs --tag a --t", ["--tag"]),
        ("dask logs --check ", ["dag_id-1", "dag_id-2"]),
        ("dask logs -- -", []),
        ("dask logs -- ", ["dag_id-1", "dag_id-2"]),
        ("dask logs one two --verb", ["--verbose"]),
        ("dask logs one two three", []),
        ("dask many a b pool-1", ["pool-1"]),
        ("dask pair --two a ", ["a", "b"]),
        ("dask pair --two a b ", ["--help", "--two", "--verbose"][0::2]),
    ],
)
def test_only_what_may_stand_there_is_offered(line, expected):
    assert offered(line) == expected
    assert offered(line, Kept()) == expected


def test_options_are_offered_where_no_positional_is_left():
    assert "--level" in offered("dask logs one two ")


def test_a_value_is_chosen_knowing_the_other_arguments():
    answer = complete(["dask", "logs", "my_dag", ""], Listed())
    assert {text for _, text in answer.candidates} == {"dag_id=my_dag"}


def test_a_path_is_left_to_the_shell():
    for words in (["--save", ""], ["-s", "x"], ["--save=x"]):
        assert complete(["dask", "logs", *words], Listed()).is_file


def test_help_fits_on_a_line():
    [(_, text)] = complete(["dask", "logs", "--tag"], Listed()).candidates
    assert text == "May be given again"


@pytest.mark.parametrize("command", [*all_commands(), GROUP], ids=lambda command: command.name)
def test_an_outline_goes_through_json(command):
    made = json.loads(json.dumps(to_json(command)))
    assert json.loads(json.dumps(to_json(from_json(made)))) == made


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        None,
        ["a", "b", [[]], []],
        ["a", "b", None, [1]],
        ["a", "b", [[[], {}, None]], []],
        "1234",
    ],
)
def test_an_outline_that_is_none_is_refused(data):
    with pytest.raises((TypeError, ValueError)):
        from_json(data)


@pytest.mark.parametrize(
    ("line", "words", "is_quoted"),
    [
        ("a", ["a"], False),
        ("a ", ["a", ""], False),
        ("a   b", ["a", "b"], False),
        ("a x:y=z", ["a", "x:y=z"], False),
        (r"a b\ c", ["a", "b c"], False),
        ("a 'b c'd e", ["a", "b cd", "e"], False),
        ('a "b c', ["a", "b c"], True),
        ("a '\"", ["a", '"'], True),
        ("a \\", ["a", ""], False),
    ],
)
def test_a_line_is_split_as_bash_does(line, words, is_quoted):
    assert split_line(line) == (words, is_quoted)
