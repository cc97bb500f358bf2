"""Settings: defaults, airflow_lite.cfg over them, AIRFLOW_LITE__SECTION__KEY over that.

Standard library only, read when asked, never at import. It is imported by every command, so it
does without what is slow to import: dataclasses; pathlib, until the home is asked for;
configparser, where there is no file.
"""

from __future__ import annotations

import os
import stat
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from airflow_lite.errors import ConfigError
from airflow_lite.private_files import is_open_to_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

_Value = TypeVar("_Value")
ENV_PREFIX = "AIRFLOW_LITE__"
_NAME = "AIRFLOW_LITE"
#: Variables that are no settings.
_VARIABLES = {"AIRFLOW_LITE_HOME", "AIRFLOW_LITE_NO_PLUGINS", "AIRFLOW_LITE_DISABLE_PLUGINS"}
CONFIG_FILE = "airflow_lite.cfg"
#: Sections of plugins whose names are nearly those of the core's.
_PLUGIN_SECTIONS = frozenset({"celery"})
_INFINITY = float("inf")
_TRUTH = {
    **dict.fromkeys(("1", "yes", "true", "on"), True),
    **dict.fromkeys(("0", "no", "false", "off"), False),
}


class ConfigOption(NamedTuple):
    """One documented option. In `default`, `{home}` stands for the home directory."""

    section: str
    name: str
    default: str
    help: str


@cache
def core_options() -> tuple[ConfigOption, ...]:
    """Return the core's options, in the order of their sections."""
    from airflow_lite._config_options import OPTIONS  # a table: read only when it is needed

    return tuple(ConfigOption(*row) for row in OPTIONS)


def home_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Return the home: `AIRFLOW_LITE_HOME`, or `~/airflow-lite`. It need not exist."""
    from pathlib import Path

    return Path(_home(os.environ if environ is None else environ))


def _home(environ: Mapping[str, str]) -> str:
    named = environ.get("AIRFLOW_LITE_HOME") or "~/airflow-lite"
    return os.path.abspath(_expanded(named, "AIRFLOW_LITE_HOME"))


def _expanded(path: str, setting: str) -> str:
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise ConfigError(
            f"{path} is in the home folder of an unknown user. Make {setting} a path without ~."
        )
    return expanded


class Config:
    """The settings of one process: the value of `[section] name`, and where it comes from."""

    def __init__(
        self,
        home: Path | str,
        environ: Mapping[str, str] | None = None,
        file: Mapping[str, Mapping[str, str]] | None = None,
        overrides: Mapping[tuple[str, str], str] | None = None,
        plugin_options: tuple[ConfigOption, ...] = (),
    ) -> None:
        self._home = str(home)
        self.environ: Mapping[str, str] = environ or {}
        self.file: Mapping[str, Mapping[str, str]] = file or {}
        self.overrides: Mapping[tuple[str, str], str] = overrides or {}
        self.plugin_options = plugin_options

    def __repr__(self) -> str:
        return f"Config(home={self._home!r})"

    @cached_property
    def home(self) -> Path:
        """The folder of this installation's files. It need not exist."""
        from pathlib import Path

        return Path(self._home)

    @property
    def hostname(self) -> str:
        """The name of this machine in logs and tables."""
        import socket

        return self.get("core", "hostname") or socket.gethostname()

    def path(self, name: str) -> str:
        """Return the path of a file of the home as text, without importing pathlib."""
        return os.path.join(self._home, name)

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[tuple[str, str], str] | None = None,
    ) -> Config:
        """Read airflow_lite.cfg in the home, if there is one; raise `ConfigError`.

        `overrides` maps (section, name) to a value that wins over file and environment, as
        `--executor` does.
        """
        environ = os.environ if environ is None else environ
        home = _home(environ)
        _refuse_open_home(home)
        return cls(home, environ, _read_file(os.path.join(home, CONFIG_FILE)), overrides)

    def options(self) -> tuple[ConfigOption, ...]:
        """Return every documented option: the core's, then those of plugins."""
        return core_options() + self.plugin_options

    def get(self, section: str, name: str) -> str:
        """Return the value as text; raise `ConfigError` if there is no such option."""
        return self.lookup(section, name)[0]

    def lookup(self, section: str, name: str) -> tuple[str, str]:
        """Return the value and its source: override, env var, file or default."""
        key = (section.lower(), name.lower())
        if key in self.overrides:
            return self.overrides[key], "override"
        variable = f"{ENV_PREFIX}{key[0].upper()}__{key[1].upper()}"
        if variable in self.environ:
            return self.environ[variable].strip(), "env var"  # as of a file: a Secret ends a line
        if key[1] in self.file.get(key[0], {}):
            return self.file[key[0]][key[1]].replace("{home}", self._home), "file"
        return self._default(*key), "default"

    def _default(self, section: str, name: str) -> str:
        for option in self.options():
            if (option.section, option.name) == (section, name):
                return option.default.replace("{home}", self._home)
        raise ConfigError(_unknown(section, name, self.options()))

    def getint(self, section: str, name: str) -> int:
        """Return the value as a whole number; raise `ConfigError`."""
        return self._converted(section, name, int, "a whole number")

    def getfloat(self, section: str, name: str) -> float:
        """Return the value as a number; raise `ConfigError`."""
        return self._converted(section, name, float, "a number")

    def check(self) -> None:
        """Read every number and truth value of the core; raise `ConfigError` for a wrong one.

        For a process that would meet it only later, or in every task.
        """
        from airflow_lite._config_options import OPTIONS, RANGES

        for section, name, default, _ in OPTIONS:
            if (section, name) in RANGES and (default or self.get(section, name)):
                self.getfloat(section, name)
            elif default in {"True", "False"}:
                self.getboolean(section, name)

    def getboolean(self, section: str, name: str) -> bool:
        """Return the value as a truth value; raise `ConfigError`."""
        return self._converted(section, name, lambda text: _TRUTH[text.lower()], "true or false")

    def _converted(
        self, section: str, name: str, convert: Callable[[str], _Value], kind: str
    ) -> _Value:
        value, source = self.lookup(section, name)
        try:
            converted = convert(value.strip())
        except (ValueError, KeyError):
            raise _wrong(section, name, value, source, kind) from None
        if isinstance(converted, float | int) and not isinstance(converted, bool):
            _check_range((section.lower(), name.lower()), value, source, converted)
        return converted

    def getpath(self, section: str, name: str) -> Path:
        """Return the value as an absolute path, `~` expanded; raise `ConfigError`."""
        from pathlib import Path

        return Path(_expanded(self.get(section, name), f"[{section}] {name}")).absolute()

    def getlist(self, section: str, name: str) -> list[str]:
        """Return the comma-separated words of the value."""
        return [word.strip() for word in self.get(section, name).split(",") if word.strip()]

    def unknown_options(self, sections: Collection[str] | None = None) -> list[str]:
        """Return one line for each setting, of file or environment, that nothing reads.

        Only of `sections`, if given. Else those of the core, and those whose name is nearly that of
        one: any other may be a plugin's.
        """
        return [
            f"{source}: {_unknown(section, name, self.options())}"
            for source, section, name in self._unread()
            if _is_meant(section, sections)
        ] + ([] if sections else _odd_variables(self.environ, self.options()))

    def variables_of_airflow(self) -> list[str]:
        """Return the variables that set up Airflow, where none sets up airflow-lite."""
        if any(name.startswith(_NAME) for name in self.environ):
            return []
        return sorted(
            name for name in self.environ if name == "AIRFLOW_HOME" or name.startswith("AIRFLOW__")
        )

    def _unread(self) -> Iterator[tuple[str, str, str]]:
        """Yield source, section and name of each setting that is no option."""
        variables = [name for name in self.environ if name.startswith(ENV_PREFIX)]
        if not self.file and not variables:
            return
        known = {(option.section, option.name) for option in self.options()}
        named = [(self.path(CONFIG_FILE), *key) for key in _keys(self.file)]
        named += [(name, *_section_and_name(name)) for name in variables if _is_whole(name)]
        yield from (each for each in named if each[1:] not in known)


def _keys(file: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(section, name) for section, values in file.items() for name in values]


def _section_and_name(variable: str) -> tuple[str, str]:
    section, _, name = variable.removeprefix(ENV_PREFIX).lower().partition("__")
    return section, name


def _is_whole(variable: str) -> bool:
    """Return whether a variable is written as that of a setting is: in capitals, in two parts."""
    return variable.isupper() and all(_section_and_name(variable))


def _is_meant(section: str, sections: Collection[str] | None) -> bool:
    if sections is not None:
        return section in sections
    if section in _PLUGIN_SECTIONS:
        return False
    from airflow_lite.text import nearest

    of_core = {option.section for option in core_options()}
    return section in of_core or bool(nearest(section, of_core))


def _odd_variables(environ: Mapping[str, str], options: Iterable[ConfigOption]) -> list[str]:
    """Return one line for each variable that is nearly one of ours, such as AIRFLOW_LITE_HOMR."""
    odd = [
        name
        for name in environ
        if name.upper().startswith(_NAME)
        and name not in _VARIABLES
        and not (name.startswith(ENV_PREFIX) and _is_whole(name))
    ]
    if not odd:
        return []
    from airflow_lite.text import nearest

    known = {name.removeprefix(_NAME).strip("_"): name for name in _VARIABLES}
    for option in options:
        rest = f"{option.section.upper()}__{option.name.upper()}"
        known[rest] = f"{ENV_PREFIX}{rest}"
    near = {name: nearest(name.upper().removeprefix(_NAME).strip("_"), known) for name in odd}
    return [
        f"{name}: nothing reads this variable. Did you mean {known[words[0]]}?"
        for name, words in near.items()
        if words
    ]


def _wrong(section: str, name: str, value: str, source: str, wanted: str) -> ConfigError:
    return ConfigError(f"[{section}] {name} is {value[:60]!r} (from {source}). Make it {wanted}.")


def _check_range(key: tuple[str, str], value: str, source: str, number: float) -> None:
    """Raise `ConfigError` for a number that an option cannot be, and for none: nan, infinity."""
    from airflow_lite._config_options import RANGES

    if number in (_INFINITY, -_INFINITY) or number != number:  # noqa: PLR0124 - which is nan
        raise _wrong(*key, value, source, "a number")
    least, most = RANGES.get(key, (number, number))
    if isinstance(least, int) and number != int(number):
        raise _wrong(*key, value, source, "a whole number")
    if not least <= number <= most:
        raise _wrong(*key, value, source, f"{least:g} to {most:.10g}")


def _refuse_open_home(home: str) -> None:
    """Raise `ConfigError` where any user could put another configuration or database there."""
    try:
        status = os.stat(home)
    except OSError:
        return
    if is_open_to_all(status) and stat.S_ISDIR(status.st_mode):
        raise ConfigError(
            f"Every user of this machine can write to the home {home}, and so run code as you."
            f" Run `chmod go-w {home}`, or set AIRFLOW_LITE_HOME to another folder."
        )


def child_environment(config: Config) -> dict[str, str]:
    """Return the environment of a child process, in which `Config.load` finds `config` again."""
    variables = {
        f"{ENV_PREFIX}{section.upper()}__{name.upper()}": value
        for (section, name), value in config.overrides.items()
    }
    return {**config.environ, "AIRFLOW_LITE_HOME": str(config.home), **variables}


def _read_file(path: str) -> dict[str, dict[str, str]]:
    try:
        with open(path, encoding="utf-8", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"{path} is not a regular file. Put the configuration in one.")
            if is_open_to_all(status):
                raise ConfigError(
                    f"Every user of this machine can write to {path}. Run `chmod go-w {path}`."
                )
            return _parsed(path, file)
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        folder = os.path.dirname(path)
        raise ConfigError(f"{folder} is not a folder. Set AIRFLOW_LITE_HOME to one.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Check the file.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None


def _at_once(path: str, flags: int) -> int:
    """Open a file; do not wait for a writer if it is a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _parsed(path: str, file: Iterable[str]) -> dict[str, dict[str, str]]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_file(file)
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not valid INI: {reason}. Mend or remove the line.") from None
    return {name.lower(): dict(parser.items(name)) for name in parser.sections()}


def _unknown(section: str, name: str, options: Iterable[ConfigOption]) -> str:
    from airflow_lite.text import did_you_mean

    see = "See `airflow-lite config list`."
    sections = sorted({option.section for option in options})
    if section not in sections:
        return f"There is no section [{section}].{did_you_mean(section, sections)} {see}"
    names = [option.name for option in options if option.section == section]
    return f"There is no option {name!r} in [{section}].{did_you_mean(name, names)} {see}"
