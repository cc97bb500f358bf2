"""The page write-a-timetable.md: its class, installed as its distribution, through the real CLI."""

from __future__ import annotations

import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import pytest

from fixtures.distributions import write_distribution
from fixtures.homes import Home
from fixtures.pages import matches

PAGE = Path(__file__).parents[2] / "docs/how-to/write-a-timetable.md"
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(PAGE.read_text())]


@pytest.fixture
def home(tmp_path):
    """Give a home with the page's files, and its distribution on the path."""
    site = tmp_path / "site"
    site.mkdir()
    home = Home(tmp_path / "airflow-lite", {"PYTHONPATH": str(site)})
    for block in BLOCKS:
        if block["file"]:
            path = home.folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["body"])
    project = tomllib.loads((home.folder / "workdays/pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["airflow_lite.timetables.v1"]
    lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
    write_distribution(site, project["name"], version=project["version"], timetables=lines)
    (site / "workdays.py").write_text((home.folder / "workdays/workdays.py").read_text())
    return home


def test_what_the_page_shows_works(home):
    shown = "".join(block["body"] for block in BLOCKS if block["kind"] == "console")
    commands = [part.partition("\n") for part in re.split(r"^\$ ", shown, flags=re.MULTILINE)[1:]]
    for command, _, expected in commands:
        printed = home.run(*shlex.split(command)[1:]).stdout
        assert matches(textwrap.dedent(expected), printed), (command, printed)
