"""Wrong in the commands that it brings."""
# mypy: disable-error-code="override"

from __future__ import annotations

from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite_testing.mutants.base import Mutant

_FUNCTION = lazy_load_command("airflow_lite.cli.commands.version.version")


def _group(name: str, *commands: ActionCommand) -> list[GroupCommand]:
    return [GroupCommand(name, "Commands of a mutant", commands)]


class CommandsOfTheInstance(Mutant):
    """Needs an instance to list its commands."""

    caught_by = "basic.cli.static-list-of-groups"

    def get_cli_commands(self) -> list[GroupCommand]:
        """Return the group."""
        return _group("mutant", ActionCommand("show", "Show it", _FUNCTION))


class CommandWithoutHelp(Mutant):
    """Has a command with a blank in its name, and without help."""

    caught_by = "basic.cli.well-formed"

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the group."""
        return _group("mutant", ActionCommand("Show All", "", _FUNCTION))


class FlagTwice(Mutant):
    """Has one flag twice in one command."""

    caught_by = "basic.cli.parses"

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the group."""
        args = (Arg("--all", action="store_true"), Arg("--all", action="store_true"))
        return _group("mutant", ActionCommand("show", "Show it", _FUNCTION, args))


class TakesAnOptionOfTheProgram(Mutant):
    """Has an option that no command ever sees."""

    caught_by = "basic.cli.parses"

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the group."""
        return _group("mutant", ActionCommand("show", "Show it", _FUNCTION, (Arg("--executor"),)))


class ShadowsCoreCommand(Mutant):
    """Has a group of the name of one of the core's."""

    caught_by = "basic.cli.shadows-no-core-command"

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the group."""
        return _group("dags", ActionCommand("show", "Show it", _FUNCTION))


class CommandsThatImport(Mutant):
    """Imports a heavy library to list its commands."""

    caught_by = "basic.cli.free-to-ask"

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the group."""
        import sqlalchemy

        return _group("mutant", ActionCommand("show", sqlalchemy.__version__, _FUNCTION))


class FunctionThatIsNotThere(Mutant):
    """Names a function that cannot be imported."""

    caught_by = "basic.cli.functions-can-be-imported"

    @staticmethod
    def get_cli_commands() -> list[GroupCommand]:
        """Return the group."""
        function = lazy_load_command("airflow_lite_testing.mutants.cli.no_such_function")
        return _group("mutant", ActionCommand("show", "Show it", function))
