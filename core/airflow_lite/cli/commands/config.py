"""`airflow-lite config …`."""

from __future__ import annotations

from airflow_lite.cli import context
from airflow_lite.config import ENV_PREFIX, Config, ConfigOption, core_options
from airflow_lite.errors import ConfigError
from airflow_lite.secrets_masker import (
    MASK,
    is_secret_option,
    secrets_masker,
    without_url_secrets,
)


def get_value(args: context.Args) -> int:
    """Print the value of one option."""
    config = context.config(args)
    if args.section.lower() not in {option.section for option in core_options()}:
        _add_plugin_options(config)
    print(config.get(args.section, args.option))
    return 0


def list_options(args: context.Args) -> int:
    """Print the options as a configuration file."""
    config = context.config(args)
    if not args.exclude_providers:
        _add_plugin_options(config)
    options = config.options()
    sections = list(dict.fromkeys(option.section for option in options))
    if args.section is not None:
        sections = [_checked_section(args.section, sections)]
    for section in sections:
        print(f"[{section}]")
        for option in options:
            if option.section == section:
                _print_option(args, config, option)
        print()
    return 0


def _add_plugin_options(config: Config) -> None:
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
    if args.defaults:
        value, source = option.default, "default"
    if args.include_descriptions:
        print(f"# {option.help}")
    if args.include_examples:
        print(f"# Example: {option.name} = {option.default}")
    if args.include_sources:
        print(f"# Source: {source}")
    if args.include_env_vars:
        print(f"# Variable: {ENV_PREFIX}{option.section.upper()}__{option.name.upper()}")
    comment = "# " if args.comment_out_everything else ""
    print(f"{comment}{option.name} = {_without_secrets(option, value)}")


def _without_secrets(option: ConfigOption, value: str) -> str:
    """Return a value fit to be shown to whoever reads a whole listing, which gets pasted."""
    if value and is_secret_option(option.name, secrets_masker()):
        return MASK
    return without_url_secrets(value)
