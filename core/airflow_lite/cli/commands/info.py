"""`airflow-lite info`."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import socket
import sys

from airflow_lite import __version__
from airflow_lite.cli import context
from airflow_lite.cli.output import print_fields, print_rows
from airflow_lite.config import Config
from airflow_lite.errors import UserError

_TOOLS = ("bash", "git", "sqlite3", "psql", "dot")


def info(args: context.Args) -> int:
    """Show versions, paths and settings, and what about the executor one should know."""
    config = context.config(args)
    parts = {
        "airflow-lite": _settings(config),
        "System info": _system(),
        "Tools info": {name: shutil.which(name) or "NOT AVAILABLE" for name in _TOOLS},
        "Paths info": _paths(config),
        "Plugins info": _plugins(config),
    }
    if args.anonymize:
        parts = {title: _anonymous(rows) for title, rows in parts.items()}
    _print(parts, args.output)
    _warn(config)
    return 0


def _print(parts: dict[str, dict[str, str]], output: str) -> None:
    if output in {"json", "yaml"}:
        names = {title: title.lower().replace(" ", "_").replace("-", "_") for title in parts}
        print_rows([{names[title]: rows} for title, rows in parts.items()], output)
        return
    for title, rows in parts.items():
        print(f"\n{title}")
        print_fields([rows], output)


def _settings(config: Config) -> dict[str, str]:
    from airflow_lite.store.migrate import shown_address

    return {
        "version": __version__,
        "executor": config.get("core", "executor"),
        "sql_alchemy_conn": shown_address(config),
        "dags_folder": config.get("core", "dags_folder"),
        "base_log_folder": config.get("logging", "base_log_folder"),
        "parallelism": config.get("core", "parallelism"),
    }


def _system() -> dict[str, str]:
    return {
        "OS": platform.system(),
        "architecture": platform.machine(),
        "uname": " ".join(platform.uname()),
        "hostname": socket.gethostname(),
        "python_version": sys.version.replace("\n", " "),
        "python_location": sys.executable,
    }


def _paths(config: Config) -> dict[str, str]:
    from airflow_lite.config import CONFIG_FILE

    return {
        "airflow_lite_home": str(config.home),
        "configuration": str(config.home / CONFIG_FILE),
        "system_path": os.environ.get("PATH", ""),
        "python_path": os.pathsep.join(sys.path),
    }


def _plugins(config: Config) -> dict[str, str]:
    from airflow_lite.plugins.discovery.index import installed_plugins

    plugins = [plugin for plugin in installed_plugins(config) if not plugin.is_core]
    return {plugin.distribution: f"{plugin.version} {plugin.state}" for plugin in plugins}


def _anonymous(rows: dict[str, str]) -> dict[str, str]:
    hidden = {os.path.expanduser("~"): "${HOME}", socket.gethostname(): "${HOSTNAME}"}
    hidden |= {f"/{getpass.getuser()}/": "/${USER}/"}
    for secret, shown in hidden.items():
        if len(secret) > 1:
            rows = {name: value.replace(secret, shown) for name, value in rows.items()}
    return rows


def _warn(config: Config) -> None:
    """Say on stderr if the executor is not for production, or cannot be loaded."""
    from airflow_lite.plugins.executors import executor_flag

    name = config.get("core", "executor")
    try:
        is_production = executor_flag(name, "is_production", config)
    except UserError as error:
        context.notice(f"[WARN] {error}")
        return
    if not is_production:
        context.notice(f"[WARN] {name} is not meant for production.")
