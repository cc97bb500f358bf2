"""A command of Airflow's that is none here gets one line that says what serves instead."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from airflow_lite.api.commands.spec import ActionCommand, GroupCommand
from airflow_lite.cli.core_commands import all_commands, find
from airflow_lite.cli.main import run
from airflow_lite.cli.specs.airflow_words import COMMANDS, OPTIONS, RENAMED, SUBCOMMANDS
from airflow_lite.plugins.discovery.known_packages import KNOWN_PACKAGES

LINES: dict[tuple[str, ...], str] = {
    **{(name,): told for name, told in COMMANDS.items()},
    **SUBCOMMANDS,
}
PLUGINS = Path(__file__).parents[4] / "plugins"


def is_command(words):
    command = find(words[0])
    for word in words[1:]:
        children = {child.name: child for child in getattr(command, "subcommands", ())}
        command = children.get(word)
    return isinstance(command, ActionCommand)


def test_every_command_of_airflow_is_here_or_has_a_line(golden):
    words = golden("cli")["words"]
    every = {
        (name, word) if word else (name,)
        for name, inner in words.items()
        for word in (inner or [""])
        if (name,) not in LINES
    }

    missing = {word for word in every if not is_command(word)} - set(LINES) - set(RENAMED)
    assert missing == {("plugins",)}
    assert set(LINES) - every - {(name,) for name in words} == {
        ("api-server",),  # of Airflow 3
        ("backfill",),  # of Airflow 1 and 3
    }


def test_no_line_is_of_a_command_that_there_is():
    names = {command.name for command in all_commands()}
    inner = {
        (group.name, command.name)
        for group in all_commands()
        if isinstance(group, GroupCommand)
        for command in group.subcommands
    }

    assert not names & set(COMMANDS)
    assert not inner & set(SUBCOMMANDS)


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_a_line_names_commands_that_there_are(words):
    named = re.findall(r"`airflow-lite ([^`]*)`", LINES[words])

    for text in named:
        known = [word for word in text.split() if re.fullmatch("[a-z][a-z-]+", word)][:2]
        assert known == [] or is_command(known[:1]) or is_command(known), text


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_it_is_told_in_one_line_and_exit_2(words, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))

    assert run([*words, "--more", "x"]) == 2
    assert capsys.readouterr() == (
        "",
        f"airflow-lite: error: There is no command {' '.join(words)!r}. {LINES[words]}\n",
    )


@pytest.mark.parametrize("words", RENAMED, ids=" ".join)
def test_a_renamed_command_does_what_its_twin_does_and_says_so(
    words, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))

    assert run([*words]) == 0
    assert (tmp_path / "airflow_lite.db").exists()
    assert capsys.readouterr().err == f"`{' '.join(words)}` is `airflow-lite db migrate` here.\n"
    assert is_command(RENAMED[words])
    assert run([*words, "--help"]) == 0


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"AIRFLOW_HOME": "/a"}, "AIRFLOW_HOME"),
        (
            {"AIRFLOW__CORE__EXECUTOR": "x", "AIRFLOW_HOME": "/a"},
            "AIRFLOW_HOME and 1 more",
        ),
        ({"AIRFLOW_HOME": "/a", "AIRFLOW_LITE__CORE__HOSTNAME": "h"}, ""),
        ({"AIRFLOW_CONN_X": "http://x"}, ""),
    ],
)
def test_variables_of_airflow_get_one_notice_where_there_are_none_of_ours(
    environ, told, capsys, tmp_path, monkeypatch
):
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert run(["config", "get-value", "core", "parallelism"]) == 0

    assert capsys.readouterr().err == (
        f"airflow-lite: Airflow's settings are not read ({told} in the environment): set"
        " AIRFLOW_LITE_HOME and AIRFLOW_LITE__SECTION__NAME.\n"
        if told
        else ""
    )


def test_packages_that_are_named_are_those_that_there_are():
    files = PLUGINS.glob("*/pyproject.toml")
    there = {tomllib.loads(file.read_text())["project"]["name"] for file in files}

    assert {package.distribution for package in KNOWN_PACKAGES} <= there


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_an_option_of_airflow_alone_is_told_with_what_serves_instead(
    command, option, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    assert run([command, option]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    told = f"There is no option {option} of '{command}'. {OPTIONS[command, option]}"
    assert line == f"airflow-lite: error: {told}"
