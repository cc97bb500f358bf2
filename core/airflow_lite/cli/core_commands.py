"""The core's commands as a static table: their names cannot be taken by a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_lite.cli.spec import CLICommand


class CoreCommand(NamedTuple):
    """A name, one line of help, whether it is a group, and the module that holds its spec."""

    name: str
    help: str
    is_group: bool
    module: str


CORE_COMMANDS = (
    CoreCommand(
        "completion", "Print what makes your shell's Tab key complete commands", False, "single"
    ),
    CoreCommand("config", "View the configuration", True, "config"),
    CoreCommand("dags", "Manage DAGs and their runs", True, "dags"),
    CoreCommand("db", "Manage the metadata database", True, "db"),
    CoreCommand("executors", "Look at executors, and test them", True, "executors"),
    CoreCommand("info", "Show what runs here: versions, paths, settings", False, "single"),
    CoreCommand("jobs", "Look at running schedulers", True, "jobs"),
    CoreCommand("man", "Read the manual", False, "single"),
    CoreCommand("plugins", "Look at the installed plugins", True, "plugins"),
    CoreCommand("pools", "Manage pools", True, "pools"),
    CoreCommand("quickstart", "Make a home and run an example DAG in it", False, "single"),
    CoreCommand("scheduler", "Run the scheduler, with the executor inside", False, "single"),
    CoreCommand("tasks", "Manage tasks", True, "tasks"),
    CoreCommand("version", "Show the version", False, "single"),
)


def find(name: str) -> CLICommand | None:
    """Return the core's command of this name, its spec imported; None if there is none."""
    for entry in CORE_COMMANDS:
        if entry.name == name:
            return load(entry)
    return None


def load(entry: CoreCommand) -> CLICommand:
    """Import the spec of one row of the table."""
    from importlib import import_module

    from airflow_lite.cli.spec import GroupCommand

    found: tuple[CLICommand, ...] = import_module(f"airflow_lite.cli.specs.{entry.module}").COMMANDS
    if entry.is_group:
        return GroupCommand(entry.name, entry.help, found)
    return next(command for command in found if command.name == entry.name)


def all_commands() -> list[CLICommand]:
    """Return every command of the core, for help pages and completion."""
    return [load(entry) for entry in CORE_COMMANDS]
