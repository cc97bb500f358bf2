"""What a terminal may be sent: texts whose control characters are shown rather than obeyed.

Names of files, texts of DAGs, errors and logs are written by others. Obeyed, an escape sequence in
one retitles the window, fills the clipboard, or hides a line.
"""

from __future__ import annotations

import re
from typing import Any, Self

#: Control characters but tab and line end, and what reverses the direction of letters.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)", re.UNICODE
)
#: Colours, which logs have, and which `less -R` lets through, too; but none that hides text.
_COLOUR = re.compile("\x1b\\[(?!(?:[0-9;]*;)?0*8(?:;|m))[0-9;]{0,40}m")


def printable(text: str) -> str:
    """Return a text with its control characters spelt out, as Python does in a string."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _coloured(text: str) -> str:
    """Return a text as `printable` does, but for sequences that colour what follows."""
    if "\x1b" not in text:
        return printable(text)
    parts: list[str] = []
    position = 0
    for match in _COLOUR.finditer(text):
        parts += (printable(text[position : match.start()]), match[0])
        position = match.end()
    return "".join((*parts, printable(text[position:])))


class SafeStream:
    """A text stream of a terminal, which obeys nothing of what is written but colours."""

    def __init__(self, stream: Any) -> None:
        self.raw_stream = stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        self.raw_stream.write(_coloured(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw_stream, name)

    def __iter__(self) -> Any:
        return iter(self.raw_stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw_stream.close()


def safe(stream: Any) -> Any:
    """Return a stream through which a terminal gets no control character; others as they are."""
    if isinstance(stream, SafeStream) or stream is None or not stream.isatty():
        return stream
    return SafeStream(stream)


def raw(stream: Any) -> Any:
    """Return the stream beneath: for what draws on a terminal itself."""
    return stream.raw_stream if isinstance(stream, SafeStream) else stream
