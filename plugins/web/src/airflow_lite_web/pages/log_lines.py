"""The lines of a log as a page shows them: errors marked, frames of libraries folded. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ERROR = re.compile(
    r"\b(ERROR|CRITICAL)\b|^Traceback \(most recent call last\):|^\w*(Error|Exception)\b"
)
_WARNING = re.compile(r"\bWARNING\b|^\S+:\d+: \w*Warning: ")
_FRAME = re.compile(r'^\s*File "([^"]*)", line \d+')
_LIBRARY = re.compile(r"/(site-packages|dist-packages|lib/python3\.\d+|airflow_lite)/")
_IS_IN_TRACEBACK = re.compile(
    r"^(\s|Traceback|During handling|The above exception|[\w.]+(Error|Exception|Exit)\b|$)"
)
#: Longest line that is shown whole.
_LONGEST = 5_000


class Block(NamedTuple):
    """Lines of one kind: error, warning, note (of the reader itself), frames, or plain ("")."""

    kind: str
    lines: tuple[str, ...]


def blocks(lines: Iterable[str], *, errors_only: bool = False) -> list[Block]:
    """Return the lines as blocks of one kind, in order; with `errors_only` those of faults."""
    found: list[tuple[str, list[str]]] = []
    for kind, line in _kinds(lines):
        if errors_only and kind not in {"error", "warning", "frames"}:
            continue
        if found and found[-1][0] == kind:
            found[-1][1].append(line[:_LONGEST])
        else:
            found.append((kind, [line[:_LONGEST]]))
    return [Block(kind, tuple(part)) for kind, part in found]


def _kinds(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    is_in_traceback = is_in_library = False
    for line in lines:
        if line.startswith("*** "):
            yield "note", line
            continue
        if line.startswith("Traceback (most recent call last):"):
            is_in_traceback, is_in_library = True, False
        elif is_in_traceback and not _IS_IN_TRACEBACK.match(line):
            is_in_traceback = False
        if is_in_traceback:
            frame = _FRAME.match(line)
            if frame:
                is_in_library = bool(_LIBRARY.search(frame[1]))
            elif not line.startswith(" "):
                is_in_library = False
            yield "frames" if is_in_library else "error", line
        elif _ERROR.search(line):
            yield "error", line
        else:
            yield "warning" if _WARNING.search(line) else "", line
