"""The generated pages of the reference say what the code says, and leave nothing out."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from airflow_lite import errors, hooks
from airflow_lite.api import hookspecs
from airflow_lite.api.commands.spec import GroupCommand
from airflow_lite.cli.core_commands import all_commands
from airflow_lite.config import core_options
from fixtures.scripts import ROOT, load_script

DOCS = ROOT / "docs"
PAGES = [
    "configuration.md",
    "commands.md",
    "errors.md",
    "airflow-names.md",
    "hooks.md",
    "plugin-api.md",
    "rest-api.md",
    "supported.md",
]


@pytest.fixture(scope="module")
def generator():
    """The module docs/generate.py."""
    path = [*sys.path]
    yield load_script("docs/generate.py")
    sys.path[:] = path


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(generator, name):
    assert set(generator.PAGES) == set(PAGES)
    written = (DOCS / "reference" / name).read_text()
    assert written == generator.PAGES[name](), "run: python docs/generate.py"


def sections(page):
    """Return heading -> text of a page of the reference."""
    text = (DOCS / "reference" / page).read_text()
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_event_of_the_public_module_is_documented():
    events = {
        name
        for name in hooks.__all__
        if "time_us" in getattr(getattr(hooks, name), "__annotations__", {})
    }
    assert len(events) >= 6
    assert events <= sections("hooks.md").keys()


def commands(prefix, found):
    for command in found:
        name = f"{prefix} {command.name}"
        yield name, command
        if isinstance(command, GroupCommand):
            yield from commands(name, command.subcommands)


def everything(generator):
    """Return every command of the core and of the plugins of the tree."""
    groups = [group for plugin in generator.generate_plugins.plugins() for group in plugin.groups]
    return dict(commands("airflow-lite", [*all_commands(), *groups]))


def test_every_command_and_every_argument_of_it_is_documented(generator):
    written = sections("commands.md")
    missing = []
    for name, command in everything(generator).items():
        text = written.get(name)
        if text is None or (command.help not in text and not command.description):
            missing.append(name)
            continue
        for arg in getattr(command, "args", ()):
            words = [arg.kwargs.get("metavar", arg.dest)] if arg.is_positional else arg.flags
            missing += [f"{name} {word}" for word in words if str(word) not in text]
    assert missing == []


def test_every_argument_has_a_line_of_help(generator):
    silent = [
        f"{name} {arg.flags}"
        for name, command in everything(generator).items()
        for arg in getattr(command, "args", ())
        if not arg.kwargs.get("help")
    ]
    assert silent == []


def test_every_option_is_documented_in_its_section(generator):
    written = sections("configuration.md")
    options = [*core_options()]
    for plugin in generator.generate_plugins.plugins():
        options += plugin.options
    missing = [
        f"[{option.section}] {option.name}"
        for option in options
        if f"| `{option.name}` |" not in written.get(f"[{option.section}]", "") or not option.help
    ]
    assert missing == []


def test_every_error_is_documented_and_says_what_to_do(generator):
    written = (DOCS / "reference" / "errors.md").read_text()
    ours = {
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }
    waiting = [errors.AirflowException]
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        if found.__module__.startswith("airflow_lite.") and "._" not in found.__module__:
            ours.add(found)
    missing = [
        f"{kind.__module__}.{kind.__name__}"
        for kind in ours
        if not kind.__name__.startswith("_")
        and "mutants" not in kind.__module__
        and f"`{kind.__module__}.{kind.__name__}`" not in written
    ]
    assert missing == []
    assert not [kind for kind in ours if not inspect.getdoc(kind)]


def test_every_hook_is_documented_with_its_arguments():
    written = sections("hooks.md")
    hooks = {
        name: value
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and value.__module__ == hookspecs.__name__
    }
    assert len(hooks) >= 9
    for name, hook in hooks.items():
        for argument in inspect.signature(hook).parameters:
            assert f"{argument}:" in written[name]
        first = " ".join(str(inspect.getdoc(hook)).partition("\n\n")[0].split())
        assert first in written[name]


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("BaseExecutor", {"running", "queued_tasks", "event_buffer", "parallelism", "is_local"}),
        ("TaskInstance", {"key", "attempt", "external_executor_id", "hostname"}),
    ],
)
def test_what_an_author_may_read_of_an_executor_is_documented(heading, names):
    rows = dict(
        re.findall(
            r"^\| `(\w+)[^`]*` \| (.+) \|$", sections("plugin-api.md")[heading], re.MULTILINE
        )
    )
    assert {name for name in names if len(rows.get(name, "")) > 10} == names


def test_every_flag_of_an_executor_says_what_it_means():
    rows = re.findall(
        r"^\| `(\w+: bool)[^|]*` \| ?(.*?) ?\|$",
        sections("plugin-api.md")["BaseExecutor"],
        re.MULTILINE,
    )
    assert len(rows) >= 9
    assert [name for name, text in rows if not text] == []
