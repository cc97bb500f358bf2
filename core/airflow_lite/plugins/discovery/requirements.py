"""`Requires-Dist` lines, as far as discovery needs them: names, and ranges of the core."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def required_names(lines: list[str]) -> tuple[str, ...]:
    """Return the normalised names that are required without an extra."""
    plain = (found for found in _parsed(lines) if "extra" not in str(found.marker or ""))
    return tuple(dict.fromkeys(canonicalize_name(found.name) for found in plain))


def unmet_range(lines: list[str], name: str, version: str) -> str | None:
    """Return the first range that `lines` ask of `name` and `version` is not in, or None."""
    for found in _parsed(lines):
        wanted = found.specifier
        if canonicalize_name(found.name) == name and not wanted.contains(version, prereleases=True):
            return str(wanted)
    return None


def _parsed(lines: list[str]) -> Iterator[Requirement]:
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:  # whoever wrote it, nothing is known of it
            continue
