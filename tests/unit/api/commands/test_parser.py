"""What authors write in help is shown as written, and no name of an argument breaks a command."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_lite.api.commands import quick_parser
from airflow_lite.api.commands.parser import Parser, faults_of
from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand


def run(args):
    return 0


def parser(args=(), **about):
    return Parser(prog="acme go", command=ActionCommand("go", "Go", run, args, **about))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Use 80% of the slots (default 20%)", "Use 80% of the slots (default 20%)"),
        ("100%", "100%"),
        ("50%% of %(default)s, at most 90% in %(prog)s", "50% of 7, at most 90% in acme go"),
        ("%(default).1f or %(nothing)s, %(default)", "7.0 or %(nothing)s, %(default)"),
        ("%d %s %(dest)s", "%d %s n"),
    ],
)
def test_percent_signs_in_help_are_shown_as_written(written, shown):
    text = parser(args=(Arg("--n", written, default=7),)).format_help()
    assert shown in " ".join(text.split())


def test_percent_signs_in_descriptions_and_the_help_of_commands_are_shown_as_written():
    about = {"description": "Go at 100% with %(prog)s", "epilog": "50% more"}
    text = parser(**about).format_help()
    assert "Go at 100% with acme go\n" in text
    assert "50% more\n" in text
    group = GroupCommand("acme", "A", [ActionCommand("go", "Go at 100%", run)])
    assert "Go at 100%\n" in Parser(prog="acme", command=group).format_help()


@pytest.mark.parametrize("words", [[], ["--func", "x"], ["--subcommand", "x"]])
def test_an_argument_may_be_called_as_what_the_program_keeps(words):
    args = (Arg("--func"), Arg("--subcommand"), Arg("--command"))
    group = GroupCommand("acme", "A", [ActionCommand("go", "Go", run, args)])
    parsed: Any = quick_parser.parsed(group, ["go", *words])
    if words:
        assert parsed is None
        parsed = Parser(prog="acme", command=group).parse_args(["go", *words])
    expected = {"func": None, "subcommand": None, "command": None}
    expected |= {words[0].strip("-"): words[1]} if words else {}
    assert {name: getattr(parsed, name) for name in expected} == expected
    assert parsed._func is run


@pytest.mark.parametrize(
    ("arg", "fault"),
    [
        (
            Arg(("-e", "--executor")),
            "the command 'acme go' has the option --executor, which airflow-lite takes for itself."
            " Give it another name",
        ),
        (
            Arg("--no-plugins", action="store_true"),
            "the command 'acme go' has the option --no-plugins, which airflow-lite takes for"
            " itself. Give it another name",
        ),
        (
            Arg("--config", dest="_config"),
            "the command 'acme go' has an argument that is kept as '_config'. Names that begin"
            " with an underscore are airflow-lite's own",
        ),
        (Arg("--func"), None),
        (Arg("executor"), None),
    ],
)
def test_what_airflow_lite_keeps_for_itself_is_a_fault(arg, fault):
    group = GroupCommand("acme", "A", [ActionCommand("go", "Go", run, (arg,))])
    assert [*faults_of(group)] == ([] if fault is None else [fault])
