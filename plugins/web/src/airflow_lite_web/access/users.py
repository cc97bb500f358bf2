"""The users' file: a line each of name, role and the SHA-256 of the token.

A token is 256 random bits, so that a plain hash of it tells nothing; `-` in its place is a user
whom a proxy names.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.errors import ConfigError, UserError
from airflow_lite.private_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(r"[\w.@+-]{1,100}", re.UNICODE)
_HASH = re.compile(r"[0-9a-f]{64}|-")
_NO_TOKEN = "-"  # noqa: S105 - says that there is none
#: So many bytes of a file of users are read.
_MOST_BYTES = 1 << 20


class Role(IntEnum):
    """What a user may do; each may do what those before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def title(self) -> str:
        """The role's name as files and pages have it."""
        return self.name.lower()


ROLES = tuple(role.title for role in Role)


class User(NamedTuple):
    """One user; `token_hash` is `-` where there is no token."""

    name: str
    role: Role
    token_hash: str = _NO_TOKEN

    @property
    def has_token(self) -> bool:
        """Whether the user can sign in here, and not by a proxy alone."""
        return self.token_hash != _NO_TOKEN


class Users:
    """The users of the file at `path`, which is read again whenever it has changed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp: object = None
        self._users: dict[str, User] = {}

    def by_name(self, name: str) -> User | None:
        """Return the user of this name; raise `ConfigError` for a file that cannot be used."""
        return self._read().get(name)

    def by_token(self, token: str, name: str | None = None) -> User | None:
        """Return the user with this token, and with this name if one is given."""
        digest = hash_of(token)
        users = self._read().values()
        # All are compared, so that the time tells nothing.
        same = [user for user in users if secrets.compare_digest(user.token_hash, digest)]
        return next((user for user in same if name in {None, user.name}), None)

    def all(self) -> list[User]:
        """Return the users by name."""
        return sorted(self._read().values())

    def create(self, name: str, role: Role, *, with_token: bool = True) -> str:
        """Make a user, or a new token for one; return the token, which nobody can see again."""
        if not _NAME.fullmatch(name):
            raise UserError(
                f"User name {name[:60]!r} is not allowed. Use up to 100 letters, digits, '_', '.',"
                " '@', '+' and '-'."
            )
        token = secrets.token_urlsafe(32) if with_token else ""
        digest = hash_of(token) if with_token else _NO_TOKEN
        self._write({**self._read(), name: User(name, role, digest)}.values())
        return token

    def delete(self, name: str) -> None:
        """Remove a user; raise `UserError` if there is none of this name."""
        users = dict(self._read())
        if users.pop(name, None) is None:
            raise UserError(
                f"There is no user {name[:60]!r}. List the users with `airflow-lite web users"
                " list`."
            )
        self._write(users.values())

    def _read(self) -> dict[str, User]:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            self._stamp, self._users = None, {}
            return self._users
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}.") from None
        stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        if stamp != self._stamp:
            _check(self.path, status)
            self._users, self._stamp = _parsed(self.path), stamp
        return self._users

    def _write(self, users: Iterable[User]) -> None:
        """Write the file anew, whole or not at all; raise `ConfigError`."""
        lines = [f"{user.name} {user.role.title} {user.token_hash}\n" for user in sorted(users)]
        folder, name = os.path.split(self.path)
        own = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
        try:
            make_folder(folder)
            with open(open_private(own, os.O_WRONLY | os.O_EXCL), "w", encoding="utf-8") as file:
                file.write("# name role sha256-of-the-token\n" + "".join(lines))
            os.replace(own, self.path)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}.") from None


def hash_of(token: str) -> str:
    """Return what the file has of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o022:
        raise ConfigError(f"{path} must be a file that only its owner can write: chmod 600 {path}")


def _parsed(path: str) -> dict[str, User]:
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read(_MOST_BYTES).splitlines()
    users = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, role, digest = (line.split() + [""] * 3)[:3]
        if not _NAME.fullmatch(name) or role not in ROLES or not _HASH.fullmatch(digest):
            raise ConfigError(
                f"{path}, line {number}: write a name, a role ({', '.join(ROLES)}) and the"
                " SHA-256 of a token. `airflow-lite web users create` does."
            )
        users[name] = User(name, Role[role.upper()], digest)
    return users
