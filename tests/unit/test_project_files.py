"""The files that the project is installed, checked and released by keep their form."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
FRAGMENTS = sorted(path for path in ROOT.glob("changelog.d/*") if path.name != "README.md")
PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+")
PYTHON = re.compile(r"Programming Language :: Python :: (3\.\d+)$")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def flaw(name, text):
    """Return what is wrong with a fragment of the changelog, or None."""
    if not re.fullmatch(r"\+[a-z0-9-]+\.(added|changed|fixed)\.md", name):
        return "its name"
    if "\n\n" in text.strip() or text.startswith(("-", "*", "#")):
        return "more than a paragraph"
    if not re.fullmatch(r"[A-Z`].*[.]\n", text, re.DOTALL):
        return "no full sentence"
    return None


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_a_fragment_of_the_changelog_is_a_paragraph_of_full_sentences(path):
    assert flaw(path.name, path.read_text()) is None


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("log-times.fixed.md", "Logs have times.\n", "its name"),
        ("+log-times.repaired.md", "Logs have times.\n", "its name"),
        ("+log-times.fixed.md", "- Logs have times.\n", "more than a paragraph"),
        ("+log-times.fixed.md", "Logs have times.\n\nReally.\n", "more than a paragraph"),
        ("+log-times.fixed.md", "fix log times\n", "no full sentence"),
        ("+log-times.fixed.md", "", "no full sentence"),
        ("+log-times.fixed.md", "`tasks logs` shows times.\n", None),
    ],
)
def test_what_is_wrong_with_a_fragment_is_seen(name, text, reason):
    assert flaw(name, text) == reason


def test_constraints_are_versions_alone_and_name_no_index():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    versions = [line for line in lines if not line.startswith("#")]
    assert [line for line in versions if not PIN.fullmatch(line)] == []
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


def test_every_tool_has_a_version_in_the_constraints():
    lines = (ROOT / "constraints.txt").read_text().lower().splitlines()
    tools = (ROOT / "scripts/tools.txt").read_text().lower().splitlines()
    pinned = {line.partition("==")[0] for line in lines}
    assert {tool for tool in tools if not tool.startswith("#")} <= pinned


@pytest.mark.parametrize("path", PYPROJECTS[1:], ids=name_of)
def test_a_plugin_is_tested_with_the_same_pythons_as_the_core(path):
    core, plugin = (tomllib.loads(file.read_text())["project"] for file in (PYPROJECTS[0], path))
    pythons = [[*filter(PYTHON.match, project["classifiers"])] for project in (core, plugin)]
    assert pythons[0] == pythons[1]


@pytest.mark.parametrize("path", PYPROJECTS[1:], ids=name_of)
def test_a_plugin_has_the_licence_and_the_addresses_of_the_core(path):
    core, plugin = (tomllib.loads(file.read_text())["project"] for file in (PYPROJECTS[0], path))
    for name in ("license", "license-files", "urls"):
        assert plugin.get(name) == core.get(name), name
    assert (path.parent / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_a_new_plugin_starts_with_the_licence_of_the_core():
    template = ROOT / "core/airflow_lite/plugins/template"
    core, plugin = (
        tomllib.loads(file.read_text())["project"]
        for file in (PYPROJECTS[0], template / "pyproject.toml.in")
    )
    assert (plugin["license"], plugin["license-files"]) == (core["license"], core["license-files"])
    assert (template / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_lowest_versions_are_those_of_every_pyproject(capsys):
    runpy.run_path(str(ROOT / "scripts/_lowest.py"))
    printed = capsys.readouterr().out.splitlines()
    wanted = {
        re.sub(r"(\[.*\])?>=", "==", requirement.partition(",")[0]).lower().replace("_", "-")
        for path in PYPROJECTS
        for requirement in tomllib.loads(path.read_text())["project"]["dependencies"]
        if not requirement.startswith("airflow-lite")
    }
    assert wanted <= set(printed)
    assert [line for line in printed if line.startswith("sqlalchemy<")] == []
