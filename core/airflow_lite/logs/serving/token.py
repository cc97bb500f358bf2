"""What lets somebody read one log file for a short while: a JSON Web Token (HS256), and its key.

The key is made at first use in the home, for its owner alone. `[webserver] secret_key` takes its
place, so that several machines can share one.
"""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING

from airflow_lite.security.key_file import configured_key, make_key, read_key

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: As Airflow's log server calls those for whom a token is meant.
AUDIENCE = "task-instance-logs"
#: Seconds that the clocks of two machines may be apart, as in Airflow.
LEEWAY_S = 5


def sign(key: bytes, path: str, valid_s: float) -> str:
    """Return a token for one log, by its path below the log folder, valid for `valid_s` seconds."""
    import jwt

    now_s = int(time.time())
    claims = {
        "aud": AUDIENCE,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + max(int(valid_s), 1),
        "filename": path,
    }
    return jwt.encode(claims, key, algorithm="HS256")


def is_valid(key: bytes, token: str, path: str) -> bool:
    """Return whether `token` was signed with `key`, for exactly this path, and holds now."""
    import jwt

    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=AUDIENCE,
            leeway=LEEWAY_S,
            options={"require": ["aud", "exp", "filename", "iat", "nbf"]},
        )
    except jwt.InvalidTokenError:
        return False
    return bool(claims["filename"] == path)


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
