"""What commands share: the configuration and the store, each opened once when asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store


#: The arguments of a command, as attributes.
Args = Any


def config(args: Any) -> Config:
    """Return the configuration, overridden by the command line's options; raise `UserError`."""
    settings: Config | None = getattr(args, "_config", None)
    if settings is None:
        from airflow_lite.config import Config

        settings = Config.load(overrides=_overrides(args))
        for line in settings.unknown_options():
            notice(f"airflow-lite: {line}")
        if names := settings.variables_of_airflow():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            notice(
                f"airflow-lite: Airflow's settings are not read ({names[0]}{more} in the"
                " environment): set AIRFLOW_LITE_HOME and AIRFLOW_LITE__SECTION__NAME."
            )
        args._config = settings  # noqa: SLF001 - ours, and no option's dest
    return settings


def _overrides(args: Args) -> dict[tuple[str, str], str]:
    overrides = {}
    if executor := getattr(args, "_executor", None):
        overrides["core", "executor"] = executor
    if folder := getattr(args, "dags_folder", None):
        overrides["core", "dags_folder"] = str(_folder(folder))
    if getattr(args, "donot_pickle", False):
        overrides["core", "donot_pickle"] = "True"
    if getattr(args, "do_pickle", False) or getattr(args, "ship_dag", False):
        overrides["core", "donot_pickle"] = "False"
    return overrides


def _folder(subdir: str) -> Path:
    """Return the folder that a scheduler's `--subdir` names; raise `UserError` if it is none."""
    from pathlib import Path

    from airflow_lite.errors import UserError

    path = Path(subdir).expanduser().absolute()
    if not path.is_dir():
        raise UserError(f"--subdir {subdir[:200]!r} is no folder. Name the scheduler's DAG folder.")
    return path


def store(args: Args) -> Store:
    """Return the open store, made on first use with a notice on stderr; raise `StoreError`."""
    the_store: Store | None = getattr(args, "_store", None)
    if the_store is None:
        from airflow_lite.plugins.timetables import find_timetables
        from airflow_lite.store.engine import open_store

        settings = config(args)
        find_timetables(settings)
        the_store = open_store(settings, notice, name=getattr(args, "_name", ""))
        args._store = the_store  # noqa: SLF001
    return the_store


def transactions(args: Args) -> Iterator[AbstractContextManager[sa.Connection]]:
    """Yield a transaction that writes, and another where a deadlock undid it; see `retried`."""
    from airflow_lite.store.transactions import retried

    return retried(store(args).begin)


def close_store(args: Args) -> None:
    """Close the store if it is open: no connection may be carried across a fork."""
    the_store: Store | None = getattr(args, "_store", None)
    if the_store is not None:
        the_store.close()
        args._store = None  # noqa: SLF001


def notice(text: str) -> None:
    """Print one line on stderr, so that it does not mix with the output."""
    print(text, file=sys.stderr)


def notice_once(args: Args, lines: Iterable[str]) -> None:
    """Print those of the lines that this command has not printed yet, on stderr."""
    told: set[str] = getattr(args, "_told", set())
    args._told = told  # noqa: SLF001
    for line in lines:
        if line not in told:
            told.add(line)
            notice(line)


def confirmed(args: Args, warning: str) -> bool:
    """Return whether `--yes` was given or the user answers y; raise if stdin is closed."""
    if args.yes:
        return True
    print(warning)
    try:
        answer = input("Proceed? (y/n) ")
    except EOFError:
        from airflow_lite.errors import UserError

        raise UserError("This needs your confirmation. Add --yes to give it.") from None
    return answer.strip().lower() in {"y", "yes"}
