"""The key that signs requests for logs.

It is made at first use in the home, for its owner alone. `[webserver] secret_key` takes its place,
so that several machines can share one.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from airflow_lite.security.key_file import configured_key, make_key, read_key

if TYPE_CHECKING:
    from airflow_lite.config import Config

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
