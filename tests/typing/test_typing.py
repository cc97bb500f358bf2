"""What authors write type-checks under `--strict`, and their mistakes are told, each in its line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from fixtures.scripts import ROOT

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def errors_of(file: Path, cache: Path) -> dict[int, set[str]]:
    """Return the codes of the errors that mypy finds in a file, by line."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file=", "--strict", "--no-error-summary"),
            *("--explicit-package-bases", "--hide-error-context", "--cache-dir", cache, file),
        ],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": "core:plugins/testing/src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    found = defaultdict(set)
    for line in done.stdout.splitlines():
        error = re.fullmatch(r"(\S+):(\d+): error: .* \[([\w-]+)\]", line)
        if error is not None:
            assert Path(error[1]).name == file.name, line
            found[int(error[2])].add(error[3])
        else:
            assert ": note: " in line, line
    return dict(found)


def expected(file: Path) -> dict[int, set[str]]:
    """Return the codes that the lines of a file say after `# error:`."""
    found = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if said := re.search(r"# error: ([\w, -]+)$", line):
            found[number] = set(said[1].split(", "))
    return found


@pytest.mark.parametrize("name", ["plugin_author", "dag_author"])
def test_what_an_author_writes_type_checks(name: str, cache: Path) -> None:
    assert errors_of(FOLDER / f"{name}.py", cache) == {}


@pytest.mark.parametrize("name", ["plugin_mistakes", "dag_mistakes"])
def test_each_mistake_is_told_in_its_line(name: str, cache: Path) -> None:
    file = FOLDER / f"{name}.py"

    assert errors_of(file, cache) == expected(file)
