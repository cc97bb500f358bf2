"""Whose matter an error is that importing a plugin raised: its own, or a dependency's."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NamedTuple

from airflow_lite.errors import UserError
from airflow_lite.imports import missing_of_airflow
from airflow_lite.plugins.discovery.search_path import spec_of

_MOST = 300


class Blame(NamedTuple):
    """The first cause, the plugin's file and line that it goes back to, the missing module."""

    error: str
    file: str
    needs: str


def origin(value: str) -> str:
    """Return the file or folder that an entry point leads to, importing nothing of it."""
    path = value.partition(":")[0]
    top, *inner = path.split(".")
    spec = spec_of(top)
    if spec is None:
        return ""
    places = list(spec.submodule_search_locations or ())
    for place in places if inner else ():
        file = os.path.join(place, *inner) + ".py"
        if os.path.exists(file):
            return file
    return spec.origin or next(iter(places), "")


def blame(error: BaseException, value: str, start: str) -> Blame:
    """Say what was the first cause of an error that an entry point's import raised.

    `start` is its `origin`, as it was before the import.
    """
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    own = value.partition(":")[0].partition(".")[0]
    text = " ".join(str(first).split())[:_MOST]
    name = type(first).__name__
    if isinstance(first, UserError):  # what the core says of it, or it says itself
        return Blame(bare(text), start, "")
    return Blame(f"{name}: {text}" if text else name, _place(first, start), _needs(first, own))


def bare(text: str) -> str:
    """Return what the core says of a plugin named "it", without what to do about that."""
    text = text.removeprefix("Plugin ").removesuffix("Tell its author.").strip()
    return text.removesuffix(".")


def _needs(error: BaseException, own: str) -> str:
    """Return the foreign package that is missing, or has not what was asked of it.

    What Airflow's names lack is named in full.
    """
    missing = missing_of_airflow(error)
    if missing:
        return missing
    if not isinstance(error, ImportError) or not error.name:
        return ""
    top = error.name.partition(".")[0]
    foreign = top not in {own, "airflow_lite"} and top not in sys.stdlib_module_names
    return top if foreign else ""


def _place(error: BaseException, start: str) -> str:
    """Return FILE:LINE, the innermost in the plugin's own files."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
    ]
    folder = os.path.dirname(start) if os.path.isfile(start) else start
    own = [frame for frame in frames if folder and frame.filename.startswith(folder)]
    ours = f"{os.sep}airflow_lite{os.sep}"
    other = [frame for frame in frames if ours not in frame.filename]
    chosen = (own or other)[-1:]
    return f"{chosen[0].filename}:{chosen[0].lineno}" if chosen else start
