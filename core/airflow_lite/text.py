"""Texts in one line, and words that a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable

#: No id or name of ours is longer; a longer word is not searched for in full.
LONGEST = 60


def shortened(text: str, most: int) -> str:
    """Return `text`, cut with "..." where it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def is_storable(text: str) -> bool:
    """Whether every database keeps a text: not with a NUL, nor with half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable(text: str) -> str:
    """Return a text with what no database keeps as its escape: a NUL, and half a character."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def message_of(error: BaseException) -> str:
    """Return an exception's message in one line, whatever its `__str__` does.

    What no database keeps becomes its escape, as half a character of an odd file name.
    """
    try:
        text = storable(str(error))
    except BaseException as raised:  # of SystemExit, too: it is a class's own `__str__`
        text = f"its message cannot be read: {type(raised).__name__}"
    return shortened(" ".join(text.split()), 1000)


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, without a full stop, or its name."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def described(error: BaseException) -> str:
    """Return an exception's class and message in one line."""
    name, message = type(error).__name__, message_of(error)
    return shortened(f"{name}: {message}" if message else name, 1000)


def nearest(word: str, candidates: Iterable[str]) -> list[str]:
    """Return those of `candidates` that are most like `word`, at most three."""
    from difflib import get_close_matches  # slow to import, and rarely needed

    return get_close_matches(word[:LONGEST], list(candidates), n=3, cutoff=0.6)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return " Did you mean …?" with the candidates nearest to `word`, or nothing."""
    matches = nearest(word, candidates)
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
