"""The program's own name, and words that a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable

#: What users type.
PROGRAM = "airflow-lite"
#: What shells call at each Tab; see `cli.tab`.
COMPLETE = "__complete"
#: No id or name that we know is longer; a longer word is not searched for in full.
LONGEST = 60


def shortened(text: str, most: int) -> str:
    """Return `text`, cut with "..." where it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return the at most three of `known` that are most like `word`."""
    from difflib import get_close_matches  # slow to import, and rarely needed

    return get_close_matches(word[:LONGEST], list(known), n=3, cutoff=0.6)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?" with the known words nearest to `word`, or nothing."""
    found = nearest(word, known)
    return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""
