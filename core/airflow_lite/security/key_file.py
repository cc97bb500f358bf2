"""A secret key in a file of the home, for its owner alone."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.private_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable

#: A key has at least so many characters.
SHORTEST_KEY = 32


def configured_key(
    config: Config, section: str, name: str, shortest: int = SHORTEST_KEY
) -> bytes | None:
    """Return the configured key, None if there is none; raise `ConfigError` for a short one."""
    key = config.get(section, name).strip()
    if key and len(key) < shortest:
        raise ConfigError(
            f"[{section}] {name} has {len(key)} characters. Make it at least {shortest}:"
            ' python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return key.encode() or None


def read_key(path: str) -> bytes | None:
    """Return the key of the file; None if there is no file. Raises `ConfigError`."""
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
        raise ConfigError(f"{path} holds no key. Remove the file: the next start makes a new one.")
    return key


def make_key(path: str, make: Callable[[], str] | None = None) -> bytes:
    """Make the file, whole or not at all, and return its key; raise `ConfigError`.

    `make` returns a key of a form of its own. Where two processes do so at once, one wins, and
    both return its key.
    """
    import secrets
    from contextlib import suppress

    folder, name = os.path.split(path)
    own = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    try:
        make_folder(folder)
        descriptor = open_private(own, os.O_WRONLY | os.O_EXCL)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write((secrets.token_hex(32) if make is None else make()) + "\n")
            with suppress(FileExistsError):
                os.link(own, path)
        finally:
            os.unlink(own)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}. Check its folder.") from None
    key = read_key(path)
    assert key is not None  # it was made just now
    return key


def shared_key(config: Config, section: str, name: str, file: str, *, is_made: bool) -> bytes:
    """Return a key that processes of several machines share: an option's, or a file's of the home.

    Where there is neither, the file is made if `is_made`; else raises `ConfigError`.
    """
    path = config.path(file)
    key = configured_key(config, section, name) or read_key(path)
    if key is not None:
        return key
    if is_made:
        return make_key(path)
    raise ConfigError(
        f"There is no {path} here. Copy {file} from the scheduler's home, or set [{section}]"
        f" {name} to the same value there and here."
    )
