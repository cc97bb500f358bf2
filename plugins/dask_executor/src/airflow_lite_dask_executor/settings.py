"""The options in [dask], read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: Name, default, help.
OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "cluster_address",
        "",
        "Address of the Dask scheduler; empty: a cluster of the scheduler's own, on this machine.",
    ),
    ("tls_ca", "", "File of the certificate authority; with it, all connections are encrypted."),
    ("tls_cert", "", "File of the certificate that this machine shows."),
    ("tls_key", "", "File of that certificate's key."),
    ("connect_timeout_s", "10", "Seconds that the Dask scheduler has to answer."),
    ("local_workers", "2", "Workers of the cluster that is started where no address is set."),
    (
        "local_threads",
        "0",
        "Attempts at once on each worker of that cluster; 0 shares [core] parallelism out.",
    ),
)

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Threads of one worker of a local cluster where nothing limits them.
_UNLIMITED_THREADS = 16
_LONGEST_S = 86_400.0


class DaskSettings(NamedTuple):
    """How to reach the cluster, or how large to make one. Times in seconds."""

    address: str
    tls: Tls | None
    connect_timeout_s: float
    local_workers: int
    local_threads: int

    @classmethod
    def read(cls, config: Config) -> DaskSettings:
        """Read the options; raise `ConfigError` for one that is wrong."""
        tls = Tls.read(config)
        workers = _at_least(config, "local_workers", 1)
        return cls(
            with_scheme(config.get("dask", "cluster_address"), is_secure=tls is not None),
            tls,
            _timeout_s(config),
            workers,
            _at_least(config, "local_threads", 0) or _share(config, workers),
        )

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of this machine can be in the cluster."""
        return not self.address or urlsplit(self.address).hostname in _LOOPBACK


class Tls(NamedTuple):
    """The files that encrypt and authenticate every connection of the cluster."""

    ca: str
    cert: str
    key: str

    @classmethod
    def read(cls, config: Config) -> Tls | None:
        """Read the three options; None if none is set; raise `ConfigError` if some are."""
        names = ("tls_ca", "tls_cert", "tls_key")
        paths = {name: config.get("dask", name) for name in names}
        if not any(paths.values()):
            return None
        missing = [name for name, path in paths.items() if not path]
        if missing:
            raise _config_error(
                f"[dask] {' and '.join(missing)} is not set, but others of {', '.join(names)} are. "
                "Set all three, or none."
            )
        for name, path in paths.items():
            _check_readable(name, path)
        return cls(*paths.values())

    def security(self) -> Any:
        """Return them as distributed's `Security`, for client, scheduler and worker."""
        from distributed import Security

        roles = ("client", "scheduler", "worker")
        files = {f"tls_{role}_cert": self.cert for role in roles}
        files |= {f"tls_{role}_key": self.key for role in roles}
        return Security(tls_ca_file=self.ca, require_encryption=True, **files)


def security(tls: Tls | None) -> Any:
    """Return distributed's `Security` for these files; None without."""
    return None if tls is None else tls.security()


def with_scheme(address: str, *, is_secure: bool) -> str:
    """Return `address` with the protocol in front; empty stays empty."""
    address = address.strip()
    if not address or "://" in address:
        return address
    return f"{'tls' if is_secure else 'tcp'}://{address}"


def _share(config: Config, workers: int) -> int:
    parallelism = config.getint("core", "parallelism")
    return -(-parallelism // workers) if parallelism > 0 else _UNLIMITED_THREADS


def _at_least(config: Config, name: str, least: int) -> int:
    number = config.getint("dask", name)
    if number < least:
        raise _config_error(f"[dask] {name} is {number}. Make it {least} or more.")
    return number


def _timeout_s(config: Config) -> float:
    timeout_s = config.getfloat("dask", "connect_timeout_s")
    if not 0 < timeout_s <= _LONGEST_S:
        raise _config_error(
            f"[dask] connect_timeout_s is {timeout_s:g}. Make it more than 0, and at most"
            f" {_LONGEST_S:g}."
        )
    return timeout_s


def _check_readable(name: str, path: str) -> None:
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        raise _config_error(
            f"[dask] {name}: {path!r} cannot be read ({error.strerror}). Name a file in PEM format."
        ) from error


def _config_error(message: str) -> Exception:
    from airflow_lite.executors import ConfigError

    return ConfigError(message)
