"""The signature on pickled DAGs: it proves that a pickle is the one that a scheduler stored.

The key is `[core] pickle_secret_key` or a file of the home that is made at first use. Only
processes that run no user code sign and check: schedulers, the command line and task hosts.
"""

from __future__ import annotations

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.security.key_file import configured_key, make_key, read_key

#: In the home, for its owner only.
KEY_FILE = "pickle.key"
#: The variable that holds the key; removed from the environment of processes that run user code.
KEY_VARIABLE = "AIRFLOW_LITE__CORE__PICKLE_SECRET_KEY"


def signing_key(config: Config) -> bytes:
    """Return the key to sign with, made in the home if there is none; raise `ConfigError`."""
    path = config.path(KEY_FILE)
    return configured_key(config, "core", "pickle_secret_key") or read_key(path) or make_key(path)


def checking_key(config: Config) -> bytes:
    """Return the key to check signatures with; raise `ConfigError` if there is none here."""
    key = configured_key(config, "core", "pickle_secret_key") or read_key(config.path(KEY_FILE))
    if key is None:
        raise ConfigError(
            f"There is no key to check pickled DAGs with. Copy {KEY_FILE} from the scheduler's"
            f" home to {config.path(KEY_FILE)}, or set [core] pickle_secret_key to the same value"
            " there and here."
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


def is_signed(key: bytes, dag_id: str, version_id: int, payload: bytes, candidate: str) -> bool:
    """Return whether `candidate` is the signature of this pickle, in constant time."""
    import hmac

    if not isinstance(version_id, int) or not isinstance(payload, bytes):
        return False  # SQLite holds anything in any column
    expected = signature(key, dag_id, version_id, payload)
    return hmac.compare_digest(expected.encode(), str(candidate).encode("utf-8", "replace"))
