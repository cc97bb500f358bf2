"""The table of names, `names.txt`: what each of Airflow's modules offers, and what it does not.

A line in brackets begins a module. Below it, a line is a home and the names that are there,
`NAME=OTHER` where it has another name at home; a home that begins with a dot is below
`airflow_lite_airflow_names.offered`. `@KEY` before a home gives the notice that comes with the
names, and `!KEY` in place of a home the reason why they are refused: the text of `KEY = …` at the
top. `[MODULE] as OTHER` has the names of another module of the table, besides its own.
A name that ends in `*` speaks for all that begin so.

Beside it, `moved.txt` says where the names of Airflow 1's modules are in Airflow 2.10.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

_OWN = "airflow_lite_airflow_names.offered"
_FILE = os.path.join(os.path.dirname(__file__), "names.txt")
_MOVED_FILE = os.path.join(os.path.dirname(__file__), "moved.txt")
_MODULE = re.compile(r"\[([\w.]+)\](?: as ([\w.]+))?")


class Name(NamedTuple):
    """One name: where it is (`attribute` empty: the module itself), or why it is refused."""

    name: str
    home: str
    attribute: str
    text: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether it is not offered; `text` then says what to write instead."""
        return not self.home


class _Section(NamedTuple):
    base: str | None
    lines: list[str]


@cache
def _read() -> tuple[dict[str, str], dict[str, _Section]]:
    """Return the texts by their keys, and the lines of each module."""
    texts: dict[str, str] = {}
    sections: dict[str, _Section] = {}
    lines: list[str] = []
    with open(_FILE, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if not line or line.startswith("#"):
                continue
            match = _MODULE.fullmatch(line)
            if match:
                lines = []
                sections[match[1]] = _Section(match[2], lines)
            elif sections:
                lines.append(line)
            else:
                key, _, text = line.partition(" = ")
                texts[key] = text
    return texts, sections


def texts() -> dict[str, str]:
    """Return the notices and reasons, by their keys."""
    return dict(_read()[0])


@cache
def _moved() -> dict[str, str]:
    """Return what `moved.txt` says of each module."""
    with open(_MOVED_FILE, encoding="utf-8") as file:
        rows = (line.strip().partition(" ") for line in file if not line.startswith("#"))
        return {module: words for module, _, words in rows}


def moved_modules() -> set[str]:
    """Return the modules of Airflow 1."""
    return set(_moved())


def modules() -> list[str]:
    """Return the modules of the table, without those that are there for what is below them."""
    return sorted({*_read()[1], *_moved()})


@cache
def _packages() -> frozenset[str]:
    """Return all modules, with those that hold others."""
    names = set()
    for module in modules():
        parts = module.split(".")
        names |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return frozenset(names)


def has_module(module: str) -> bool:
    """Return whether a module is in the table, or holds one that is."""
    return module in _packages()


@cache
def names_of(module: str) -> dict[str, Name]:
    """Return what the table says of each name of a module; nothing is imported."""
    texts, sections = _read()
    names = {row.name: row for row in _moved_names(_moved().get(module, ""))}
    section = sections.get(module)
    if section is None:
        return names
    if section.base:
        names |= names_of(section.base)
    for line in section.lines:
        where, _, words = line.partition(": ")
        for name in _names(where, words.split(), texts):
            names[name.name] = name
    return names


def _moved_names(words: str) -> Iterator[Name]:
    """Yield the names of a module of Airflow 1, each as its module of today has it."""
    for word in words.split():
        name, _, path = word.partition("=")
        home, _, attribute = path.rpartition(".")
        row = name_in(home, attribute) or rest_of(home, attribute)
        if row is not None:
            yield row._replace(name=name)
        elif home.startswith("airflow.providers."):
            yield Name(name, home, attribute)
        else:
            yield Name(name, "", "", _read()[0]["INTERNALS"])


def name_in(module: str, name: str) -> Name | None:
    """Return what the table says of a name of a module, in person; None if it says nothing."""
    return names_of(module).get(name)


def rest_of(module: str, name: str) -> Name | None:
    """Return what the table says of all names that begin as this one does, if it does."""
    names = names_of(module)
    found = (row for key, row in names.items() if key[-1] == "*" and name.startswith(key[:-1]))
    return next((row._replace(name=name) for row in found), None)


def _names(where: str, words: list[str], texts: dict[str, str]) -> list[Name]:
    mark, home, text = where[:1], where, ""
    if mark == "!":
        home, text = "", texts[where[1:]]
    elif mark == "@":
        key, _, home = where[1:].partition(" ")
        text = texts[key]
    home = f"{_OWN}{home}" if home.startswith(".") else home
    pairs = [word.partition("=") for word in words]
    return [
        Name(name, home, (other if equals else name) if home else "", text)
        for name, equals, other in pairs
    ]
