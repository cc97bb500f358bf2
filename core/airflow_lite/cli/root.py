"""`airflow-lite` without a command, and commands that are not the core's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli.core_commands import CORE_COMMANDS, CORE_NAMES
from airflow_lite.cli.options import GLOBAL
from airflow_lite.cli.program import config_of
from airflow_lite.errors import UsageError, UserError

if TYPE_CHECKING:
    from airflow_lite.api.commands.spec import Arg, GroupCommand
    from airflow_lite.cli.program import Flags
    from airflow_lite.config import Config

USAGE = "usage: airflow-lite [-h] [--version] [--executor NAME] [--no-plugins] COMMAND ..."
#: The most executors that are named to a user who asks for an unknown command.
_MOST_EXECUTORS = 3


def root_help(flags: Flags) -> str:
    """Return the help of `airflow-lite` itself; no spec is imported for it."""
    groups = [(entry.name, entry.help) for entry in CORE_COMMANDS if entry.is_group]
    single = [(entry.name, entry.help) for entry in CORE_COMMANDS if not entry.is_group]
    parts = [USAGE, "", *_section("Groups", groups), *_section("Commands", single)]
    parts += _section("Groups of plugins", _plugin_groups(flags))
    options = [(_flags(option), option.kwargs["help"]) for option in GLOBAL]
    parts += _section("Options", options)
    parts += ["See `airflow-lite COMMAND --help` for one command. Start with `quickstart`."]
    return "\n".join(parts)


def _flags(option: Arg) -> str:
    return " ".join(filter(None, (", ".join(option.flags), option.kwargs.get("metavar"))))


def _section(title: str, rows: list[tuple[str, str]]) -> list[str]:
    return [f"{title}:", *(f"  {name:<19}{text}" for name, text in rows), ""] if rows else []


def _plugin_groups(flags: Flags) -> list[tuple[str, str]]:
    """Return the groups that plugins offer; none where the configuration cannot be read."""
    from airflow_lite.plugins.groups import command_groups

    try:
        return command_groups(config_of(flags), CORE_NAMES, probing=True)
    except UserError as error:
        return [("(none)", str(error))]


def plugin_command(flags: Flags, name: str) -> tuple[GroupCommand, Config]:
    """Return the group of a plugin, and the configuration with its options.

    Raises `UserError`: which package has it and how to enable it, or the nearest name.
    """
    from airflow_lite.plugins.groups import UnknownGroupError, load_group

    config = config_of(flags)
    try:
        return load_group(name, config), config
    except UnknownGroupError:
        refuse_word_of_airflow([name])
        raise _unknown(name, config) from None


def renamed(words: list[str]) -> list[str]:
    """Return the words of the command that does what one of Airflow's does, with a notice."""
    from airflow_lite.cli.context import notice
    from airflow_lite.cli.specs.airflow_words import RENAMED

    name = RENAMED.get((*words[:2],))
    if name is None:
        return words
    notice(f"`{' '.join(words[:2])}` is `airflow-lite {' '.join(name)}` here.")
    return [*name, *words[2:]]


def refuse_word_of_airflow(words: list[str]) -> None:
    """Raise `UsageError` with what serves instead, if these words are Airflow's alone."""
    from airflow_lite.cli.specs.airflow_words import COMMANDS, OPTIONS, SUBCOMMANDS

    group, *more = words
    if group in COMMANDS:
        raise UsageError(f"There is no command {group!r}. {COMMANDS[group]}")
    if more and (group, more[0]) in SUBCOMMANDS:
        told = SUBCOMMANDS[group, more[0]]
        raise UsageError(f"There is no command '{group} {more[0]}'. {told}")
    for word in more:
        if (group, word) in OPTIONS:
            raise UsageError(f"There is no option {word} of '{group}'. {OPTIONS[group, word]}")


def _unknown(name: str, config: Config) -> UserError:
    from airflow_lite.plugins.discovery.known_packages import KNOWN_PACKAGES
    from airflow_lite.plugins.discovery.locate import archives_hint
    from airflow_lite.plugins.groups import command_groups
    from airflow_lite.plugins.in_use import class_only
    from airflow_lite.text import did_you_mean

    offered = [group for group, _ in command_groups(config, CORE_NAMES)]
    names = dict.fromkeys([*CORE_NAMES, *(package.group for package in KNOWN_PACKAGES), *offered])
    hint = did_you_mean(name, names)
    plugins = class_only(config)
    executors = [
        f"{entry.name} of {plugin.title}" for plugin in plugins for entry in plugin.executors
    ]
    if executors:
        some = ", ".join(executors[:_MOST_EXECUTORS])
        hint += f" An executor may bring it; choose that one with --executor: {some}."
    return UsageError(
        f"There is no command {name[:60]!r}.{hint}{archives_hint()} See `airflow-lite --help`."
    )
