"""What the providers that are installed say of themselves, read when it is first asked for."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)
GROUP = "apache_airflow_provider"


@cache
def provider_infos() -> list[dict[str, Any]]:
    """Return the `provider_info` of each provider; one that cannot be read is logged, and left out.

    Nothing else of a provider is imported for it.
    """
    from importlib.metadata import entry_points

    infos = []
    for point in entry_points(group=GROUP):
        try:
            infos.append(point.load()())
        except Exception as error:  # the provider's code
            logger.warning("The provider %s cannot be read: %s", point.value, error)
    return infos


def hook_path(conn_type: str) -> str | None:
    """Return where the hook of a type of connections is, if a provider has one."""
    for info in provider_infos():
        for kind in info.get("connection-types", ()):
            if kind["connection-type"] == conn_type:
                return str(kind["hook-class-name"])
    return None


@cache
def _defaults() -> dict[str, dict[str, str | None]]:
    defaults: dict[str, dict[str, str | None]] = {}
    for info in provider_infos():
        for section, content in (info.get("config") or {}).items():
            options = content.get("options", {}).items()
            defaults.setdefault(section, {}).update(
                {name: option.get("default") for name, option in options}
            )
    return defaults


def default_of(section: str, key: str) -> str | None:
    """Return a provider's default of a setting, if it has one."""
    return _defaults().get(section, {}).get(key)


def defaults_of(section: str) -> list[str]:
    """Return the settings of a section that providers have."""
    return list(_defaults().get(section, {}))
