"""Encryption of what the store keeps of Variables and Connections, by Fernet as in Airflow.

The key is `[core] fernet_key`, several with commas between, or a file of the home that is made when
the first value is encrypted. The first key encrypts, any of them decrypts. Without the library
`cryptography` values are kept as they are.
"""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import ConfigError
from airflow_lite.security.key_file import make_key, read_key

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: In the home, for its owner only.
KEY_FILE = "fernet.key"
#: The variable that holds the key; removed from the environment of processes that run user code.
KEY_VARIABLE = "AIRFLOW_LITE__CORE__FERNET_KEY"
_INSTALL = "pip install 'airflow-lite[crypto]'"
#: What commands that write values say where nothing encrypts them.
PLAIN_NOTICE = f"Values are stored as they are. To have them encrypted: {_INSTALL}."
_MAKE_KEY = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)
_FOREIGN = (
    "The value was encrypted by a key that is not here. Set [core] fernet_key to that key, or copy"
    f" {KEY_FILE} from the home where the value was set."
)


class Kept(NamedTuple):
    """A value as the store keeps it."""

    text: str
    is_encrypted: bool


class Cipher:
    """Encrypts and decrypts values; keys are read when a value needs them.

    Its methods raise `ConfigError` where a key is missing or is none.
    """

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def is_on(self) -> bool:
        """Whether values are encrypted: whether `cryptography` is installed."""
        return find_spec("cryptography") is not None

    def encrypted(self, text: str) -> Kept:
        """Return a value as it is to be kept."""
        if not self.is_on:
            return Kept(text, is_encrypted=False)
        if self._fernet is None:
            make_key(self._config.path(KEY_FILE), _new_key)
            del self._fernet  # it is looked for again
        return Kept(self._fernet.encrypt(text.encode()).decode(), is_encrypted=True)

    def decrypted(self, text: str, *, is_encrypted: bool) -> str:
        """Return a value of the store as it was given."""
        if not is_encrypted:
            return text
        return str(self._read("decrypt", text))

    def rotated(self, text: str) -> str:
        """Return an encrypted value encrypted anew, by the first key."""
        return str(self._read("rotate", text))

    def _read(self, act: str, text: str) -> str:
        if not self.is_on:
            raise ConfigError(f"The value is encrypted, and cryptography is missing. {_INSTALL}.")
        from cryptography.fernet import InvalidToken

        fernet = self._fernet
        if fernet is None:
            raise ConfigError(_FOREIGN)
        try:
            result: bytes = getattr(fernet, act)(text.encode())
            return result.decode()
        except InvalidToken:
            raise ConfigError(_FOREIGN) from None

    @cached_property
    def _fernet(self) -> Any:
        """What encrypts and decrypts; None where there is no key yet."""
        from cryptography.fernet import Fernet, MultiFernet

        path = self._config.path(KEY_FILE)
        configured = self._config.get("core", "fernet_key").strip()
        keys = configured.encode() or read_key(path)
        if keys is None:
            return None
        try:
            return MultiFernet([Fernet(key.strip()) for key in keys.split(b",")])
        except ValueError:
            raise ConfigError(
                f"{'[core] fernet_key' if configured else path} is no Fernet key. Make one:"
                f" {_MAKE_KEY}"
            ) from None


def _new_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
