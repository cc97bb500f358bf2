"""airflow.configuration: airflow-lite's settings, AIRFLOW__* and providers' defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError

_NOTHING: Any = object()
_TRUTH = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
#: Where settings of [core] are now; their old place leads there, as in Airflow.
_MOVED_FROM_CORE = ("logging", "database")
ENV_VAR_PREFIX = "AIRFLOW__"


class AirflowConfigParser:
    """Reads settings: airflow-lite's own, AIRFLOW__SECTION__OPTION, or a provider's default.

    It is read-only: settings are changed in airflow_lite.cfg.
    """

    @cached_property
    def _config(self) -> Config:
        return Config.load()

    def get(
        self,
        section: str,
        key: str,
        fallback: Any = _NOTHING,
        suppress_warnings: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Return a setting as text; raise `AirflowConfigException` if there is none."""
        sections = [section, *(_MOVED_FROM_CORE if section.lower() == "core" else ())]
        values = (self._found(each, key) for each in sections)
        found = next((value for value in values if value is not None), None)
        if found is None:
            if fallback is _NOTHING:
                raise ConfigError(f"section/key [{section}/{key}] not found in config")
            return fallback
        return found

    def _found(self, section: str, key: str) -> str | None:
        variable = f"{ENV_VAR_PREFIX}{section.upper()}__{key.upper()}"
        try:
            value, source = self._config.lookup(section, key)
        except ConfigError:
            value, source = None, "default"
        if source != "default":
            return value
        if variable in os.environ:
            return os.environ[variable]
        if value is None:
            from airflow_lite_airflow_names.providers import default_of

            return default_of(section, key)
        return value

    def get_mandatory_value(self, section: str, key: str, **kwargs: Any) -> str:
        """Return a setting as text; raise `AirflowConfigException` if there is none."""
        return str(self.get(section, key, **kwargs))

    def _converted(
        self, section: str, key: str, convert: Callable[[str], Any], kind: str, options: Any
    ) -> Any:
        value = self.get(section, key, **options)
        if not isinstance(value, str):
            return value  # the fallback
        try:
            return convert(value.strip())
        except (ValueError, KeyError):
            raise ConfigError(f"[{section}] {key} is {value[:60]!r}. Make it {kind}.") from None

    def getboolean(self, section: str, key: str, **kwargs: Any) -> Any:
        """Return a setting as a truth value."""
        return self._converted(
            section, key, lambda text: _TRUTH[text.lower()], "true or false", kwargs
        )

    def getint(self, section: str, key: str, **kwargs: Any) -> Any:
        """Return a setting as a whole number."""
        return self._converted(section, key, int, "a whole number", kwargs)

    def getfloat(self, section: str, key: str, **kwargs: Any) -> Any:
        """Return a setting as a number."""
        return self._converted(section, key, float, "a number", kwargs)

    def getjson(self, section: str, key: str, fallback: Any = None, **kwargs: Any) -> Any:
        """Return a setting that is JSON; an empty one is the fallback."""
        value = self.get(section, key, fallback=None)
        return json.loads(value) if value else fallback

    def getimport(self, section: str, key: str, **kwargs: Any) -> Any:
        """Import what a setting names; None where it is empty."""
        from airflow_lite_airflow_names.offered.helpers import import_string

        path = self.get(section, key, fallback=None)
        return import_string(path) if path else None

    def getsection(self, section: str) -> dict[str, Any] | None:
        """Return the settings of a section; None if there is none."""
        from airflow_lite_airflow_names.providers import defaults_of

        names = [option.name for option in self._config.options() if option.section == section]
        names += defaults_of(section)
        found = {name: self.get(section, name, fallback=None) for name in dict.fromkeys(names)}
        return found or None

    def has_option(self, section: str, option: str) -> bool:
        """Return whether there is such a setting."""
        return self.get(section, option, fallback=None) is not None

    def has_section(self, section: str) -> bool:
        """Return whether there is a setting in this section."""
        return self.getsection(section) is not None


conf = AirflowConfigParser()
get, getboolean, getint, getfloat = conf.get, conf.getboolean, conf.getint, conf.getfloat
getsection, has_option = conf.getsection, conf.has_option


def __getattr__(name: str) -> Any:
    """Return a place of this installation, or its time zone."""
    config = Config.load()
    if name == "AIRFLOW_HOME":
        return str(config.home)
    if name == "AIRFLOW_CONFIG":
        return config.path("airflow_lite.cfg")
    if name == "DAGS_FOLDER":
        return str(config.getpath("core", "dags_folder"))
    if name == "PLUGINS_FOLDER":
        return config.path("plugins")
    if name == "TIMEZONE":
        from zoneinfo import ZoneInfo

        return ZoneInfo("UTC")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get_airflow_home() -> str:
    """Return the home of airflow-lite."""
    return str(Config.load().home)


def ensure_secrets_loaded(default_backends: Any = None) -> list[Any]:
    """Return no backend: Variables and Connections are airflow-lite's."""
    return []
