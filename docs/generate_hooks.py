"""What hooks.md says: every hook with its arguments, from the specifications."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from airflow_lite.api import hookspecs
from airflow_lite.api import listener_events as events

_MARK = "airflow_lite_spec"
#: What hooks take and return besides events.
_ARGUMENTS = (
    hookspecs.HealthContext,
    hookspecs.HealthReport,
    hookspecs.WebPanelContext,
    hookspecs.WebPanel,
)
_BEFORE_DAG_FILES = """
## Before DAG files are imported

The entry points of `airflow_lite.authoring.v1` are functions without arguments, such as one that puts a finder of more modules onto `sys.meta_path`.

```toml
[project.entry-points."airflow_lite.authoring.v1"]
my-names = "my_names.finder:install"
```

When: once, before the first DAG file, in each process that imports DAG files or reads pickled DAGs: those that parse them, those that run tasks, `dags test`, `tasks test`, `tasks render` and DebugExecutor. Also before an executor is imported that `[core] executor` gives by its module path.
It may import nothing heavy, and do no work: each DAG file waits for it. No process without DAG files calls it.

It is probed as all plugins are: a child imports and calls it first. One that fails there is left out, which is logged, and the DAG files do without it; one that raises later is the import error of each file.
""".splitlines()


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
    lines += _BEFORE_DAG_FILES
    lines += ["", "## What listeners are given", ""]
    lines += ["Frozen dataclasses of `airflow_lite.hooks`."]
    for kind in (*all_events(), *_ARGUMENTS):
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
