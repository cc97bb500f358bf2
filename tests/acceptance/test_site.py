"""The documentation builds into a site without a warning, and a broken link is one.

The site is whole in itself: it is readable from the disk and without a network, its code is
highlighted, and it has a light and a dark scheme.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).parents[2]


def build(root, site):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site that was built."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_the_site_has_every_page_and_no_script(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = "index" if page.stem == "README" else page.stem
        built = site / page.relative_to(ROOT / "docs").with_name(f"{name}.html")
        assert built.is_file(), page
    assert not list(site.rglob("*.py"))


def menu_of(site, page):
    """Return the menu of a page: the titles of sections, and the pages that are linked."""
    text = (site / page).read_text()
    menu = text[text.index('class="md-nav md-nav--primary') :].partition("<main")[0]
    return [" ".join(title.split()) for title in re.findall(r'md-ellipsis">([^<]+)', menu)]


def test_the_menu_has_its_sections_in_the_order_in_which_they_are_needed(site):
    text = (site / "index.html").read_text()
    tabs = text[text.index('class="md-tabs"') :].partition("</nav>")[0]
    titles = [" ".join(title.split()) for title in re.findall(r'md-tabs__link">([^<]+)', tabs)]
    assert titles[1:] == ["Tutorial", "How to", "Reference", "Explanation", "Decisions"]


def test_the_how_tos_are_grouped_by_their_reader(site):
    titles = menu_of(site, "how-to/debug-a-dag.html")
    places = [titles.index(title) for title in ("Run it", "Write DAGs", "Write executors")]
    assert places == sorted(places)
    assert titles.index("Write DAGs") < titles.index("Debug a DAG") < places[2]


def test_no_page_loads_anything_from_elsewhere(site):
    """An address of elsewhere is one to be clicked on, never one to be fetched."""
    loaded = re.compile(r"""<(?:script|link|img|iframe)[^>]*\b(?:src|href)="?(https?:)?//""")
    pages = {page: loaded.findall(page.read_text()) for page in site.rglob("*.html")}
    assert {page: found for page, found in pages.items() if found} == {}
    styles = [path for path in site.rglob("*.css") if "url(http" in path.read_text()]
    assert styles == []


def test_code_is_highlighted_and_there_is_a_light_and_a_dark_scheme(site):
    text = (site / "tutorial" / "first-dag.html").read_text()
    assert '<span class="kn">from</span>' in text
    schemes = re.findall(r'data-md-color-media="([^"]*)" data-md-color-scheme="(\w+)"', text)
    assert ("(prefers-color-scheme: light)", "default") in schemes
    assert ("(prefers-color-scheme: dark)", "slate") in schemes


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
