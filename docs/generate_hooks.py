"""What hooks.md says: every hook with its arguments, from the specifications."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from airflow_lite.api import hookspecs
from airflow_lite.api import listener_events as events

_MARK = "airflow_lite_spec"


def page() -> str:
    """Return hooks.md."""
    lines = [
        "# Hooks",
        "",
        "What a plugin's module may implement: functions marked with `airflow_lite.hooks.hookimpl`.",
        "One may take fewer of the arguments than are listed, by name. None may be a wrapper.",
        "One that raises is logged with its plugin's name, counted, and the others go on.",
        "An unknown hook is a warning that names the nearest one.",
    ]
    for name, hook in all_hooks().items():
        signature = inspect.signature(hook)
        lines += [
            "",
            f"## {name}",
            "",
            "```python",
            f"def {name}{_plain(signature)}: ...",
            "```",
            "",
        ]
        lines += _sentences(inspect.getdoc(hook) or "")
    lines += ["", "## What listeners are given", ""]
    lines += ["Frozen dataclasses of `airflow_lite.hooks`."]
    for kind in (*all_events(), hookspecs.HealthContext, hookspecs.HealthReport):
        lines += ["", f"### {kind.__name__}", "", *_sentences(inspect.getdoc(kind) or ""), ""]
        lines += ["| field | type |", "|---|---|"]
        lines += [
            f"| `{field.name}` | `{_type(field.type)}` |".replace(" | None", " \\| None")
            for field in dataclasses.fields(kind)
        ]
    return "\n".join(lines) + "\n"


def all_hooks() -> dict[str, Any]:
    """Return the hooks by name, in the order they are written in."""
    return {
        name: value
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and hasattr(value, _MARK)
    }


def all_events() -> list[Any]:
    """Return the classes of events, in the order they are written in."""
    return [
        value
        for value in vars(events).values()
        if dataclasses.is_dataclass(value) and value.__module__ == events.__name__
    ]


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else annotation.__name__


def _plain(signature: inspect.Signature) -> str:
    """Return a signature whose annotations are text without quotes."""
    return str(signature).replace("'", "")


def _sentences(text: str) -> list[str]:
    """Return the paragraphs of a docstring, a line each, with an empty line between."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(paragraphs).split("\n")
