"""The floor plan names every room, and no file that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CORE = ROOT / "core" / "airflow_lite"
PAGE = (ROOT / "docs/explanation/architecture.md").read_text()
ROOMS = sorted(
    path.parent.relative_to(CORE).as_posix()
    for path in CORE.rglob("__init__.py")
    if path.parent != CORE and "template" not in path.parts
)
#: Text in backquotes that looks like a path.
NAMED = sorted(
    set(
        re.findall(
            r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|json))?|[a-z_]+\.py|(?:[a-z_]+/)+[a-z_]+)`", PAGE
        )
    )
)


@pytest.mark.parametrize("room", ROOMS)
def test_every_package_of_the_core_has_its_place_on_the_page(room):
    name = room.rpartition("/")[2]
    assert f"`{name}/`" in PAGE or f"`{room}/`" in PAGE


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_is_there(name):
    places = [ROOT / name, CORE / name, *CORE.glob(f"*/{name}")]
    assert any(place.exists() for place in places)
