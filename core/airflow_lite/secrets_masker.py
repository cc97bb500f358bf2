"""Secrets, which nothing that is written or shown may tell: their names, and where texts hold one.

Names, functions and the mask are those of Airflow 2.10. Of another process's secrets this one knows
what both find in the environment and the configuration; a task tells its host of the others.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, AnyStr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_lite.config import Config

MASK = "***"
#: What is part of the name of a secret, as in Airflow 2.10.
DEFAULT_SENSITIVE_FIELDS = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "authorization",
        "keyfile_dict",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "secret",
        "service_account",
        "token",
    }
)
#: A secret that nobody asked for, such as that of another task's connection, is looked for in texts
#: if it is so long: `a` would garble every line, and be guessed from what is left. A line of a
#: secret that has several is a secret of its own under the same rule.
SHORTEST = 5
_DEEPEST = 20
#: Most items of long lists, told at once that no name is in them.
_PLAIN = frozenset({str, int, float, bool, type(None)})
_URL = re.compile(r"[a-zA-Z][\w+.-]*://[^\s\"'<>]*")
#: Names of query parts that are secrets where they stand in a URL, beside the sensitive ones.
_QUERY_SECRETS = frozenset({"key", "pass", "pwd", "sig", "signature"})


class SecretsMasker:
    """The secrets that one process knows. Safe to use from several threads."""

    def __init__(
        self, names: Iterable[str] = DEFAULT_SENSITIVE_FIELDS, *, hides: bool = True
    ) -> None:
        self._names = frozenset(names) if hides else frozenset()
        self._lock = threading.RLock()
        self._listener: Callable[[list[str]], None] | None = None
        self._own: frozenset[str] = frozenset()
        self.secrets: frozenset[str] = frozenset()
        self.pattern: re.Pattern[str] | None = None

    def is_sensitive(self, name: object) -> bool:
        """Whether what goes by this name is a secret."""
        if not isinstance(name, str) or not name:
            return False
        lowered = name.strip().lower()
        return any(part in lowered for part in self._names)

    def add_mask(self, secret: Any, name: str | None = None, *, shortest: int = 1) -> None:
        """Mask a text, or the texts of a dict or list; with a `name`, if that is sensitive.

        In a dict the names are its keys.
        """
        self._add({*_secrets(self, secret, name, shortest, 0)})

    def _add(self, texts: set[str]) -> None:
        with self._lock:
            new = texts - self.secrets
            if not new:
                return
            self.secrets |= new
            self.pattern = pattern_of(self.secrets)
            listener = self._listener
        if listener is not None:
            listener(sorted(new))

    def seal(self) -> None:
        """Take what is known by now for what other processes know, too."""
        self._own = self.secrets

    def tell(self, listener: Callable[[list[str]], None]) -> None:
        """Tell `listener` of all that came after `seal`, now and whenever more comes."""
        self._listener = listener
        if unknown := sorted(self.secrets - self._own):
            listener(unknown)

    def redact(self, value: Any, name: str | None = None) -> Any:
        """Return `value` with its secrets masked: texts, and those in dicts, lists and tuples.

        If `name` is sensitive, every text in it is masked. In a dict the names are its keys.
        """
        return self._redacted(value, name, 0)

    def text(self, text: str) -> str:
        """Return a text with its secrets masked."""
        return text if self.pattern is None else self.pattern.sub(MASK, text)

    def begun_at(self, text: str) -> int:
        """Return where in a text a secret may begin that does not end in it."""
        return begun_at(text, self.secrets) if self.pattern is not None else len(text)

    def _redacted(self, value: Any, name: object, depth: int) -> Any:
        if self.is_sensitive(name):
            return _hidden(value, depth)
        if isinstance(value, str):
            return self.text(value)
        if depth > _DEEPEST:
            return value
        if isinstance(value, Mapping):
            return {key: self._redacted(item, key, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._redacted(item, None, depth + 1) for item in value]
        if isinstance(value, tuple | set | frozenset):  # a tuple for a set, as in Airflow
            return tuple(self._redacted(item, None, depth + 1) for item in value)
        return value


def _hidden(value: Any, depth: int) -> Any:
    """Mask every text; numbers are shown, as in Airflow."""
    if isinstance(value, str) or depth > _DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return {key: _hidden(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, depth + 1) for item in value]
    if isinstance(value, tuple | set | frozenset):
        return tuple(_hidden(item, depth + 1) for item in value)
    return value


def _secrets(
    masker: SecretsMasker, secret: Any, name: str | None, shortest: int, depth: int
) -> Iterator[str]:
    if isinstance(secret, str):
        if name is None or masker.is_sensitive(name):
            yield from (form for form in spellings(secret) if len(form) >= shortest)
    elif depth > _DEEPEST:
        return
    elif isinstance(secret, Mapping):
        for key, value in secret.items():
            yield from _secrets(masker, value, str(key), shortest, depth + 1)
    elif isinstance(secret, list | tuple | set | frozenset):
        are_secrets = name is None or masker.is_sensitive(name)
        for value in secret:
            if are_secrets or (type(value) not in _PLAIN and isinstance(value, Mapping)):
                yield from _secrets(masker, value, name, shortest, depth + 1)


def spellings(secret: str) -> Iterator[str]:
    """Yield a secret as texts may hold it: as it is, in a URL, in JSON; and each line of it."""
    import json
    from urllib.parse import quote

    if not secret.strip():
        return
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST)


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds each of these texts, the longest first; None if there is none."""
    texts = sorted(secrets, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, texts))) if texts else None


def begun_at(data: AnyStr, secrets: Iterable[AnyStr], start: int = 0) -> int:
    """Return where, from `start` on, one of these may begin that `data` does not hold to its end.

    The length of `data` where there is no such place.
    """
    first = len(data)
    for secret in secrets:
        at = data.find(secret[:1], max(start, len(data) - len(secret) + 1), first)
        while at >= 0 and not secret.startswith(data[at:]):
            at = data.find(secret[:1], at + 1, first)
        first = first if at < 0 else at
    return first


def without_url_secrets(text: str, masker: SecretsMasker | None = None) -> str:
    """Return a text with the passwords and sensitive query parts of its URLs masked."""
    masker = masker or secrets_masker()
    return _URL.sub(lambda match: _shown_url(match[0], masker), text)


def _shown_url(url: str, masker: SecretsMasker) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, place = _divided(rest)
    user, colon, _ = credentials.partition(":")
    place, question, query = place.partition("?")
    parts = [_shown_part(part, masker) for part in query.split("&")]
    who = f"{user}:{MASK}" if colon else credentials
    return f"{scheme}://{who}{at}{place}{question}{'&'.join(parts)}"


def _divided(rest: str) -> tuple[str, str, str]:
    """Return credentials, the @ after them, and what follows; a password may have any letter."""
    place = rest.partition("?")[0]
    if "@" not in place and "@" in rest and ":" in place.partition("/")[0]:
        return rest.rpartition("@")
    credentials, at, _ = place.rpartition("@")
    return credentials, at, rest[len(credentials) + len(at) :]


def _shown_part(part: str, masker: SecretsMasker) -> str:
    name, equals, value = part.partition("=")
    return f"{name}={MASK}" if equals and value and _is_query_secret(name, masker) else part


def _is_query_secret(name: str, masker: SecretsMasker) -> bool:
    from urllib.parse import unquote_plus

    plain = unquote_plus(name).lower()
    return masker.is_sensitive(plain) or plain in _QUERY_SECRETS


def url_secrets(text: str, masker: SecretsMasker) -> Iterator[str]:
    """Yield what `without_url_secrets` masks, as it is written and decoded."""
    from urllib.parse import unquote, unquote_plus

    for url in _URL.findall(text):
        credentials, _, place = _divided(url.partition("://")[2])
        parts = (part.partition("=") for part in place.partition("?")[2].split("&"))
        values = [value for name, _, value in parts if _is_query_secret(name, masker)]
        for value in filter(None, (credentials.partition(":")[2], *values)):
            yield from (value, unquote(value), unquote_plus(value))


@cache
def secrets_masker() -> SecretsMasker:
    """Return the masker of this process, which knows the secrets of environment and configuration.

    One for the process, as in Airflow: what a library writes has no other way to it.
    """
    from airflow_lite.config import Config
    from airflow_lite.errors import ConfigError

    try:
        config = Config.load()
        masker = _of(config)
    except ConfigError:  # who reads the configuration for its own sake says so
        config = Config("", os.environ)
        masker = SecretsMasker()
    for secret in (*_of_environment(masker), *_of_config(config, masker)):
        masker.add_mask(secret, shortest=SHORTEST)
    masker.seal()
    return masker


def _of(config: Config) -> SecretsMasker:
    names = DEFAULT_SENSITIVE_FIELDS.union(
        name.lower() for name in config.getlist("core", "sensitive_var_conn_names")
    )
    return SecretsMasker(names, hides=config.getboolean("core", "hide_sensitive_var_conn_fields"))


def _of_environment(masker: SecretsMasker) -> Iterator[str]:
    """Yield the secrets of connections and variables."""
    for name, text in os.environ.items():
        if name.startswith("AIRFLOW_CONN_"):
            yield from connection_secrets(text, masker)
        elif name.startswith("AIRFLOW_VAR_"):
            key = name.removeprefix("AIRFLOW_VAR_")
            yield from _secrets(masker, text, key, SHORTEST, 0)
            yield from _secrets(masker, _json(text), key, SHORTEST, 0)
            yield from url_secrets(text, masker)


def connection_secrets(text: str, masker: SecretsMasker) -> Iterator[str]:
    """Yield the secrets of a connection that is written as URI or JSON."""
    fields = _json(text)
    if not isinstance(fields, dict):
        yield from url_secrets(text, masker)
        return
    extra = fields.get("extra")
    if isinstance(extra, str):
        extra = _json(extra)
    yield from _secrets(masker, fields.get("password"), None, SHORTEST, 0)
    yield from _secrets(masker, extra if isinstance(extra, dict) else {}, None, SHORTEST, 0)


def _json(text: str) -> Any:
    import json

    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_secret_option(name: str, masker: SecretsMasker) -> bool:
    """Whether the value of an option of the configuration is a secret."""
    is_ours = name.endswith(("_dsn", "_key", "_kwargs")) or name == "on_failure_url"
    return masker.is_sensitive(name) or is_ours


def shown_option(name: str, value: str) -> str:
    """Return an option's value fit for a listing, which gets pasted: secrets are masked."""
    if value and is_secret_option(name, secrets_masker()):
        return MASK
    return without_url_secrets(value)


def _of_config(config: Config, masker: SecretsMasker) -> Iterator[str]:
    from airflow_lite.config import ENV_PREFIX

    values = [(key, text) for section in config.file.values() for key, text in section.items()]
    values += [(key.lower(), text) for key, text in os.environ.items() if key[:14] == ENV_PREFIX]
    for name, text in values:
        if is_secret_option(name, masker):
            yield text
        yield from url_secrets(text, masker)


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Have a secret masked, as `***`, in what this task logs, prints, and fails with.

    A text, or the texts of a dict or list. With a `name` it is masked only if that is sensitive;
    in a dict the names are its keys.
    """
    if secret:
        secrets_masker().add_mask(secret, name)


def hide_named(values: Mapping[str, Any]) -> None:
    """Have those values masked, and those within them, that go by sensitive names."""
    secrets_masker().add_mask(values, shortest=SHORTEST)


def redact(value: Any, name: str | None = None) -> Any:
    """Return `value` with the secrets in it masked; with a sensitive `name`, every text of it."""
    return secrets_masker().redact(value, name)
