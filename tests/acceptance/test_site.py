"""The documentation builds into a site without a warning, and a broken link is one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(root, site):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of what the site is made of, to break."""
    shutil.copytree(ROOT / "docs", tmp_path / "tree" / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path / "tree")
    return tmp_path / "tree"


def test_the_site_builds_without_a_warning_and_has_every_page(tmp_path):
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    for page in pages:
        folder = page.parent if page.stem == "README" else page.with_suffix("")
        assert (tmp_path / folder / "index.html").is_file(), page
    assert not list(tmp_path.rglob("*.py"))


def test_every_page_is_in_the_menu_under_its_section(tmp_path):
    assert build(ROOT, tmp_path).returncode == 0
    page = (tmp_path / "index.html").read_text()
    titles = re.findall(r'class="caption"><span class="caption-text">([^<]+)', page)
    assert titles == ["Tutorial", "How to", "Reference", "Explanation", "Decisions"]


@pytest.mark.parametrize(
    "text",
    [
        "[nowhere](nowhere.md)",
        "[no anchor](reference/errors.md#no-such-heading)",
        "[absolute](/reference/errors.md)",
        "![no image](images/none.png)",
    ],
)
def test_a_broken_link_fails_the_build(copy, tmp_path, text):
    page = copy / "docs" / "README.md"
    page.write_text(f"{page.read_text()}\n{text}\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode != 0
    assert "README.md" in done.stderr


def test_the_script_that_builds_the_site_is_strict_and_its_output_is_not_committed():
    assert "mkdocs build --strict" in (ROOT / "scripts" / "docs").read_text().replace(
        '"$bin/mkdocs"', "mkdocs"
    )
    assert "site/" in (ROOT / ".gitignore").read_text().split()
