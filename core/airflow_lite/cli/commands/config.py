"""`airflow-lite config …`."""

from __future__ import annotations

import os
import sys

from airflow_lite.cli import context
from airflow_lite.config import ENV_PREFIX, Config, ConfigOption, core_options
from airflow_lite.errors import ConfigError
from airflow_lite.secrets_masker import shown_option

_BOLD, _GREY, _PLAIN = "\x1b[1;34m", "\x1b[90m", "\x1b[0m"


def get_value(args: context.Args) -> int:
    """Print the value of one option."""
    config = context.config(args)
    if args.section.lower() not in {option.section for option in core_options()}:
        add_plugin_options(config)
    print(config.get(args.section, args.option))
    return 0


def list_options(args: context.Args) -> int:
    """Print the options as a configuration file."""
    config = context.config(args)
    if not args.exclude_providers:
        add_plugin_options(config)
    options = config.options()
    sections = list(dict.fromkeys(option.section for option in options))
    if args.section is not None:
        sections = [_checked_section(args.section, sections)]
    for section in sections:
        _print(args, "", f"[{section}]")
        for option in options:
            if option.section == section:
                _print_option(args, config, option)
        if not args.defaults:
            print()
    return 0


def add_plugin_options(config: Config) -> None:
    """Add the options of the plugins in use to the configuration; no plugin runs here."""
    from airflow_lite.plugins.loading import add_known_options

    for line in add_known_options(config):
        context.notice(f"[WARN] {line}")


def _checked_section(section: str, sections: list[str]) -> str:
    if section.lower() not in sections:
        names = ", ".join(sections)
        raise ConfigError(f"There is no section {section[:60]!r}. There are: {names}.")
    return section.lower()


def _print_option(args: context.Args, config: Config, option: ConfigOption) -> None:
    value, source = config.lookup(option.section, option.name)
    if args.defaults:  # a file to begin with, as Airflow's: told of, and all commented out
        value = option.default
    if args.include_descriptions or args.defaults:
        _print(args, f"# {option.help}")
    if args.include_examples:
        _print(args, f"# Example: {option.name} = {option.default}")
    if args.include_sources and not args.defaults:
        _print(args, f"# Source: {source}")
    if args.include_env_vars or args.defaults:
        variable = f"{ENV_PREFIX}{option.section.upper()}__{option.name.upper()}"
        _print(args, f"# Variable: {variable}")
    shown = shown_option(option.name, value)
    if args.comment_out_everything or args.defaults:
        _print(args, f"# {option.name} = {shown}")
    else:
        _print(args, "", option.name, f" = {shown}")
    if args.defaults:
        print()


def _print(args: context.Args, comment: str, name: str = "", rest: str = "") -> None:
    """Print a comment, or a name and what follows it, in colours where they are asked for."""
    if args.color == "on" or (args.color == "auto" and _has_colors()):
        comment, name = comment and f"{_GREY}{comment}{_PLAIN}", name and f"{_BOLD}{name}{_PLAIN}"
    print(comment + name + rest)


def _has_colors() -> bool:
    """Whether the output is a terminal that shows colours, by what it says, as in Airflow."""
    term = os.environ.get("TERM", "dumb").lower()
    known = "COLORTERM" in os.environ or term in {"xterm", "linux"} or "color" in term
    return sys.stdout.isatty() and known and not os.environ.get("NO_COLOR")
