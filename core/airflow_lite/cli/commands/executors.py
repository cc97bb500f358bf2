"""`airflow-lite executors …`: nothing of a plugin runs in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.cli import context
from airflow_lite.cli.commands import plugins as plugin_commands
from airflow_lite.cli.output import print_fields, print_rows
from airflow_lite.errors import TestingExtraMissingError
from airflow_lite.imports import ModuleMissingError, import_module_named

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.plugins.discovery.locate import Located
    from airflow_lite.plugins.discovery.model import Plugin
    from airflow_lite.plugins.probing.verdict import Verdict


def list_executors(args: context.Args) -> int:
    """List the executors that `[core] executor` may name, and which one it does."""
    from airflow_lite.plugins.discovery.owners import is_meant

    config = context.config(args)
    chosen = config.get("core", "executor").strip()
    rows = [
        {**plugin_commands.row(plugin, entry), "configured": is_meant(entry, chosen)}
        for plugin in plugin_commands.known_plugins(config)
        for entry in plugin.executors
    ]
    print_rows(
        sorted(rows, key=lambda row: str(row["name"])),
        args.output,
        columns=args.columns,
        shown=("name", "configured", *plugin_commands.SHOWN[1:]),
        wide=plugin_commands.WIDE,
    )
    return 0


def info(args: context.Args) -> int:
    """Show all about one executor; it is probed, in a child process, if it was never used."""
    from airflow_lite.plugins.discovery.locate import locate

    config = context.config(args)
    located = locate(args.name or config.get("core", "executor"), config)
    items = [plugin_commands.fields_of(_info(located, config))]
    print_fields(items, args.output, columns=args.columns)
    return 0


def _info(located: Located, config: Config) -> dict[str, Any]:
    from airflow_lite import __version__
    from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS
    from airflow_lite.plugins.discovery.model import CORE, Plugin, PluginState
    from airflow_lite.plugins.discovery.targets import EXECUTOR
    from airflow_lite.plugins.probing.verdict import reason, remedy

    verdicts = _verdicts(located, config)
    plugin = located.plugin or Plugin("", "")
    if located.name in CORE_EXECUTORS:
        plugin = Plugin(CORE, __version__)
    for verdict in verdicts:
        if not verdict.is_sound:
            fix = remedy(verdict, plugin)
            plugin = plugin.in_state(PluginState.QUARANTINED, reason(verdict), fix)
    own = [verdict for verdict in verdicts if verdict.kind == EXECUTOR]
    modules = [verdict for verdict in verdicts if verdict.kind != EXECUTOR]
    beside = _beside(located, config)
    extended = [verdict for found in beside.values() for verdict in found]
    options = plugin_commands.options_of(plugin, verdicts)
    for other, found in beside.items():
        options |= plugin_commands.options_of(other, found)
    return {
        **plugin_commands.row(plugin, None),
        "name": located.name,
        "class": located.path,
        "flags": {name: value for verdict in own for name, value in verdict.flags.items()},
        "commands": plugin_commands.commands_of([*(modules or own), *extended]),
        "options": options,
    }


def _beside(located: Located, config: Config) -> dict[Plugin, list[Verdict]]:
    """Return the other plugins that go with an executor, with what their modules give."""
    from airflow_lite.plugins.discovery.targets import modules_of
    from airflow_lite.plugins.in_use import plugins_of
    from airflow_lite.plugins.probing.quarantine import verdicts

    own = located.plugin.distribution if located.plugin is not None else ""
    plugins = [one for one in plugins_of(located.name, config) if one.distribution != own]
    return {plugin: verdicts(plugin, modules_of(plugin), config) for plugin in plugins}


def _verdicts(located: Located, config: Config) -> list[Verdict]:
    from airflow_lite.plugins.authoring import authoring_hooks
    from airflow_lite.plugins.probing.probe import probe
    from airflow_lite.plugins.probing.quarantine import verdicts

    if located.plugin is None:
        timeout_s = config.getfloat("plugins", "import_timeout_s")
        return probe(located.targets, timeout_s=timeout_s, hooks=authoring_hooks(config))
    return verdicts(located.plugin, located.targets, config)


def certify(args: context.Args) -> int:
    """Run the conformance kit on one executor; exit 0 only if every applicable case passed."""
    import sys

    from airflow_lite.plugins.discovery.locate import locate

    located = locate(args.executor.replace(":", "."), context.config(args))
    output = sys.stderr if getattr(args, "verbose", False) else None
    report = _kit().certify(located, output=output).to_json()
    if args.output == "json":
        import json

        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(report, args.output)
    return 0 if report["conforms"] else 1


def _kit() -> Any:
    """Return the part of the conformance kit that certifies: a distribution of its own."""
    try:
        return import_module_named("airflow_lite_testing.certificate")
    except ModuleMissingError:
        raise TestingExtraMissingError from None


def _print(report: dict[str, Any], output: str) -> None:
    columns = ("case", "result", "reason")
    print_rows([{name: case[name] for name in columns} for case in report["cases"]], output)
    if output == "yaml":
        return
    print()
    levels = report["levels"]
    print_rows([{key.replace("_", " "): level[key] for key in level} for level in levels], output)
    verdict = "conforms" if report["conforms"] else "does not conform"
    title = report["executor"]
    if report["distribution"]:
        title += f" of {report['distribution']} {report['version']}"
    print(f"\n{title} {verdict} (airflow-lite {report['core_version']}, {report['date']}).")
