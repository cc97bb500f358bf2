"""What commands share: the configuration and the store, each opened once, when asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store


def config(args: argparse.Namespace) -> Config:
    """Return the configuration, with `--executor` over it; raise `ConfigError`."""
    found: Config | None = getattr(args, "_config", None)
    if found is None:
        from airflow_lite.config import Config

        executor = getattr(args, "_executor", None)
        found = Config.load(overrides={("core", "executor"): executor} if executor else None)
        args._config = found
    return found


def store(args: argparse.Namespace) -> Store:
    """Return the open store, made on first use with a notice on stderr; raise `StoreError`."""
    found: Store | None = getattr(args, "_store", None)
    if found is None:
        from airflow_lite.store.engine import open_store

        found = open_store(config(args), notice)
        args._store = found
    return found


def notice(text: str) -> None:
    """Tell the user something beside the output: one line on stderr."""
    print(text, file=sys.stderr)
