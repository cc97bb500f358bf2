"""The environment of processes that must find the configuration of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.config import Config


def environment(config: Config) -> dict[str, str]:
    """Return the environment of a child process, in which `Config.load` finds `config` again."""
    from airflow_lite.config import ENV_PREFIX

    given = {
        f"{ENV_PREFIX}{section.upper()}__{name.upper()}": value
        for (section, name), value in config.overrides.items()
    }
    return {**config.environ, "AIRFLOW_LITE_HOME": str(config.home), **given}
