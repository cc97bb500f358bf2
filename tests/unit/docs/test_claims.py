"""The README and what packages say of themselves claim no more than was measured."""

from __future__ import annotations

import re
import tomllib

import pytest

from fixtures.scripts import ROOT

README = (ROOT / "README.md").read_text()
COSTS = (ROOT / "docs/explanation/what-it-costs.md").read_text()
BOAST = re.compile(r"hundredth|same DAG files|drop-in|compatible|\d+ ?(x|times) ")
PYPROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
PAGES = ["README.md", "mkdocs.yml", "docs/README.md", "core/airflow_lite/cli/man.py"]


def measured(row):
    """Return (ours, Airflow's) of a row of the page that says how it was measured."""
    [cells] = re.findall(
        rf"^\| {re.escape(row)} \| ([\d.]+) \w+ \| ([\d.]+) \w+ \|", COSTS, re.MULTILINE
    )
    return tuple(map(float, cells))


@pytest.mark.parametrize(
    ("row", "claim", "digits"),
    [
        ("chain of 10 tasks, start to end", r"takes ([\d.]+) s where Airflow takes (\d+)", (1, 0)),
        ("memory of a scheduler at rest", r"rest (\d+) MB where Airflow's takes\s+(\d+)", (0, 0)),
    ],
)
def test_a_number_in_the_readme_is_the_one_that_was_measured(row, claim, digits):
    said = re.search(claim, README)
    assert said is not None
    for number, value, places in zip(said.groups(), measured(row), digits, strict=True):
        assert float(number) == round(value, places)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_of_welcome_claims_what_was_not_measured(name):
    assert BOAST.findall((ROOT / name).read_text()) == []


@pytest.mark.parametrize("path", PYPROJECTS, ids=lambda path: path.parent.name)
def test_no_package_claims_what_was_not_measured(path):
    assert BOAST.findall(tomllib.loads(path.read_text())["project"]["description"]) == []


def test_the_table_of_what_is_supported_is_one_step_from_every_welcome():
    assert "docs/reference/supported.md" in README
    for page in ("README.md", "how-to/move-from-airflow.md"):
        assert "reference/supported.md" in (ROOT / "docs" / page).read_text()
