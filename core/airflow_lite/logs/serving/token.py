"""What lets somebody read one log file once, soon: a JSON Web Token (HS256), and its key.

The key is made at first use in the home, for its owner alone. `[webserver] secret_key` takes its
place, so that several machines can share one.
"""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Any

from airflow_lite.security.key_file import configured_key, make_key, read_key

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: As Airflow's log server calls those for whom a token is meant.
AUDIENCE = "task-instance-logs"
#: Seconds that the clocks of two machines may be apart, as in Airflow.
LEEWAY_S = 5


def sign(key: bytes, path: str, valid_s: float) -> str:
    """Return a token for one log, by its path below the log folder, valid for `valid_s` seconds.

    It is good for one request.
    """
    import secrets

    import jwt

    now_s = int(time.time())
    claims = {
        "aud": AUDIENCE,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + max(int(valid_s), 1),
        "jti": secrets.token_hex(16),
        "filename": path,
    }
    return jwt.encode(claims, key, algorithm="HS256")


class Tokens:
    """The tokens that one log server was shown: whoever listened in can use none a second time."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._used: dict[str, float] = {}  # until when it would be valid

    def admits(self, token: str, path: str) -> bool:
        """Return whether `token` is for exactly this path, holds now, and was not used before."""
        claims = _claims(self._key, token)
        if claims is None or claims["filename"] != path:
            return False
        self._forget_old()
        if claims["jti"] in self._used:
            return False
        self._used[claims["jti"]] = float(claims["exp"]) + LEEWAY_S
        return True

    def _forget_old(self) -> None:
        now_s = time.time()
        self._used = {name: end_s for name, end_s in self._used.items() if end_s >= now_s}


def _claims(key: bytes, token: str) -> dict[str, Any] | None:
    """Return what a token says that was signed with `key` and holds now; else None."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=AUDIENCE,
            leeway=LEEWAY_S,
            options={"require": ["aud", "exp", "filename", "iat", "jti", "nbf"]},
        )
    except jwt.InvalidTokenError:
        return None
    return claims


#: In the home.
KEY_FILE = "logs.key"


#: Least characters of a secret that somebody chose; those that Airflow makes have 24.
_SHORTEST = 16


#: Goes into the key, so that it signs nothing but this, whatever else the secret is used for.
_PURPOSE = b"airflow-lite task logs"


def signing_key(config: Config) -> bytes:
    """Return 32 bytes that only the machines of this installation know.

    Raises `ConfigError` where the secret cannot be made or read, or is none.
    """
    path = config.path(KEY_FILE)
    chosen = configured_key(config, "webserver", "secret_key", _SHORTEST)
    secret = chosen or read_key(path) or make_key(path)
    return hmac.digest(secret, _PURPOSE, "sha256")
