"""Words to arguments: global flags, the quick way and argparse's, and usage errors in one line."""

from __future__ import annotations

from importlib import import_module

import pytest

from airflow_lite.api.commands import quick_parser
from airflow_lite.api.commands.parser import Parser
from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.cli.core_commands import CORE_COMMANDS, all_commands, find
from airflow_lite.cli.main import run
from airflow_lite.cli.program import take_flags
from airflow_lite.errors import UsageError


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "executor", "plugins", "words"),
    [
        (["dags", "list"], None, True, ["dags", "list"]),
        (["--executor", "X", "dags", "list"], "X", True, ["dags", "list"]),
        (["dags", "list", "--executor=X"], "X", True, ["dags", "list"]),
        (["--no-plugins", "info"], None, False, ["info"]),
        (["a", "--", "--executor", "X"], None, True, ["a", "--", "--executor", "X"]),
    ],
)
def test_global_flags_are_taken_wherever_they_stand(argv, executor, plugins, words):
    flags, kept = take_flags(argv)

    assert (flags.executor, flags.plugins, kept) == (executor, plugins, words)


@pytest.mark.parametrize("argv", [["--executor"], ["--executor="], ["--executor", "--no-plugins"]])
def test_an_executor_without_a_name_is_a_usage_error(argv):
    with pytest.raises(UsageError, match="--executor needs the name of an executor"):
        take_flags(argv)


QUICK = [
    ["version"],
    ["config", "get-value", "core", "executor"],
    ["config", "list"],
    ["dags", "list"],
    ["dags", "details", "my_dag"],
    ["dags", "trigger", "my_dag"],
    ["dags", "pause", "my_dag"],
    ["tasks", "list", "my_dag"],
    ["tasks", "clear", "my_dag"],
    ["tasks", "state", "d", "t", "r"],
    ["tasks", "logs", "d", "t", "r"],
    ["db", "migrate"],
    ["pools", "get", "p"],
    ["scheduler"],
    ["info"],
]


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_the_quick_way_gives_what_argparse_gives(words):
    command = find(words[0])
    assert command

    found = quick_parser.parsed(command, words[1:])

    assert vars(found) == vars(Parser(prog=words[0], command=command).parse_args(words[1:]))


@pytest.mark.parametrize(
    "words",
    [
        ["config"],
        ["config", "get-value", "core"],
        ["config", "get-value", "core", "executor", "more"],
        ["config", "get-value", "core", "-v"],
        ["config", "nope"],
        ["dags", "show"],
        ["dags", "list", "-o", "json"],
        ["pools", "set", "a", "1", "b"],
        ["tasks", "state", "d", "", "r"],
    ],
    ids=" ".join,
)
def test_what_may_be_wrong_is_left_to_argparse(words):
    command = find(words[0])
    assert command
    assert quick_parser.parsed(command, words[1:]) is None


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["dags", "list", "-o", "nope"],
            "airflow-lite dags list command error: argument -o/--output",
        ),
        (
            ["dags", "trigger"],
            "the following arguments are required: dag_id. See `airflow-lite dags",
        ),
        (["dags", "trgger", "x"], "(did you mean 'trigger'?). See `airflow-lite dags --help`."),
        (
            ["dags", "trigger", "x", "-e", "yesterday"],
            "'yesterday' is not a date; write 2024-01-31",
        ),
        (["dags", "trigger", "x", "--con", "{}"], "unrecognized arguments: --con {}"),
        (["pools", "set", "a", "x", "d"], "argument slots: invalid int value: 'x'"),
        (["dags", "next-execution", "x", "-n", "0"], "invalid positive int value: '0'"),
        (["tasks", "state", "d"], "required: task_id, RUN_ID_OR_DATE"),
        (["nope"], "airflow-lite: error: There is no command 'nope'. See `airflow-lite --help`."),
        (["tsks"], "There is no command 'tsks'. Did you mean 'tasks'?"),
        (["--nope"], "airflow-lite: error: Unknown option '--nope'."),
        (["x" * 5000], f"There is no command {'x' * 60!r}."),
    ],
)
def test_a_usage_error_is_one_line_and_exit_2(argv, line, capsys):
    assert run(argv) == 2
    output, complaint = capsys.readouterr()
    assert line in complaint
    assert complaint.count("\n") == 1
    assert output == ""


def test_a_group_without_a_command_shows_its_help_on_stderr(capsys):
    assert run(["dags"]) == 2
    output, complaint = capsys.readouterr()
    assert output == ""
    assert "list-import-errors" in complaint
    assert complaint.endswith("required: COMMAND. See `airflow-lite dags --help`.\n")


def test_help_lists_every_command_and_group(capsys):
    assert run(["--help"]) == 0
    output = capsys.readouterr().out
    for entry in CORE_COMMANDS:
        assert f"  {entry.name} " in output


@pytest.mark.parametrize(
    "words", [[], ["dags"], ["dags", "test"], ["plugins", "new"]], ids=" ".join
)
def test_every_help_page_is_of_one_style(words, capsys):
    assert run([*words, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith(f"usage: {' '.join(['airflow-lite', *words])} [-h]")
    titles = [line for line in lines[1:] if line.endswith(":") and not line.startswith(" ")]
    order = ["Arguments:", "Groups:", "Commands:", "Groups of plugins:", "Options:"]
    assert titles == [title for title in order if title in titles]
    assert any(line.split()[-4:] == ["Show", "help", "and", "exit"] for line in lines)
    rows = [line for line in lines if line.startswith("  ") and line[2:3].isalpha()]
    assert [line for line in rows if line[2:].partition("  ")[2] == ""] == []
    if len(words) < 2:
        assert lines[-1].startswith(f"See `{' '.join(['airflow-lite', *words])} COMMAND --help`")


def test_the_table_and_the_specs_say_the_same():
    assert [(entry.name, entry.help, entry.is_group) for entry in CORE_COMMANDS] == [
        (command.name, command.help, isinstance(command, GroupCommand))
        for command in all_commands()
    ]


def test_every_command_leads_to_a_function():
    for command in walk(all_commands()):
        module, _, name = command.func.import_path.rpartition(".")
        assert callable(getattr(import_module(module), name)), command.func.import_path


def walk(commands):
    for command in commands:
        if isinstance(command, GroupCommand):
            yield from walk(command.subcommands)
        else:
            yield command


def test_a_group_is_filled_only_when_it_is_needed():
    touched = []

    def inner():
        touched.append(1)
        yield ActionCommand("one", "One", lazy_load_command("os.getpid"), (Arg("--flag"),))

    class Lazy:
        def __iter__(self):
            return inner()

    parser = Parser(prog="airflow-lite lazy", command=GroupCommand("lazy", "Lazy", Lazy()))
    assert touched == []
    assert "one" in parser.format_help()
    assert touched == [1]
