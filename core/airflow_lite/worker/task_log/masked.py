"""Bytes that come piece by piece, with secrets masked that may be divided among the pieces."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_lite.secrets_masker import MASK, begun_at

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK = MASK.encode()


class Mask:
    """What finds secrets in bytes, made once for many streams."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)

    def __bool__(self) -> bool:
        """Whether there is a secret at all."""
        return bool(self._secrets)

    def with_secrets(self, secrets: Iterable[str]) -> Mask:
        """Return one that finds these, too."""
        every = self._secrets.union(secrets)
        return self if every == self._secrets else Mask(every)

    @cached_property
    def texts(self) -> tuple[bytes, ...]:
        """The secrets as bytes, the longest first."""
        texts = (secret.encode("utf-8", "backslashreplace") for secret in self._secrets)
        return tuple(sorted(texts, key=len, reverse=True))

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """What finds each of them."""
        return re.compile(b"|".join(map(re.escape, self.texts)))


class MaskedBytes:
    """Masks secrets in a stream. What may be the beginning of one is held until more comes."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what may be written by now, of this piece and those before."""
        if not self.mask:
            return data
        data = self._held + data
        parts: list[bytes] = []
        position, begun = 0, begun_at(data, self.mask.texts)
        for match in self.mask.pattern.finditer(data):
            if match.start() >= begun:
                break
            parts += (data[position : match.start()], _MASK)
            position = match.end()
        if position > begun:  # what looked begun is part of a whole one
            begun = begun_at(data, self.mask.texts, position)
        self._held = data[begun:]
        return b"".join((*parts, data[position:begun]))

    def finish(self) -> bytes:
        """Return what was held; no more comes."""
        held, self._held = self._held, b""
        return self.mask.pattern.sub(_MASK, held) if held else held
