"""From `[core] executor` to where its class is: nothing of it is imported."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from airflow_lite.config import ENV_PREFIX, Config
from airflow_lite.errors import ConfigError, UnknownExecutorError
from airflow_lite.plugins.discovery.index import installed_plugins, plugins_allowed
from airflow_lite.plugins.discovery.known_packages import (
    CORE_EXECUTORS,
    package_of_executor,
)
from airflow_lite.plugins.discovery.model import Entry, Plugin, PluginState
from airflow_lite.plugins.discovery.owners import executors_named, sole_owner
from airflow_lite.plugins.discovery.search_path import archives, spec_of
from airflow_lite.plugins.discovery.targets import EXECUTOR, Target, modules_of
from airflow_lite.text import nearest

#: Begins the name of what stands for an executor that is given by module path.
BY_PATH = "by-path-"


class Located(NamedTuple):
    """Where an executor is: the path of its class, and the distribution that named it, if any."""

    name: str
    path: str
    plugin: Plugin | None = None
    entry_name: str = ""

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{self.name!r}" if self.plugin is None else f"{self.name!r} of {self.plugin.title}"

    @property
    def targets(self) -> list[Target]:
        """What is imported to run it: the modules that speak for its plugin, and its class."""
        modules = [] if self.plugin is None else modules_of(self.plugin)
        value = self.path if ":" in self.path else ":".join(self.path.rsplit(".", 1))
        return [*modules, Target(EXECUTOR, self.entry_name or self.name, value)]


def configured_name(config: Config) -> str:
    """Return the one executor that `[core] executor` names; raise `ConfigError`."""
    return _checked_name(config.get("core", "executor"), chosen_by(config))


def chosen_by(config: Config) -> str:
    """Return what chose the executor, as the user knows it: the option, or the setting."""
    source = config.lookup("core", "executor")[1]
    by_name = {"override": "--executor", "env var": f"{ENV_PREFIX}CORE__EXECUTOR"}
    return by_name.get(source, "[core] executor")


def _checked_name(text: str, title: str) -> str:
    """Return an executor's name or path without blanks; refuse lists and aliases."""
    name = text.strip()
    if not name:
        raise ConfigError(f"{title} is empty. Name an executor, such as LocalExecutor.")
    if "," in name:
        raise ConfigError(
            f"{title} is {name!r}, a list. One executor runs at a time, so that every "
            "task has one place to be: name one."
        )
    if ":" in name:
        raise ConfigError(
            f"{title} is {name!r}. There are no aliases, as there is one executor: "
            "write its name, or package.module.Class."
        )
    return name


def locate(name_or_path: str, config: Config) -> Located:
    """Return where an executor is; nothing of it is imported.

    Raises `UnknownExecutorError` for an unknown name, with the nearest ones or the package to
    install, and `PluginError` for one that two plugins have, or one that is out of order.
    """
    is_chosen = name_or_path == config.get("core", "executor")
    name = _checked_name(name_or_path, chosen_by(config) if is_chosen else "The executor's name")
    if name in CORE_EXECUTORS:
        return Located(name, CORE_EXECUTORS[name])
    owners = [owned for owned in executors_named(config, name) if not owned.plugin.is_core]
    if not owners and "." in name:
        return Located(name, name)
    if not owners:
        raise UnknownExecutorError(_unknown(name, config))
    plugin, entry = sole_owner(owners, f"executor {name!r}")
    return Located(name, entry.value, plugin, entry.name)


def _unknown(name: str, config: Config) -> str:
    if not plugins_allowed(config):
        return (
            f"There is no executor {name!r} in the core. Leave --no-plugins out, or use "
            f"{' or '.join(CORE_EXECUTORS)}."
        )
    package = package_of_executor(name)
    if package is not None:
        return f"{name} is not installed. Install it with `pip install {package}`."
    names = {entry.name for plugin in installed_plugins(config) for entry in plugin.executors}
    hint = _hint(name, names | set(CORE_EXECUTORS))
    return (
        f"There is no executor {name!r}.{hint}{_broken_hint(config)}{archives_hint()} "
        "List the installed ones with `airflow-lite plugins list`."
    )


def archives_hint() -> str:
    """Return a sentence on what stands on `sys.path` but is not searched for plugins."""
    places = archives()
    if not places:
        return ""
    return f" Archives on sys.path are not searched for plugins ({places[0]}): install it."


def _hint(name: str, names: Collection[str]) -> str:
    """Return the names that may be meant, whatever their case and without "Executor", too."""
    by_word = {word.lower(): known for known in names for word in (known, _stem(known))}
    matches = dict.fromkeys(by_word[word] for word in nearest(name.lower(), by_word))
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""


def _stem(name: str) -> str:
    return name.removesuffix("Executor") or name


def _broken_hint(config: Config) -> str:
    """Return a sentence on a distribution of which not even the executors' names can be read."""
    for plugin in installed_plugins(config):
        if plugin.state is PluginState.BROKEN and not plugin.executors:
            return f" {plugin.title} may have it, but is broken: {plugin.reason}. {plugin.remedy}"
    return ""


def unnamed_plugin(located: Located) -> Plugin | None:
    """Return an executor given by module path as a plugin, so that it is probed as one.

    None for the core's, or if it is not there. Its location names nothing: beside it is the
    module, whose changes so are seen.
    """
    module, _, name = located.path.rpartition(".")
    top = module.partition(".")[0]
    spec = spec_of(top) if top and ":" not in located.path else None
    if spec is None or top == __name__.partition(".")[0]:
        return None
    places = list(spec.submodule_search_locations or ())
    origin = os.path.abspath(places[0] if places else spec.origin or top)
    entry = Entry(located.name, f"{module}:{name}")
    location = os.path.join(os.path.dirname(origin), f"{top}.by-path")
    return Plugin(f"{BY_PATH}{located.path}", "", executors=(entry,), location=location)
