"""The environment: of processes that must find the configuration of this one, and our own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config


def environment(config: Config) -> dict[str, str]:
    """Return the environment of a child process, in which `Config.load` finds `config` again."""
    from airflow_lite.config import ENV_PREFIX

    given = {
        f"{ENV_PREFIX}{section.upper()}__{name.upper()}": value
        for (section, name), value in config.overrides.items()
    }
    return {**config.environ, "AIRFLOW_LITE_HOME": str(config.home), **given}


@contextmanager
def kept_environment() -> Iterator[None]:
    """Take back what a task sets in the environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, text in before.items():
            if os.environ.get(name) != text:
                os.environ[name] = text
