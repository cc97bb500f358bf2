"""Write the generated pages of the reference.

    python docs/generate.py

`tests/unit/docs` fails where a page differs from what this makes of the code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))  # however this file is imported

import generate_api
import generate_errors
import generate_hooks
import generate_names
import generate_plugins
import generate_rest_api
import generate_supported

from airflow_lite._config_options import RANGES
from airflow_lite.api.commands.spec import ActionCommand, Arg, CLICommand
from airflow_lite.cli.core_commands import all_commands
from airflow_lite.config import core_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.config import ConfigOption

REFERENCE = Path(__file__).parent / "reference"


def configuration() -> str:
    """Return configuration.md, from the table of options."""
    lines = [
        "# Configuration",
        "",
        "Settings come from `airflow_lite.cfg` in the home (`AIRFLOW_LITE_HOME`, by default `~/airflow-lite`),",
        "from environment variables `AIRFLOW_LITE__SECTION__NAME` over it, and from `--executor` over both.",
        "`{home}` in a value stands for the home. `airflow-lite config list` shows what is in force.",
    ]
    lines += _options(core_options())
    for plugin in generate_plugins.plugins():
        if plugin.options:
            lines += ["", f"Options of `{plugin.distribution}`:"]
            lines += _options(plugin.options)
    return "\n".join(lines) + "\n"


def _options(options: Iterable[ConfigOption]) -> list[str]:
    lines: list[str] = []
    section = ""
    for option in options:
        if option.section != section:
            section = option.section
            lines += [
                "",
                f"## [{section}]",
                "",
                "| option | default | what it is |",
                "|---|---|---|",
            ]
        default = f"`{option.default}`" if option.default else "(empty)"
        lines.append(f"| `{option.name}` | {default} | {option.help}{_range(option)} |")
    return lines


def _range(option: ConfigOption) -> str:
    limits = RANGES.get((option.section, option.name))
    return "" if limits is None else f" From {limits[0]:g} to {limits[1]:.10g}."


def commands() -> str:
    """Return commands.md, from the specs of the commands."""
    lines = [
        "# Commands",
        "",
        "Global options come first: `airflow-lite --executor NAME COMMAND …` and `airflow-lite --no-plugins COMMAND …`.",
        "Every command takes `--help` and `-v` (`--verbose`).",
        "A mistake gives one line on stderr and exit code 1, or 2 where the arguments are wrong.",
    ]
    for command in all_commands():
        lines += _command("airflow-lite", command, 2)
    for plugin in generate_plugins.plugins():
        lines += ["", f"## Commands of {plugin.distribution}", ""]
        lines += [_condition(plugin)]
        for group in plugin.groups:
            lines += _command("airflow-lite", group, 3)
    return "\n".join(lines) + "\n"


def _condition(plugin: generate_plugins.Bundled) -> str:
    if plugin.executor is None:
        return "They are there wherever it is installed."
    return f"They need `--executor {plugin.executor}`, or that executor configured."


def _command(prefix: str, command: CLICommand, level: int) -> list[str]:
    name = f"{prefix} {command.name}"
    lines = ["", f"{'#' * level} {name}", "", f"{command.description or command.help}."]
    lines = [line.replace("..", ".") for line in lines]
    if isinstance(command, ActionCommand):
        return lines + _arguments(list(command.args)) + _epilog(command.epilog)
    for child in command.subcommands:
        lines += _command(name, child, level + 1)
    return lines


def _arguments(args: list[Arg]) -> list[str]:
    if not args:
        return []
    rows = [f"| `{', '.join(_flags(arg))}` | {arg.kwargs.get('help', '')} |" for arg in args]
    return ["", "| argument | what it is |", "|---|---|", *rows]


def _flags(arg: Arg) -> list[str]:
    if arg.is_positional:
        return [str(arg.kwargs.get("metavar", arg.flags[0]))]
    value = arg.kwargs.get("metavar", "")
    return [f"{flag} {value}".strip() for flag in arg.flags]


def _epilog(text: str | None) -> list[str]:
    return ["", "```text", text, "```"] if text else []


PAGES = {
    "configuration.md": configuration,
    "commands.md": commands,
    "errors.md": generate_errors.page,
    "airflow-names.md": generate_names.page,
    "hooks.md": generate_hooks.page,
    "plugin-api.md": generate_api.page,
    "rest-api.md": generate_rest_api.page,
    "supported.md": generate_supported.page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
