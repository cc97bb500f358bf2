"""How values are shown: the filters of the templates, which know no request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable

#: State -> its letter, so that nobody needs the colour.
LETTERS = {
    "success": "✓",
    "failed": "✕",
    "running": "▶",
    "queued": "q",
    "scheduled": "s",
    "skipped": "»",
    "upstream_failed": "↑",
    "up_for_retry": "↻",
    "up_for_reschedule": "z",
    "restarting": "R",
    "deferred": "d",
    "removed": "−",
}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def moment(text: str | None) -> Markup:
    """Return a moment in ISO 8601 as an element that the script turns to the reader's zone."""
    if not text:
        return Markup('<span class="none">–</span>')
    try:
        date = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return escape(text)
    shown = f"{date:%Y-%m-%d %H:%M:%S}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(text, shown, shown)


def duration(seconds: float | None) -> str:
    """Return seconds as people say them, such as `4.2s`, `3m 05s`, `2h 10m` and `3d 4h`."""
    if seconds is None:
        return "–"
    if seconds < _MINUTE_S:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < _DAY_S:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // _DAY_S}d {whole % _DAY_S // 3600}h"


def state(name: str | None) -> Markup:
    """Return a state as a badge: shape and letter as well as colour."""
    word = name or "none"
    kind = word if word in LETTERS else "none"
    return Markup('<span class="state s-{}"><b aria-hidden="true">{}</b>{}</span>').format(
        kind, LETTERS.get(word, "·"), word.replace("_", " ") if name else "no state yet"
    )


def mark(name: str | None) -> Markup:
    """Return a state as its letter alone, in its colour and shape."""
    word = name or "none"
    kind = word if word in LETTERS else "none"
    return Markup('<b class="mark s-{}" title="{}">{}</b>').format(
        kind, word.replace("_", " ") if name else "no state yet", LETTERS.get(word, "·")
    )


def letter(name: str | None) -> str:
    """Return the letter of a state."""
    return LETTERS.get(name or "", "·")


def as_json(value: object) -> str:
    """Return a value as JSON, for people."""
    return json.dumps(value, ensure_ascii=False, default=str)


def pretty(value: object) -> str:
    """Return a value as JSON on several lines."""
    return json.dumps(value, ensure_ascii=False, default=str, indent=2)


def ending(text: str, most: int) -> str:
    """Return a name that fits into `most` characters: its end tells more than its beginning."""
    return text if len(text) <= most else f"…{text[1 - most :]}"


def path_part(text: object) -> str:
    """Return a text as one part of a path."""
    return quote(str(text), safe="")


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "duration": duration,
    "state": state,
    "mark": mark,
    "part": path_part,
    "letter": letter,
    "pretty": pretty,
    "ending": ending,
    "tojson_text": as_json,
}
