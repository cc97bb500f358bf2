"""Basic: the commands that the executor brings, as data."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from airflow_lite.api.commands.parser import faults_of
from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand
from airflow_lite.cli.core_commands import CORE_COMMANDS
from airflow_lite_testing.case import NotApplicable, case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.cases.imports import HEAVY
from airflow_lite_testing.needs import module_of_its_own, overrides
from airflow_lite_testing.probe import probe_import

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite_testing.subject import Subject

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_writes_commands = overrides("get_cli_commands")


def _brings_commands(subject: Subject) -> str | None:
    """Return None if commands come with the executor, by its class or by its plugin's hook."""
    return None if subject.modules else _writes_commands(subject)


class CliCases(Cases):
    """`get_cli_commands`."""

    @case("basic.cli.static-list-of-groups")
    def test_commands_are_a_static_list_of_groups(self) -> None:
        """`get_cli_commands` is static and returns a list of GroupCommand, each time the same."""
        static = inspect.getattr_static(self.subject.type, "get_cli_commands")
        assert isinstance(static, staticmethod), "get_cli_commands is not a static method"
        groups = self.subject.type.get_cli_commands()
        assert isinstance(groups, list), f"get_cli_commands returned {groups!r}, not a list"
        for group in [*groups, *self.subject.groups()]:
            assert isinstance(group, GroupCommand), f"{group!r} is not a GroupCommand"
        names, again = ([group.name for group in self.subject.groups()] for _ in range(2))
        assert names == again, "a second call returned other groups"

    @case("basic.cli.well-formed", _brings_commands)
    def test_commands_are_well_formed(self) -> None:
        """Every command has a lower-case name, a line of help, a function, and Args."""
        for path, command in _walk(self.subject.groups()):
            assert _NAME.fullmatch(command.name), (
                f"{path} is no name of a command: use a-z, 0-9, - and _"
            )
            assert _is_line(command.help), f"{path} has no one line of help"
            if isinstance(command, ActionCommand):
                assert callable(command.func), f"{path} has no function: {command.func!r}"
                for arg in command.args:
                    assert isinstance(arg, Arg), f"{path} has {arg!r} among its args"

    @case("basic.cli.parses", _brings_commands)
    def test_commands_can_be_parsed(self) -> None:
        """Argparse takes the whole tree: no name or flag twice, none of airflow-lite's own."""
        for group in self.subject.groups():
            names = [path for path, _ in _walk([group])]
            twice = sorted({name for name in names if names.count(name) > 1})
            assert not twice, f"{', '.join(twice)} is there twice"
            _check(group)

    @case("basic.cli.shadows-no-core-command", _brings_commands)
    def test_commands_shadow_no_core_command(self) -> None:
        """No group has the name of a command of the core."""
        core = {command.name for command in CORE_COMMANDS}
        taken = core & {group.name for group in self.subject.groups()}
        assert not taken, f"{', '.join(sorted(taken))} is a command of airflow-lite itself"

    @case("basic.cli.free-to-ask", module_of_its_own, _brings_commands)
    def test_commands_cost_nothing_to_ask_for(self) -> None:
        """Asking for the commands imports nothing heavy, starts nothing and prints nothing."""
        assert self.subject.path is not None
        for path in self.subject.modules or (self.subject.path,):
            result = probe_import(path, "get_cli_commands")
            heavy = {name.partition(".")[0] for name in result.modules} & HEAVY
            assert not heavy, f"get_cli_commands imports {', '.join(sorted(heavy))}"
            assert not result.output, f"get_cli_commands prints {result.output[:200]!r}"
            assert not result.threads, f"get_cli_commands starts {result.threads}"
            assert not result.children, "get_cli_commands starts a process"

    @case("basic.cli.functions-can-be-imported", _brings_commands)
    def test_functions_of_commands_can_be_imported(self) -> None:
        """What `lazy_load_command` names is there."""
        from airflow_lite.imports import import_string

        lazy = [
            (path, command.func.import_path)
            for path, command in _walk(self.subject.groups())
            if hasattr(getattr(command, "func", None), "import_path")
        ]
        if not lazy:
            raise NotApplicable("none of its commands is loaded lazily")
        for path, import_path in lazy:
            assert callable(import_string(import_path)), f"{path}: {import_path} is no function"


def _walk(commands: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for command in commands:
        path = f"{above} {command.name}".strip()
        yield path, command
        if isinstance(command, GroupCommand):
            yield from _walk(command.subcommands, path)


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text


def _check(group: GroupCommand) -> None:
    try:
        faults = [*faults_of(group)]
    except Exception as error:
        raise AssertionError(f"argparse refuses {group.name}: {error}") from error
    assert not faults, faults[0]
