"""The options in [web], read once."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.errors import ConfigError
from airflow_lite_web.access.users import ROLES, Role

if TYPE_CHECKING:
    from airflow_lite.config import Config

SECTION = "web"
#: Name, default, help.
OPTIONS: tuple[tuple[str, str, str], ...] = (
    ("host", "127.0.0.1", "Address to listen on; another than this machine's own needs TLS."),
    ("port", "8080", "Port to listen on; 0: any that is free."),
    ("tls_certificate", "", "File of the certificate and its chain, in PEM; empty: no TLS."),
    ("tls_key", "", "File of the certificate's private key, in PEM."),
    ("users_file", "{home}/web.users", "File of the users: name, role, and hash of the token."),
    ("session_hours", "12", "Hours after which a browser has to sign in again."),
    (
        "sleep_after_s",
        "600",
        "Seconds without a connection after which the server sleeps until the next; 0: never.",
    ),
    (
        "proxy_user_header",
        "",
        "Header in which a proxy names who it let in, such as X-Forwarded-User; empty: none.",
    ),
    ("trusted_proxies", "127.0.0.1,::1", "Addresses whose `proxy_user_header` is believed."),
    (
        "proxy_role",
        "viewer",
        "Role of whom the proxy names and the users file does not; empty: nobody is let in.",
    ),
)
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_MOST_HOURS = 24 * 366
_MOST_SLEEP_S = 24 * 3600


class Settings(NamedTuple):
    """The options in [web]; `tls` is the files of certificate and key, None without."""

    host: str
    port: int
    tls: tuple[str, str] | None
    users_file: str
    session_s: float
    sleep_after_s: float
    proxy_user_header: str
    trusted_proxies: frozenset[str]
    proxy_role: Role | None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(config: Config, *, host: str | None = None, port: int | None = None) -> Settings:
    """Read [web]; `host` and `port` are those of the command line. Raises `ConfigError`."""
    header = config.get(SECTION, "proxy_user_header").strip()
    if header and not _HEADER.fullmatch(header):
        raise ConfigError(
            f"[web] proxy_user_header is {header[:60]!r}. Write the name of a header,"
            " such as X-Forwarded-User."
        )
    return Settings(
        host=host or config.get(SECTION, "host").strip(),
        port=_port(config) if port is None else _checked_port(port, "--port"),
        tls=_tls(config),
        users_file=str(config.getpath(SECTION, "users_file")),
        session_s=_session_s(config),
        sleep_after_s=_sleep_after_s(config),
        proxy_user_header=header.lower(),
        trusted_proxies=frozenset(
            word.strip() for word in config.get(SECTION, "trusted_proxies").split(",")
        ),
        proxy_role=_proxy_role(config),
    )


def _port(config: Config) -> int:
    return _checked_port(config.getint(SECTION, "port"), "[web] port")


def _checked_port(port: int, setting: str) -> int:
    if not 0 <= port <= 65_535:
        raise ConfigError(f"{setting} is {port}. Make it a number from 0 to 65535.")
    return port


def _tls(config: Config) -> tuple[str, str] | None:
    names = ("tls_certificate", "tls_key")
    certificate, key = (config.get(SECTION, name).strip() for name in names)
    if bool(certificate) != bool(key):
        raise ConfigError("[web] tls_certificate and tls_key go together. Set both, or neither.")
    if not certificate:
        return None
    return str(config.getpath(SECTION, "tls_certificate")), str(config.getpath(SECTION, "tls_key"))


def _session_s(config: Config) -> float:
    hours = config.getfloat(SECTION, "session_hours")
    if not 0 < hours <= _MOST_HOURS:
        raise ConfigError(
            f"[web] session_hours is {hours:g}. Make it more than 0, at most {_MOST_HOURS}."
        )
    return hours * 3600


def _sleep_after_s(config: Config) -> float:
    seconds = config.getfloat(SECTION, "sleep_after_s")
    if not 0 <= seconds <= _MOST_SLEEP_S:
        raise ConfigError(
            f"[web] sleep_after_s is {seconds:g}. Make it from 0 to {_MOST_SLEEP_S}; 0: never."
        )
    return seconds


def _proxy_role(config: Config) -> Role | None:
    name = config.get(SECTION, "proxy_role").strip()
    if name and name not in ROLES:
        raise ConfigError(f"[web] proxy_role is {name[:60]!r}. Make it {', '.join(ROLES)}.")
    return Role[name.upper()] if name else None
