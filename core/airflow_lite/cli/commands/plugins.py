"""`airflow-lite plugins …`: nothing of a plugin runs in this process."""

from __future__ import annotations

from typing import Any

from airflow_lite.cli import context
from airflow_lite.cli.core_commands import CORE_NAMES
from airflow_lite.cli.output import DATA_FORMATS, Cell, print_fields, print_rows
from airflow_lite.config import Config
from airflow_lite.plugins.discovery.model import Entry, Plugin
from airflow_lite.plugins.probing.verdict import Verdict

#: The columns of a table of plugins, and those of a wide one.
SHOWN = ("name", "state", "reason", "remedy")
WIDE = ("distribution", "version")


def list_plugins(args: context.Args) -> int:
    """List executors, groups of commands and what else plugins have, with their state.

    The exit code is 1 if `[plugins] strict` is set and any is out of order.
    """
    config = context.config(args)
    plugins = known_plugins(config)
    rows = [row(plugin, entry) for plugin in plugins for entry in _named_entries(plugin)]
    rows += [row(plugin, None) for plugin in plugins if not plugin.entries]
    print_rows(rows, args.output, columns=args.columns, shown=SHOWN, wide=WIDE)
    wrong = any(plugin.is_wrong for plugin in plugins)
    return int(wrong and config.getboolean("plugins", "strict"))


def _named_entries(plugin: Plugin) -> list[Entry]:
    """Return its entry points, of those of one name the first."""
    return [*{entry.name: entry for entry in reversed(plugin.entries)}.values()][::-1]


def known_plugins(config: Config) -> list[Plugin]:
    """Return the installed distributions, each in the state that is known without a probe."""
    from airflow_lite.plugins.probing import quarantine

    return quarantine.known_plugins(config, CORE_NAMES)


def row(plugin: Plugin, entry: Entry | None) -> dict[str, Any]:
    """Return what every listing says of one name of a plugin."""
    return {
        "name": entry.name if entry else plugin.distribution,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state.value,
        "reason": plugin.reason,
        "remedy": plugin.remedy,
    }


def info(args: context.Args) -> int:
    """Show all about one plugin; it is probed, in a child process, if it was never used."""
    config = context.config(args)
    plugins = _plugins_named(args.name, known_plugins(config))
    items = [fields_of(_info(plugin, config)) for plugin in plugins]
    print_fields(items, args.output, columns=args.columns)
    return 0


def fields_of(info: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a plugin as people read it: a name a line."""
    return {name: Cell(value, _lines(value)) for name, value in info.items()}


def _lines(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name} = {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _plugins_named(name: str, plugins: list[Plugin]) -> list[Plugin]:
    """Return the distributions of this name, or that hold an entry point of it."""
    from airflow_lite.plugins.discovery.model import PluginError, normalised
    from airflow_lite.text import did_you_mean

    names = {plugin: _names(plugin) for plugin in plugins}
    matches = [plugin for plugin in plugins if {name, normalised(name)} & names[plugin]]
    if not matches:
        vocabulary = sorted({word for words in names.values() for word in words})
        raise PluginError(
            f"There is no plugin {name[:60]!r}.{did_you_mean(name, vocabulary)} List them with "
            "`airflow-lite plugins list`."
        )
    return matches


def _names(plugin: Plugin) -> set[str]:
    return {plugin.distribution, *(entry.name for entry in plugin.entries)}


def _info(plugin: Plugin, config: Config) -> dict[str, Any]:
    from airflow_lite.plugins.probing.quarantine import judged

    plugin, verdicts = judged(plugin, config)
    return {
        **row(plugin, None),
        "summary": plugin.summary,
        "location": plugin.location,
        "requires": list(plugin.requires),
        "executors": {entry.name: entry.value for entry in plugin.executors},
        "groups": {entry.name: entry.value for entry in plugin.groups},
        "authoring": {entry.name: entry.value for entry in plugin.authoring},
        "timetables": {entry.name: entry.value for entry in plugin.timetables},
        "secrets": {entry.name: entry.value for entry in plugin.secrets},
        "commands": commands_of(verdicts),
        "options": options_of(plugin, verdicts),
        "import_ms": {verdict.value: verdict.import_ms for verdict in verdicts},
        "packages": sorted({name for verdict in verdicts for name in verdict.packages}),
    }


def commands_of(verdicts: list[Verdict]) -> list[str]:
    """Return the commands of a plugin, as they are typed."""
    return [
        f"{group} {name}"
        for verdict in verdicts
        for group, names in verdict.commands.items()
        for name in names
    ]


def options_of(plugin: Plugin, verdicts: list[Verdict]) -> dict[str, str]:
    """Return the options that a plugin may declare, and does, with what each is for."""
    from airflow_lite.plugins.probing.verdict import may_declare

    rows = [row for verdict in verdicts for row in verdict.options if may_declare(plugin, row[0])]
    return {f"[{section}] {name}": text for section, name, _, text in rows}


def doctor(args: context.Args) -> int:
    """Probe plugins afresh and check the executor's health; return 1 if anything is wrong."""
    from airflow_lite.plugins.discovery.index import installed_plugins
    from airflow_lite.plugins.discovery.owners import in_conflict
    from airflow_lite.plugins.probing.doctor import examine, health

    config = context.config(args)
    plugins = in_conflict(installed_plugins(config), CORE_NAMES)  # whatever a probe once said
    plugins = _plugins_named(args.name, plugins) if args.name else plugins
    plugins = [plugin for plugin in plugins if not plugin.is_core]
    executors = [config.get("core", "executor")]
    if args.name:
        executors = [entry.name for plugin in plugins for entry in plugin.executors]
    findings = examine(plugins, config)
    bad = [finding.distribution for finding in findings if finding.state == "quarantined"]
    for name in () if args.no_health else dict.fromkeys(executors):
        findings += health(name, config, bad)
    if not findings:
        context.notice("There are no plugins, and none is needed.")
    if findings or args.output in DATA_FORMATS:
        print_rows(
            [finding._asdict() for finding in findings],
            args.output,
            columns=args.columns,
            shown=SHOWN,
            wide=(*WIDE, "import_ms", "modules"),
        )
    return int(not all(finding.is_good for finding in findings))


def new(args: context.Args) -> int:
    """Write a distribution that has all that an executor needs, and say what to do next."""
    from pathlib import Path

    from airflow_lite.plugins.new import names_of, write_plugin

    names = names_of(args.name, CORE_NAMES)
    folder = Path(args.directory) / names.distribution
    for file in write_plugin(names, folder):
        print(file)
    context.notice(
        f"Made {names.executor}. Next: cd {folder} && pip install -e '.[test]' && pytest"
    )
    context.notice(
        "Where no package index has airflow-lite: pip install hatchling argparse-manpage editables,"
        " then pip install --no-build-isolation -e '.[test]'"
    )
    return 0
