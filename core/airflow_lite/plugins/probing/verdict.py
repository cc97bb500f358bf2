"""What a probe found out about one entry point of a plugin, and how that is said."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from airflow_lite.imports import NEWER_AIRFLOW, airflow_advice, is_airflows, refuses_airflow
from airflow_lite.plugins.discovery.model import Plugin
from airflow_lite.plugins.discovery.targets import Target

_BUG = "a bug in the plugin"
#: Begins the errors that an import may raise for want of a file, a program or a variable; what
#: has no name of an exception before it is what the core says of a plugin.
_MAY_LACK = re.compile(r"(?!(Syntax|Indentation|Tab|Name)Error\b)\w+(Error|Exception|Exit)\b")
#: Begins the error of a name of Airflow's that is not offered, which says what to write instead.
_REFUSED = "RefusedNameError: "
#: Importing may take this long, in ms, before it counts as a problem.
SLOW_MS = 1000


_TUPLES = ("packages", "threads", "warnings", "bases", "halves")


class Verdict(NamedTuple):
    """What importing one entry point did, and what is in it.

    `error` is the first cause of why it cannot be used, empty for a sound one; `file` is where
    that arose; `needs` names the dependency that is missing; `is_fatal`: the process that imported
    it ended of it, or had to be ended. `commands` maps each group's name to its commands;
    `options` has (section, name, default, help) in each row; `outlines` are those of the groups
    (see `api.commands.outline`), for completion; `tells_logs`: an executor that writes
    `get_task_log`; `bases`: an executor's class and those that it extends or, of a hybrid, is made
    of, as `module:Class`; `halves`: the names of what a hybrid is made of.
    """

    kind: str
    name: str
    value: str
    error: str = ""
    file: str = ""
    needs: str = ""
    is_timeout: bool = False
    is_fatal: bool = False
    import_ms: float = 0.0
    modules: int = 0
    packages: tuple[str, ...] = ()
    output: str = ""
    threads: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    commands: dict[str, list[str]] = {}  # noqa: RUF012 - never changed
    options: tuple[tuple[str, str, str, str], ...] = ()
    flags: dict[str, bool] = {}  # noqa: RUF012 - never changed
    outlines: tuple[Any, ...] = ()
    tells_logs: bool = False
    bases: tuple[str, ...] = ()
    halves: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """The entry point that this is about."""
        return Target(self.kind, self.name, self.value)

    @property
    def is_sound(self) -> bool:
        """Whether it may be imported."""
        return not self.error

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Verdict:
        """Build from what `_asdict` gave, as JSON holds it; raise `TypeError`."""
        tuples = {name: tuple(fields.get(name, ())) for name in _TUPLES}
        options = tuple(
            (str(a), str(b), str(c), str(d)) for a, b, c, d in fields.get("options", ())
        )
        return cls(**{**fields, **tuples, "options": options})


def reason(verdict: Verdict) -> str:
    """Say why an entry point cannot be used: where, the first cause, and whose matter it is."""
    place = f"{verdict.file}: " if verdict.file else ""
    if verdict.is_timeout:
        return f"{place}{verdict.error}"
    if _is_refused(verdict):
        return f"{place}{verdict.error.removeprefix(_REFUSED)}"
    whose = f"{verdict.needs!r} is missing" if verdict.needs else _BUG
    if not verdict.needs and _MAY_LACK.match(verdict.error):
        whose += ", or what it needs is not there"
    return f"{place}{verdict.error} ({whose})"


def remedy(verdict: Verdict, plugin: Plugin) -> str:
    """Say what to do about an entry point that cannot be used."""
    if not plugin.distribution:  # a class that is named by its path
        instead = "Use what is offered instead." if _is_refused(verdict) else "Mend its module."
        return _of_airflow(verdict) or instead
    away = f"remove the plugin with `pip uninstall {plugin.distribution}`."
    again = f"try again with `airflow-lite plugins doctor {plugin.distribution}`"
    if _of_airflow(verdict):
        return f"{_of_airflow(verdict)} Or {away}"
    if verdict.needs:
        return f"Install {verdict.needs!r} and {again}, or {away}"
    if verdict.is_timeout:
        return f"T{again[1:]}, raise [plugins] import_timeout_s, or {away}"
    if _MAY_LACK.match(verdict.error):
        return f"Mend what it lacks and {again}, tell its author, or {away}"
    return f"Tell its author, {again} once it is mended, or {away}"


def _is_refused(verdict: Verdict) -> bool:
    return verdict.error.startswith(_REFUSED) and not verdict.needs  # of another Airflow


def _of_airflow(verdict: Verdict) -> str:
    """Say what to do about what was written for Airflow, if that is what is wrong."""
    if is_airflows(verdict.needs):
        return airflow_advice(verdict.needs)
    return NEWER_AIRFLOW if refuses_airflow(verdict.error) else ""


def complaints(verdict: Verdict, plugin: Plugin) -> list[str]:
    """Return what is wrong with an entry point that can be used all the same."""
    found = [*verdict.warnings]
    if verdict.output:
        found.append(f"importing {verdict.value!r} prints {verdict.output[:60]!r}")
    if verdict.threads:
        found.append(f"importing {verdict.value!r} starts threads: {', '.join(verdict.threads)}")
    if verdict.import_ms > SLOW_MS:
        found.append(f"importing {verdict.value!r} takes {verdict.import_ms:.0f} ms")
    found += [
        f"declares [{section}] {name}, but may do so in {_in_brackets(plugin)} alone"
        for section, name, *_ in verdict.options
        if not may_declare(plugin, section)
    ]
    return found


def may_declare(plugin: Plugin, section: str) -> bool:
    """Return whether a plugin's options may be in this section.

    It is named like its group or, as Airflow names those of hybrids, like its executor.
    """
    return section in _sections(plugin)


def _sections(plugin: Plugin) -> list[str]:
    groups = [entry.name for entry in plugin.groups]
    return [*groups, *(_in_snake_case(entry.name) for entry in plugin.executors)]


def _in_brackets(plugin: Plugin) -> str:
    return ", ".join(f"[{section}]" for section in _sections(plugin))


def _in_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
