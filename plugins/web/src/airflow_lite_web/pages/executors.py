"""*Executors and plugins*, and *settings*: what is installed and how it is set; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.cli.core_commands import CORE_NAMES
from airflow_lite.clock import US_PER_S, iso
from airflow_lite.plugins.discovery.owners import is_meant
from airflow_lite.plugins.loading import add_known_options
from airflow_lite.plugins.probing.doctor import Panel, health, panels
from airflow_lite.plugins.probing.quarantine import known_plugins, known_verdicts
from airflow_lite.secrets_masker import shown_option
from airflow_lite.store import jobs, ownership
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.plugins.discovery.model import Entry, Plugin

#: Schedulers that have ended, shown beside those that run.
_MOST_ENDED = 10


def executors(ask: Ask) -> Page:
    """Show who schedules, the executors and the plugins.

    With `check=1` the health is checked, and plugins show what the executor runs tasks with.
    """
    config = ask.site.config
    with ask.site.store.read() as connection:
        running = jobs.running_jobs(connection)
        ended = jobs.jobs_of_state(connection, "failed", kind="scheduler", limit=_MOST_ENDED)
        owned = ownership.owned_counts(connection)
    chosen = config.get("core", "executor").strip()
    plugins = known_plugins(config, CORE_NAMES)
    may_check = ask.user.role >= Role.OPERATOR
    is_checked = may_check and ask.word("check") == "1"
    data = {
        "jobs": [_job(job, owned.get(job.id, ownership.DagCount()).total) for job in running],
        "ended": [_job(job, 0) for job in ended],
        "chosen": chosen,
        "executors": sorted(
            (
                _executor(plugin, entry, config, is_chosen=bool(is_meant(entry, chosen)))
                for plugin in plugins
                for entry in plugin.executors
            ),
            key=lambda row: (not row["is_chosen"], row["name"]),
        ),
        "plugins": [_plugin(plugin) for plugin in plugins if not plugin.is_core],
        "may_check": may_check,
        "is_checked": is_checked,
        "health": [finding._asdict() for finding in health(chosen, config)] if is_checked else [],
        "panels": [_panel(panel) for panel in panels(chosen, config)] if is_checked else [],
    }
    title = "Executors and plugins"
    return Page("executors.html", title, data, "executors", section="Executors")


def _job(job: Any, dag_count: int) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind.replace("_", " "),
        "state": job.state,
        "hostname": job.hostname,
        "pid": job.pid,
        "executor": job.executor,
        "dags": dag_count,
        "taken_slots": job.taken_slots,
        "open_slots": job.open_slots,
        "beat_age_s": round(job.silent_us / US_PER_S, 1),
        "start": iso(job.start_us),
        "end": iso(job.end_us),
    }


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "text": panel.text,
        "columns": panel.columns,
        "rows": [dict(zip(panel.columns, row, strict=True)) for row in panel.rows],
    }


def _executor(plugin: Plugin, entry: Entry, config: Config, *, is_chosen: bool) -> dict[str, Any]:
    return {
        "name": entry.name,
        "is_chosen": is_chosen,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state.value,
        "reason": plugin.reason,
        "remedy": plugin.remedy,
        "flags": ", ".join(_flags(plugin, entry, config)),
    }


def _flags(plugin: Plugin, entry: Entry, config: Config) -> list[str]:
    """Return what an executor said of itself when it was last probed; the core's are known."""
    if plugin.is_core:
        return ["one task at a time, not for production"] * (entry.name == "SequentialExecutor")
    return [
        f"{name} = {value}"
        for verdict in known_verdicts(plugin, config)
        if verdict.value == entry.value
        for name, value in verdict.flags.items()
    ]


def _plugin(plugin: Plugin) -> dict[str, Any]:
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state.value,
        "is_wrong": plugin.is_wrong,
        "reason": plugin.reason,
        "remedy": plugin.remedy,
        "brings": ", ".join(dict.fromkeys(entry.name for entry in plugin.entries)),
    }


def settings(ask: Ask) -> Page:
    """Show every option with its value, where that comes from, and what it does; secrets masked."""
    config = ask.site.config
    add_known_options(config)
    rows = []
    for option in config.options():
        value, source = config.lookup(option.section, option.name)
        rows.append(
            {
                "section": option.section,
                "name": option.name,
                "value": shown_option(option.name, value),
                "source": source,
                "is_default": source == "default",
                "help": option.help,
            }
        )
    is_changed = ask.word("changed") == "1"
    rows = [row for row in rows if not (is_changed and row["is_default"])]
    data = {"settings": rows, "home": str(config.home), "is_changed": is_changed}
    return Page("settings.html", "Settings", data, "settings", section="Settings")


ROUTES = [*page_routes("/executors", executors), *page_routes("/settings", settings)]
