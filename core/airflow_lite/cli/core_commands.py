"""The core's commands as a static table: their names cannot be taken by a plugin."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from airflow_lite.api.commands.spec import CLICommand, GroupCommand


class CoreCommand(NamedTuple):
    """A name, one line of help, and whether it is a group, whose spec has a module of its own."""

    name: str
    help: str
    is_group: bool = True


CORE_COMMANDS = (
    CoreCommand("cheat-sheet", "List all commands, a line each", is_group=False),
    CoreCommand(
        "completion", "Print what makes your shell's Tab key complete commands", is_group=False
    ),
    CoreCommand("config", "View the configuration"),
    CoreCommand("connections", "Manage connections"),
    CoreCommand("dags", "Manage DAGs and their runs"),
    CoreCommand("datasets", "Look at datasets, and who makes and awaits them"),
    CoreCommand("db", "Manage the metadata database"),
    CoreCommand("executors", "Look at executors, and test them"),
    CoreCommand("info", "Show what runs here: versions, paths, settings", is_group=False),
    CoreCommand("jobs", "Look at running schedulers"),
    CoreCommand("man", "Read the manual", is_group=False),
    CoreCommand("plugins", "Look at the installed plugins"),
    CoreCommand("pools", "Manage pools"),
    CoreCommand("quickstart", "Make a home and run an example DAG in it", is_group=False),
    CoreCommand(
        "rotate-fernet-key",
        "Encrypt secrets of the database anew",
        is_group=False,
    ),
    CoreCommand("scheduler", "Run the scheduler, with the executor inside", is_group=False),
    CoreCommand("standalone", "Run all there is, in one terminal", is_group=False),
    CoreCommand("tasks", "Manage tasks"),
    CoreCommand("triggerer", "Run triggers, in place of the schedulers", is_group=False),
    CoreCommand("variables", "Manage Variables"),
    CoreCommand("version", "Show the version", is_group=False),
)
CORE_NAMES = tuple(entry.name for entry in CORE_COMMANDS)


def find(name: str) -> CLICommand | None:
    """Return the core's command of this name, its spec imported; None if there is none."""
    return next((load(entry) for entry in CORE_COMMANDS if entry.name == name), None)


def load(entry: CoreCommand) -> CLICommand:
    """Import the spec of one row of the table."""
    module = entry.name if entry.is_group else "single"
    commands: tuple[CLICommand, ...] = import_module(f"airflow_lite.cli.specs.{module}").COMMANDS
    if entry.is_group:
        return GroupCommand(entry.name, entry.help, commands)
    return next(command for command in commands if command.name == entry.name)


def all_commands() -> list[CLICommand]:
    """Return every command of the core, for help pages and completion."""
    return [load(entry) for entry in CORE_COMMANDS]
