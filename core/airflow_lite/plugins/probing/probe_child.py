"""The process in which a plugin is imported for the first time; see `plugins.probing.probe`.

Says by lines of JSON what it begins and what it found. May be killed at any moment.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from airflow_lite.api.commands.outline import to_json
from airflow_lite.api.commands.parser import faults_of
from airflow_lite.api.commands.spec import GroupCommand
from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.check import check_class
from airflow_lite.api.hookspecs import (
    HealthContext,
    HealthReport,
    WebPanel,
    WebPanelContext,
)
from airflow_lite.authoring.timetable import check_timetable
from airflow_lite.config import Config, ConfigOption
from airflow_lite.parsing.authoring_hooks import call_hooks
from airflow_lite.plugins import executor_log
from airflow_lite.plugins.discovery.model import PluginError
from airflow_lite.plugins.discovery.targets import BACKEND, EXECUTOR, FUNCTION, TIMETABLE, Target
from airflow_lite.plugins.probing.blame import bare, blame, origin
from airflow_lite.plugins.probing.verdict import Verdict
from airflow_lite.plugins.registry import Registry
from airflow_lite.processes.children import die_with_parent
from airflow_lite.processes.lines import to_line, write_all

#: A plugin that floods its output meets the end of the file, not of the disk.
_LARGEST_FILE = 64 << 20
_MOST_OUTPUT = 500
#: Rows of one panel: a page shows no more.
_MOST_ROWS = 200
#: What an executor says of itself by truth values: the class attributes of `BaseExecutor`.
FLAGS = tuple(name for name, value in vars(BaseExecutor).items() if isinstance(value, bool))


class _Warnings(logging.Handler):
    """Keeps what the core warns of while it looks at a plugin, and the errors of hooks."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, or the exception that came with it."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self.errors.append(error)
        else:
            self.texts.append(bare(record.getMessage()))

    def let_out(self) -> None:
        """Raise the first error of a hook, if one raised."""
        if self.errors:
            raise self.errors[0]


def main(request: dict[str, Any]) -> None:
    """Do what was asked, say what came of it, and end whatever still runs."""
    die_with_parent(request["parent"])
    descriptor = request["fd"]
    os.set_inheritable(descriptor, False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))

    def say(message: dict[str, Any]) -> None:
        write_all(descriptor, to_line(message, default=str))

    targets = [Target(*words) for words in request["targets"]]
    if "health" in request:
        say({"file": ""})
        say({"health": _health(targets, request["health"])})
    elif "panels" in request:
        say({"file": ""})
        say({"panels": _panels(targets, request["panels"])})
    elif "log" in request:
        say({"file": ""})
        say(executor_log.told(**request["log"]))
    else:
        for target in targets:
            file = origin(target.value)
            say({"file": file})
            say({"verdict": _verdict(target, file, request["hooks"])._asdict()})
    say({"done": True})
    os._exit(0)


def _verdict(target: Target, file: str, hooks: Iterable[Sequence[str]]) -> Verdict:
    """Import one entry point, once the hooks are called, and look at what it is."""
    logger = logging.getLogger("airflow_lite")
    logger.propagate, warnings = False, _Warnings()
    logger.handlers = [warnings]
    modules, threads = set(sys.modules), {id(thread) for thread in threading.enumerate()}
    printed = _printed()
    began = time.perf_counter()
    try:
        call_hooks(hooks)
        fields = _look(target, lambda: time.perf_counter() - began, warnings)
    except BaseException as error:
        fields = blame(error, target.value, file)._asdict()
    started = [one for one in threading.enumerate() if id(one) not in threads]
    lasting = [one.name for one in started if not one.daemon]
    if lasting and "error" not in fields:
        why = "importing it starts a thread that keeps the program from ending"
        fields |= {"error": f"{why}: {', '.join(lasting)}", "file": file}
    pulled = set(sys.modules) - modules
    return Verdict(*target)._replace(
        modules=len(pulled),
        packages=tuple(_packages(pulled, target.value)),
        output=_output_since(printed),
        threads=tuple(one.name for one in started),
        warnings=tuple(warnings.texts),
        **fields,
    )


def _packages(modules: Iterable[str], value: str) -> list[str]:
    """Return the packages, of others than Python and us, that an import pulled in."""
    names = {name.partition(".")[0] for name in modules}
    own = {value.partition(":")[0].partition(".")[0], "airflow_lite"}
    return sorted(
        name
        for name in names - own - set(sys.stdlib_module_names)
        if not name.startswith("_") and getattr(sys.modules.get(name), "__spec__", None)
    )


def _printed() -> int:
    return os.fstat(1).st_size


def _output_since(size: int) -> str:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    try:
        return os.pread(1, _MOST_OUTPUT, size).decode(errors="replace").strip()
    except OSError:
        return ""


def _look(target: Target, took_s: Callable[[], float], warnings: _Warnings) -> dict[str, Any]:
    found = _imported(target.value)
    fields: dict[str, Any] = {"import_ms": round(took_s() * 1000, 1)}
    if target.kind == EXECUTOR:
        check_class(found, f"Executor {target.name!r}")
        flags = {name: bool(getattr(found, name)) for name in FLAGS}
        fields |= {"flags": flags, "tells_logs": executor_log.has_own(found)}
        fields["halves"] = tuple(one.__name__ for one in found.halves)
        classes = [base for one in (found, *found.halves) for base in one.__mro__]
        fields["bases"] = tuple(f"{one.__module__}:{one.__qualname__}" for one in classes)
        return {**fields, **_described(found.get_cli_commands() or ())}
    if target.kind == FUNCTION:
        if not callable(found):
            raise PluginError(f"{target.value!r} is a {type(found).__name__}, not a function")
        found()
        return fields
    if target.kind == TIMETABLE:
        check_timetable(found, f"{target.value!r}")
        return fields
    if target.kind == BACKEND:
        _check_backend(target, found)
        return fields
    return {**fields, **_hooks(target, found, warnings)}


def _check_backend(target: Target, found: Any) -> None:
    """Raise where it is no class that answers for secrets; none is made: it may need arguments."""
    methods = ("get_variable", "get_conn_value", "get_conn_uri", "get_connection")
    if not isinstance(found, type) or not any(hasattr(found, name) for name in methods):
        raise PluginError(
            f"{target.value!r} is no secrets backend: it derives from no BaseSecretsBackend"
        )


def _imported(value: str) -> Any:
    """Import what an entry point names, letting every error out as it is."""
    from importlib import import_module

    module_path, _, name = value.partition(":")
    import_module(module_path)
    found: Any = sys.modules[module_path]
    for part in name.split(".") if name else ():
        found = getattr(found, part)
    return found


def _hooks(target: Target, module: Any, warnings: _Warnings) -> dict[str, Any]:
    registry = Registry()
    registry.register(module, "it")
    described = _described(_called(registry, "get_cli_commands", warnings))
    names = [*described["commands"]]
    if target.name not in names:
        raise PluginError(f"it declares the group {target.name!r}, but gives {names}")
    warnings.texts += [
        f"gives the group {name!r}, too, but {target.name!r} alone is its own"
        for name in names
        if name != target.name
    ]
    options = [_option(option) for option in _called(registry, "get_config_options", warnings)]
    return {**described, "options": options}


def _called(registry: Registry, hook: str, warnings: _Warnings) -> list[Any]:
    answers = registry.call(hook)
    warnings.let_out()
    return [item for answer in answers for item in answer.value or ()]


def _described(groups: Iterable[GroupCommand]) -> dict[str, Any]:
    """Return each group's commands and outline; raise where it cannot be helped or parsed."""
    commands, outlines = {}, []
    for group in groups:
        if not isinstance(group, GroupCommand):
            raise PluginError(f"a {type(group).__name__} is given as a group of commands")
        whole = group._replace(subcommands=list(group.subcommands))
        for fault in faults_of(whole):
            raise PluginError(fault)
        commands[group.name] = [command.name for command in whole.subcommands]
        outlines.append(to_json(whole))
    return {"commands": commands, "outlines": outlines}


def _option(option: Any) -> tuple[str, str, str, str]:
    if not isinstance(option, ConfigOption):
        raise PluginError(f"a {type(option).__name__} is given as a ConfigOption")
    wrong = [name for name, value in option._asdict().items() if not isinstance(value, str)]
    if wrong:
        raise PluginError(f"option {option.name!r}: its {wrong[0]} is not text")
    return (option.section, option.name, option.default, option.help)


def _health(targets: Sequence[Target], asked: dict[str, Any]) -> list[tuple[bool, str]]:
    """Return what the `check_health` of the targets say."""
    try:
        values = _answers(targets, "check_health", HealthContext, float(asked["timeout_s"]))
    except BaseException as error:
        return [(False, _failure("check_health", targets, error))]
    return [_report(value) for value in values if value is not None]


def _panels(targets: Sequence[Target], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the `get_web_panels` of the targets give, with every value as text."""
    try:
        values = _answers(targets, "get_web_panels", WebPanelContext, float(asked["timeout_s"]))
        return [_panel(panel) for value in values for panel in value or ()]
    except BaseException as error:
        return [_panel(WebPanel("", text=_failure("get_web_panels", targets, error)))]


def _panel(panel: Any) -> dict[str, Any]:
    if not isinstance(panel, WebPanel):
        raise PluginError(f"it gives a {type(panel).__name__}, not a WebPanel")
    columns = [str(name) for name in panel.columns]
    rows = [[_text(row.get(name)) for name in columns] for row in panel.rows[:_MOST_ROWS]]
    return {"title": str(panel.title), "text": str(panel.text), "columns": columns, "rows": rows}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple | set) else str(value)


def _failure(hook: str, targets: Sequence[Target], error: BaseException) -> str:
    found = blame(error, targets[0].value, origin(targets[0].value))
    return f"its {hook} failed: {found.file}: {found.error}"


def _answers(
    targets: Sequence[Target], hook: str, kind: Callable[[Config, float], Any], timeout_s: float
) -> list[Any]:
    """Call a hook of the targets, and return what it gave; raise what it raised."""
    config = Config.load()
    registry, warnings = Registry(), _Warnings()
    logging.getLogger("airflow_lite").handlers = [warnings]
    for number, target in enumerate(targets):
        registry.register(_imported(target.value), str(number))
    options = [
        option for answer in registry.call("get_config_options") for option in answer.value or ()
    ]
    config.plugin_options = (*config.plugin_options, *options)
    answers = registry.call(hook, context=kind(config, timeout_s))
    warnings.let_out()
    return [answer.value for answer in answers]


def _report(value: Any) -> tuple[bool, str]:
    if not isinstance(value, HealthReport):
        return False, f"its check_health returns a {type(value).__name__}, not a HealthReport"
    return bool(value.healthy), str(value.message)
