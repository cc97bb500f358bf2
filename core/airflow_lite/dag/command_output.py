"""The output of a command: logged as it comes, its last line kept."""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_READ_BYTES = 1 << 16
#: A line is cut after so many characters, so that output without line ends stays bounded.
MOST_CHARACTERS = 1 << 20
#: So many lines are logged one by one. Past them what one read brings is one record, since a
#: gigabyte of short lines would take hours otherwise.
SINGLE_LINES = 10_000


def log_output(descriptor: int, encoding: str, log: logging.Logger) -> str:
    """Log what `descriptor` brings until its end; return the last line, without blanks at its end.

    Bytes that are not valid in `encoding` become backslash escapes.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="backslashreplace")
    last, pending, count = "", "", 0
    while True:
        raw = os.read(descriptor, _READ_BYTES)
        whole, ended, pending = (pending + decoder.decode(raw, final=not raw)).rpartition("\n")
        if pending and (not raw or len(pending) >= MOST_CHARACTERS):
            whole, ended, pending = f"{whole}{ended}{pending}", "\n", ""
        if ended:
            count, last = _log_lines(whole, count, log)
        if not raw:
            return last


def _log_lines(text: str, count: int, log: logging.Logger) -> tuple[int, str]:
    """Log the lines of `text`; return how many there were by now, and the last."""
    if count >= SINGLE_LINES:
        log.info("%s", text)
        return count, text.rpartition("\n")[2].rstrip()
    lines = text.split("\n")
    for line in lines:
        log.info("%s", line.rstrip())
    return count + len(lines), lines[-1].rstrip()
