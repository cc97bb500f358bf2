"""Commands that only look something up import next to nothing: counted, not timed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fixtures.commands import modules_of
from fixtures.waits import DEADLINE_S

HEAVY = {
    "alembic",
    "cronsim",
    "importlib_metadata",
    "jinja2",
    "jsonschema",
    "pluggy",
    "rich",
    "sqlalchemy",
    "yaml",
}


def roots(modules):
    return {module.partition(".")[0] for module in modules}


LIGHT = [["version"], ["config", "get-value", "core", "executor"], ["--help"], ["config", "list"]]


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_nothing_heavy_and_no_plugin_is_imported(home, words):
    home.run(*words)  # the first look makes the index of plugins, and keeps it in the home

    found = roots(modules_of(home.environ, *words))

    assert not found & HEAVY
    assert not {name for name in found if name.startswith("airflow_lite_")}


@pytest.mark.parametrize("words", LIGHT[:2], ids=" ".join)
def test_a_simple_command_does_without_argparse_and_the_store(home, words):
    found = modules_of(home.environ, *words)

    assert not roots(found) & {"argparse", "inspect", "logging", "pathlib", "configparser"}
    ours = [name for name in found if name.startswith("airflow_lite")]
    assert not [name for name in ours if ".store" in name or ".scheduler" in name]
    assert len(ours) <= 20, ours


def test_help_reads_the_index_of_plugins_and_no_more(home):
    home.run("--help")

    found = roots(modules_of(home.environ, "--help"))

    assert not found & {"argparse", "dataclasses", "inspect", "logging", "email", "pathlib"}


def test_specs_and_pages_take_the_standard_library_and_argparse_manpage_alone(tmp_path):
    program = (
        "import sys; from pathlib import Path; from airflow_lite.cli.man import write_core_pages;"
        f"write_core_pages(Path({str(tmp_path)!r}), '1');"
        "print(*sorted({name.partition('.')[0] for name in sys.modules"
        " if getattr(sys.modules[name], '__file__', None) and 'site-packages' in"
        " sys.modules[name].__file__}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_S,
    )
    names = {name for name in done.stdout.split() if not name.startswith("_")}
    assert names == {"argparse_manpage"}
