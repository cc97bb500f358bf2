"""The secret that signs requests for logs.

It is made at first use in the home, for its owner alone. `[webserver] secret_key` takes its place,
so that several machines can share one.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: Its file in the home.
NAME = "secret_key"
#: Least characters of a secret that somebody chose.
_SHORTEST = 16
_MADE_BYTES = 32
#: Goes into the key, so that it signs nothing but this, whatever else the secret is used for.
_PURPOSE = b"airflow-lite task logs"


def signing_key(config: Config) -> bytes:
    """Return 32 bytes that only the machines of this installation know.

    Raises `ConfigError` where the secret cannot be made or read, or is none.
    """
    given = config.get("webserver", NAME)
    if given and len(given) < _SHORTEST:
        raise ConfigError(
            f"[webserver] secret_key has {len(given)} characters. Make it {_SHORTEST} or more, for"
            ' example by `python -c "import secrets; print(secrets.token_hex(32))"`.'
        )
    secret = given.encode() if given else _of_home(config.path(NAME))
    return hmac.digest(secret, _PURPOSE, "sha256")


def _of_home(path: str) -> bytes:
    try:
        with suppress(FileNotFoundError):
            return _read(path)
        _make(path)
        return _read(path)
    except OSError as error:
        raise ConfigError(
            f"The secret in {path} cannot be used: {error.strerror}."
            " Mend that, or set [webserver] secret_key."
        ) from None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise ConfigError(
                f"The secret in {path} is open to other users. Run `chmod 600` on it, or remove it"
                " to have a new one made."
            )
        secret = file.read().strip()
    if len(secret) < _SHORTEST:
        raise ConfigError(f"The secret in {path} is too short. Remove it to have a new one made.")
    return secret


def _make(path: str) -> None:
    """Write a new secret, unless another process did so first: a link is made whole or not."""
    own = f"{path}.{secrets.token_hex(8)}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_MADE_BYTES) + "\n")
        with suppress(FileExistsError):
            os.link(own, path)
    finally:
        os.unlink(own)
