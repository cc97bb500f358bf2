"""`airflow-lite standalone`: all that runs, in one terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from airflow_lite.cli import context
from airflow_lite.cli.runs.components import Component, Components, say
from airflow_lite.config import Config
from airflow_lite.errors import UserError

#: The group of commands that serves a web page, and what the command in it may be called.
WEB, _SERVING = "web", ("serve", "start", "run")


def standalone(args: context.Args) -> int:
    """Make the store ready, then run the scheduler, and a web page if a package has one."""
    from airflow_lite.store import migrate
    from airflow_lite.store.revision import HEAD

    config = context.config(args)
    config.check()
    say("standalone", "Checking the metadata database")
    say("standalone", migrate.migrate(config, to=HEAD))
    executor = _executor(config)
    components = Components(config, list(_components(config, executor)))
    names = ", ".join(component.name for component in components.all)
    say("standalone", f"Starting {names}; tasks run on {executor}. Ctrl-C ends all")
    say("standalone", f"Put DAG files into {config.getpath('core', 'dags_folder')}")
    return components.run()


def _components(config: Config, executor: str) -> Iterator[Component]:
    yield Component("scheduler", ("--executor", executor, "scheduler"))
    if (serving := _web_command(config)) is not None:
        yield Component(WEB, serving)


def _executor(config: Config) -> str:
    """Return the configured executor if it is the core's; else one that needs no other machine."""
    from airflow_lite.plugins.discovery.locate import configured_name, locate

    name, source = config.lookup("core", "executor")
    if source == "default":
        return "LocalExecutor"
    if locate(configured_name(config), config).path.startswith("airflow_lite."):
        return name
    say("standalone", f"Forcing executor to LocalExecutor, in place of {name}")
    return "LocalExecutor"


def _web_command(config: Config) -> tuple[str, ...] | None:
    """Return the words of the command that serves a web page; None if no package has one."""
    from airflow_lite.plugins.groups import command_groups, load_group

    if WEB not in {name for name, _ in command_groups(config)}:
        return None
    try:
        names = [command.name for command in load_group(WEB, config).subcommands]
    except UserError as error:
        print(f"airflow-lite: the web page is left out: {error}", file=sys.stderr)
        return None
    serving = [name for name in _SERVING if name in names]
    return (WEB, serving[0]) if serving else (WEB, names[0]) if len(names) == 1 else None
