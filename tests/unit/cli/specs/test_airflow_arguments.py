"""The command line takes Airflow 2.10.5's arguments, but for those in the table below."""

from __future__ import annotations

import argparse

import pytest

from airflow_lite.api.commands.parser import Parser
from airflow_lite.api.commands.spec import GroupCommand
from airflow_lite.cli.core_commands import all_commands

#: (command, flag) -> why there is no such argument.
LEFT_OUT = {
    ("dags show", "--imgcat"): "pipe the DOT text to `dot | imgcat`",
    ("dags show-dependencies", "--imgcat"): "as dags show --imgcat",
    ("dags test", "--imgcat-dagrun"): "pipe the DOT text to `dot | imgcat`",
    ("dags test", "--mark-success-pattern"): "an issue of its own",
    ("db migrate", "--from-revision"): "only for --show-sql-only, which starts where the store is",
    ("db migrate", "--from-version"): "as --from-revision",
    ("db migrate", "--to-version"): "revisions are the only names of schemas",
    ("db migrate", "--no-reserialize-dags"): "migrations keep DAGs",
    ("info", "--file-io"): "nothing is sent anywhere",
    ("scheduler", "--daemon"): "run it under systemd or a container",
    ("scheduler", "--pid"): "as --daemon",
    ("scheduler", "--stdout"): "as --daemon",
    ("scheduler", "--stderr"): "as --daemon",
    ("scheduler", "--log-file"): "as --daemon",
    ("tasks clear", "--exclude-parentdag"): "there are no SubDAGs",
    ("tasks clear", "--exclude-subdags"): "there are no SubDAGs",
    ("tasks run", "--cfg-path"): "the configuration is the home's",
    ("tasks run", "--depends-on-past"): "run by hand, no dependency is checked",
    ("tasks run", "--ignore-all-dependencies"): "as --depends-on-past",
    ("tasks run", "--ignore-dependencies"): "as --depends-on-past",
    ("tasks run", "--ignore-depends-on-past"): "as --depends-on-past",
    ("tasks run", "--interactive"): "`tasks test` is for that",
    ("tasks run", "--job-id"): "internal to Airflow",
    ("tasks run", "--local"): "internal to Airflow",
    ("tasks run", "--no-shut-down-logging"): "internal to Airflow",
    ("tasks run", "--raw"): "internal to Airflow",
    ("tasks run", "--read-from-db"): "internal to Airflow",
}
#: Commands whose words differ: Airflow's `plugins` is our `plugins list`.
RENAMED = {"plugins": "plugins list"}


def our_parsers():
    """Return each command's words and its argparse parser."""
    found = {}

    def walk(command, words):
        if isinstance(command, GroupCommand):
            for inner in command.subcommands:
                walk(inner, f"{words} {inner.name}")
        else:
            found[words] = Parser(prog=words, command=command).filled()

    for command in all_commands():
        walk(command, command.name)
    return found


@pytest.fixture(scope="module")
def airflow(golden):
    return golden("cli")["commands"]


def actions_of(parser):
    return [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]


def test_every_command_of_airflow_that_we_mirror_is_there(airflow):
    wanted = {RENAMED.get(name, name) for name in airflow}

    assert wanted <= set(our_parsers())


def test_positionals_are_airflows(airflow):
    parsers = our_parsers()
    for name, command in airflow.items():
        ours = actions_of(parsers[RENAMED.get(name, name)])
        assert [a.dest for a in ours if not a.option_strings] == [
            row["dest"] for row in command["arguments"] if "flags" not in row
        ], name


def test_options_are_airflows_but_for_the_table(airflow):
    parsers = our_parsers()
    missing = set()
    for name, command in airflow.items():
        ours = {
            flag for a in actions_of(parsers[RENAMED.get(name, name)]) for flag in a.option_strings
        }
        missing |= {
            (name, row["flags"][-1])
            for row in command["arguments"]
            if "flags" in row and not set(row["flags"]) <= ours
        }

    assert missing == set(LEFT_OUT)


def test_options_have_airflows_dest_default_and_choices(airflow):
    parsers = our_parsers()
    differing = []
    for name, command in airflow.items():
        ours = {a.dest: a for a in actions_of(parsers[RENAMED.get(name, name)])}
        for row in command["arguments"]:
            action = ours.get(row["dest"])
            if action is None or row["dest"] in {"subdir", "job_type", "columns"}:
                continue  # a default of the machine, fewer types of jobs, a list not a tuple
            choices = sorted(action.choices) if action.choices else None
            default = action.default or None
            if row.get("choices") != choices or (row.get("default") or None) != default:
                differing.append((name, row["dest"], row, choices, action.default))

    assert differing == []


def test_flags_are_in_the_style_of_airflow():
    for name, parser in our_parsers().items():
        for action in actions_of(parser):
            for flag in action.option_strings:
                is_long = flag.startswith("--")
                assert (flag == flag.lower() and "_" not in flag) if is_long else len(flag) == 2, (
                    name,
                    flag,
                )
