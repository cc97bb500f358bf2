"""The signature on pickled DAGs: what the store hands back as code must be what was put there.

The key is `[core] pickle_secret_key` or a file of the home that is made at first use. Only
processes that run no user code sign and check: schedulers, the command line and task hosts.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: In the home, for its owner only.
KEY_FILE = "pickle.key"
#: Least number of characters of a key that is configured.
SHORTEST_KEY = 32
#: The variable that holds the key; taken out of the environment of what runs user code.
KEY_VARIABLE = "AIRFLOW_LITE__CORE__PICKLE_SECRET_KEY"


def signing_key(config: Config) -> bytes:
    """Return the key to sign with, made in the home if there is none; raise `ConfigError`."""
    return _configured_key(config) or _read(config.path(KEY_FILE)) or _make(config)


def checking_key(config: Config) -> bytes:
    """Return the key to check signatures with; raise `ConfigError` if there is none here."""
    key = _configured_key(config) or _read(config.path(KEY_FILE))
    if key is None:
        raise ConfigError(
            f"There is no key to check pickled DAGs with. Copy {KEY_FILE} from the scheduler's"
            f" home to {config.path(KEY_FILE)}, or set [core] pickle_secret_key to the same there"
            " and here."
        )
    return key


def signature(key: bytes, dag_id: str, version_id: int, payload: bytes) -> str:
    """Return the HMAC-SHA256, in hexadecimal, of a DAG's pickle made for one of its versions."""
    import hmac
    import json

    signed = hmac.new(key, digestmod="sha256")
    signed.update(json.dumps([dag_id, version_id]).encode() + b"\n")  # ends at its first newline
    signed.update(payload)
    return signed.hexdigest()


def is_signed(key: bytes, dag_id: str, version_id: int, payload: bytes, given: str) -> bool:
    """Return whether `given` is the signature of this pickle, in constant time."""
    import hmac

    if not isinstance(version_id, int) or not isinstance(payload, bytes):
        return False  # SQLite holds anything in any column
    found = signature(key, dag_id, version_id, payload)
    return hmac.compare_digest(found.encode(), str(given).encode("utf-8", "replace"))


def _configured_key(config: Config) -> bytes | None:
    key = config.get("core", "pickle_secret_key").strip()
    if not key:
        return None
    if len(key) < SHORTEST_KEY:
        raise ConfigError(
            f"[core] pickle_secret_key has {len(key)} characters. Make it at least"
            f' {SHORTEST_KEY}: python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return key.encode()


def _read(path: str) -> bytes | None:
    """Return the key of the file; None if there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Check the file.") from None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise ConfigError(
                f"{path} must be a file that only its owner can read and write: chmod 600 {path}"
            )
        key = file.read(1024).strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigError(f"{path} holds no key. Remove it: the scheduler makes another.")
    return key


def _make(config: Config) -> bytes:
    """Make the file, whole or not at all; where two processes do so at once, one wins."""
    import secrets
    from contextlib import suppress

    path, own = config.path(KEY_FILE), config.path(f".{KEY_FILE}.{secrets.token_hex(8)}")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):
            os.link(own, path)
        os.unlink(own)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}. Check the home.") from None
    key = _read(path)
    assert key is not None  # it was made just now
    return key
