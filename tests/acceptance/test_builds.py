"""The core and every plugin build from a clone, in isolation, and come out the same each time."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fixtures import commands

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).parents[2]
SOURCES = [".", *sorted(f"plugins/{p.name}" for p in (ROOT / "plugins").iterdir() if p.is_dir())]

ENVIRON = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt"), "SOURCE_DATE_EPOCH": "1700000000"}


def call(*words, cwd, **environ):
    return commands.call(*words, cwd=cwd, environ={**os.environ, **ENVIRON, **environ})


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the files that a clone would have, as they are now."""
    folder = tmp_path_factory.mktemp("clone") / "airflow-lite"
    for name in call("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def test_the_clone_has_the_core_and_the_plugins(clone):
    assert [source for source in SOURCES if (clone / source / "pyproject.toml").is_file()]


@pytest.mark.parametrize("source", SOURCES)
def test_an_sdist_builds_in_isolation_and_a_wheel_from_it(clone, tmp_path, source):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = "-m", "build", "--outdir", tmp_path, clone / source
    call(sys.executable, *words, cwd=tmp_path, TMPDIR=str(temporary))
    assert [path.name for path in temporary.glob("airflow-lite-*")] == []
    [sdist], [wheel] = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    with zipfile.ZipFile(wheel) as archive:
        installed = archive.namelist()
        [licence] = [name for name in installed if name.endswith(".dist-info/licenses/LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert any(name.count("/") == 1 and name.endswith("/LICENSE") for name in names)
    pages = {Path(name).name for name in installed if "/share/man/man1/airflow-lite" in name}
    has_commands = source != "plugins/testing"  # `executors certify` is the core's
    assert bool(pages) == has_commands
    assert pages == {Path(name).name for name in names if "/man/" in name}
    assert any(name.endswith("/hatch_build.py") for name in names) == has_commands
    assert any(name.endswith("py.typed") for name in installed) or source == "."
    if source == ".":
        scripts = {Path(name).suffix for name in installed if "/completion_scripts/" in name}
        assert scripts == {".bash", ".zsh", ".fish"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_wheel_is_the_same_wherever_and_whenever_it_is_built(clone, tmp_path, source):
    digests = set()
    for number, (columns, zone) in enumerate([("40", "UTC"), ("200", "Asia/Seoul")]):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(clone, copy)
        out = tmp_path / f"out{number}"
        command = [sys.executable, "-m", "hatchling", "build", "-d", out]
        call(*command, cwd=copy / source, COLUMNS=columns, TZ=zone)
        digests.add(
            tuple(
                (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
                for path in sorted(out.iterdir())
            )
        )
    assert len(digests) == 1
    [built] = digests
    assert len(built) == 2
