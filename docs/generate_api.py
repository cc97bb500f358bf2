"""Makes plugin-api.md: what plugins may import, with signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

#: Every public module of plugins; nothing else is promised.
MODULES = (
    "airflow_lite.executors",
    "airflow_lite.cli",
    "airflow_lite.hooks",
    "airflow_lite.worker",
    "airflow_lite.config",
    "airflow_lite.testing",
)
#: These have no `__all__`: the names that are meant for plugins.
NAMES = {"airflow_lite.config": ("Config", "ConfigOption")}

#: Classes whose members are listed.
WITH_MEMBERS = {
    "AttemptLines",
    "BaseExecutor",
    "Config",
    "Engine",
    "Pace",
    "TaskHost",
    "TaskInstance",
}
#: An attribute with the comment above it that says what it is.
_ATTRIBUTE = re.compile(
    r"(?P<text>(?:^ +#: .*\n)+)^ +(?:self\.)?(?P<name>\w+)(?:: (?P<type>[^=\n]+?))?(?: = .*)?$",
    re.MULTILINE,
)

HEAD = """# What plugins may import

These modules, and in them these names, are the interface of plugins. Everything else may change at any time.

**Stability.** The groups `airflow_lite.executors.v1`, `airflow_lite.plugins.v1`, `airflow_lite.authoring.v1` and `airflow_lite.timetables.v1` stand for this interface.
It grows by addition, with defaults; what is taken out is deprecated in one minor version first.
A change that breaks plugins makes new groups, `….v2`, so that an old plugin is told as such before any of it is imported.
A plugin says which cores it works with in its dependencies: `airflow-lite>=0.1.0.dev0,<0.2`.

| entry-point group | name | value |
|---|---|---|
| `airflow_lite.executors.v1` | what `[core] executor` says | the class: `package.module:MyExecutor` |
| `airflow_lite.plugins.v1` | the plugin's group of commands | a module with [hooks](hooks.md): `package.plugin` |
| `airflow_lite.authoring.v1` | the plugin's group of commands, or any other | [a function](hooks.md#before-dag-files-are-imported): `package.module:function` |
| `airflow_lite.timetables.v1` | any, of its own | [a class](../how-to/write-a-timetable.md): `package.module:MyTimetable` |
| `airflow_lite.testing.v1` | the executor's name | an `Engine` for the [conformance kit](../how-to/test-an-executor.md) |
"""


def page() -> str:
    """Return plugin-api.md, from the modules themselves."""
    parts = [HEAD]
    for module in MODULES:
        parts.append(f"\n## {module}\n")
        parts += [_entry(module, name) for name in names_of(module)]
    return "".join(parts)


def names_of(module: str) -> list[str]:
    """Return the public names of a module."""
    return sorted(NAMES.get(module) or import_module(module).__all__)


def _entry(module: str, name: str) -> str:
    thing = getattr(import_module(module), name)
    text = f"\n### {name}\n\n"
    if _has_signature(thing):
        text += f"```text\n{name}{_signature(thing)}\n```\n\n"
    text += f"{_first_words(thing)}\n"
    if inspect.isclass(thing) and name in WITH_MEMBERS:
        text += _members(thing)
    return text


def _has_signature(thing: Any) -> bool:
    if inspect.isclass(thing) and (
        issubclass(thing, BaseException) or thing.__name__ == "TaskInstanceState"
    ):
        return False
    return callable(thing) and bool(_signature(thing))


def _signature(thing: Any) -> str:
    try:
        text = str(inspect.signature(thing))
    except ValueError:
        return ""
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    text = re.sub(r"ForwardRef\('([^']*)'\)", r"\1", text)  # those of a NamedTuple
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are kept as strings


def _first_words(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").strip()


def _members(thing: type) -> str:
    rows = ["\n| member | what it is |\n|---|---|\n"]
    attributes = _attributes(thing)
    for name in sorted({*dir(thing), *attributes}):
        if name in attributes:
            kind, text = attributes[name]
            rows.append(_attribute(name, kind, text, inspect.getattr_static(thing, name, ...)))
        elif not name.startswith("_"):
            rows.append(_member(name, inspect.getattr_static(thing, name)))
    return "".join(rows)


def _attributes(thing: type) -> dict[str, tuple[str, str]]:
    """Return the type and the comment of each attribute that has a comment, of the bases too."""
    found: dict[str, tuple[str, str]] = {}
    for part in reversed(thing.__mro__):
        if part.__module__.startswith("airflow_lite"):
            for match in _ATTRIBUTE.finditer(inspect.getsource(part)):
                text = " ".join(line.strip(" #:") for line in match["text"].splitlines())
                found[match["name"]] = (match["type"] or "", text)
    return {name: told for name, told in found.items() if not name.startswith("_")}


def _attribute(name: str, kind: str, text: str, default: Any) -> str:
    shown = f"{name}: {kind}" if kind else name
    if isinstance(default, (bool, int, str)) or default is None:
        shown += f" = {default!r}"
    escaped = shown.replace("|", "\\|")
    return f"| `{escaped}` | {text} |\n"


def _member(name: str, member: Any) -> str:
    if isinstance(member, (bool, str)) or member is None:
        return f"| `{name} = {member!r}` | |\n"
    function = getattr(member, "__func__", member)
    if isinstance(member, property):
        return f"| `{name}` | {_line(member.fget)} |\n"
    if not callable(function):
        return ""
    shown = f"{name}{_signature(function)}".replace("|", "\\|")
    return f"| `{shown}` | {_line(function)} |\n"


def _line(function: Any) -> str:
    return (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
