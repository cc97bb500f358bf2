"""`Requires-Dist` lines, as far as discovery needs them: names, and ranges of the core."""

from __future__ import annotations

import re

from airflow_lite.plugins.model import normalised

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(;.*)?")
_CLAUSE = re.compile(r"(~=|===?|!=|<=|>=|<|>)\s*([^\s,]+)")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|rc|dev|post)[-_.]?(\d*))?", re.IGNORECASE)
_PHASES = {"dev": -4, "a": -3, "b": -2, "rc": -1, "": 0, "post": 1}

Version = tuple[tuple[int, ...], int, int]


def required_names(lines: list[str]) -> tuple[str, ...]:
    """Return the normalised names that are required without an extra."""
    found = (_REQUIREMENT.fullmatch(line) for line in lines)
    plain = (match for match in found if match and "extra" not in (match[3] or ""))
    return tuple(dict.fromkeys(normalised(match[1]) for match in plain))


def unmet_range(lines: list[str], name: str, version: str) -> str | None:
    """Return the first range that `lines` ask of `name` and `version` is not in, or None."""
    for line in lines:
        match = _REQUIREMENT.fullmatch(line)
        if match and normalised(match[1]) == name and not _meets(version, match[2]):
            return match[2].strip()
    return None


def _meets(version: str, clauses: str) -> bool:
    return all(_holds(version, sign, wanted) for sign, wanted in _CLAUSE.findall(clauses))


def _holds(version: str, sign: str, wanted: str) -> bool:
    if wanted.endswith(".*"):
        prefix = _parsed(wanted[:-2])[0]
        same = _padded(_parsed(version)[0], len(prefix))[: len(prefix)] == prefix
        return same if sign == "==" else not same
    have, want = _same_length(_parsed(version), _parsed(wanted))
    if sign == "~=":
        release = _parsed(wanted)[0][:-1]
        return have >= want and have[0][: len(release)] == release
    comparisons = {
        "==": have == want,
        "===": version == wanted,
        "!=": have != want,
        "<=": have <= want,
        ">=": have >= want,
        "<": have < want and not (have[0] == want[0] and want[1] == 0),
        ">": have > want and not (have[0] == want[0] and want[1] == 0),
    }
    return comparisons[sign]


def _parsed(version: str) -> Version:
    match = _VERSION.match(version)
    if match is None:
        return (0,), 0, 0
    release = tuple(map(int, match[1].split(".")))
    return release, _PHASES[(match[2] or "").lower()], int(match[3] or 0)


def _same_length(one: Version, other: Version) -> tuple[Version, Version]:
    length = max(len(one[0]), len(other[0]))
    return (_padded(one[0], length), *one[1:]), (_padded(other[0], length), *other[1:])


def _padded(release: tuple[int, ...], length: int) -> tuple[int, ...]:
    return release + (0,) * (length - len(release))
