"""The program's name, and the flags that hold for every command."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.errors import UsageError

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: What users type.
PROGRAM = "airflow-lite"
#: What shells call at each Tab; see `cli.completion.tab`.
COMPLETE = "__complete"


class Flags(NamedTuple):
    """What holds for every command, taken from its words before anything else is looked at."""

    executor: str | None = None
    plugins: bool = True


def take_flags(argv: list[str]) -> tuple[Flags, list[str]]:
    """Return the global flags and the other words; the flags stand anywhere before `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    words = iter(argv[:end])
    kept: list[str] = []
    flags = Flags()
    for word in words:
        name, separator, value = word.partition("=")
        if word == "--no-plugins":
            flags = flags._replace(plugins=False)
        elif name == "--executor":
            flags = flags._replace(executor=_executor(value if separator else next(words, "")))
        else:
            kept.append(word)
    return flags, kept + argv[end:]


def _executor(name: str) -> str:
    if not name or name.startswith("-"):
        raise UsageError("--executor needs the name of an executor, such as LocalExecutor.")
    return name


def config_of(flags: Flags) -> Config:
    """Return the configuration, with what holds for every command over it; raise `UserError`."""
    from airflow_lite.cli.context import config

    return config(SimpleNamespace(_executor=flags.executor))
