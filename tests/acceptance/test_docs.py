"""What the docs show works: their files are written, their commands run, their output compared.

In a page, `<!-- file: PATH -->` before a block writes it below the home; a `console` block holds
commands after `$ ` and what they print, where `...` stands for any text; and
`<!-- background -->` before one leaves its command running until the end of the page.
What a page exports holds for what follows, but for AIRFLOW_LITE_HOME: that is the test's own.
A page that has a `console` block is tested here, unless another test runs it.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from fixtures.homes import Home
from fixtures.pages import matches
from fixtures.waits import DEADLINE_S

pytestmark = pytest.mark.any_database

DOCS = Path(__file__).parents[2] / "docs"
README = "../README.md"
BLOCK = re.compile(
    r"^(?P<margin> *)(?:<!-- (?P<mark>[^>]+) -->\n *)?```(?P<kind>\w+)\n(?P<body>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
#: How pages write the address of a database on a server: the test has one of each name.
SERVED = re.compile(r"postgresql://airflow_lite:choose%20one@db\.example:5432/(\w+)")
#: Pages whose commands take an environment of their own, and the tests that run them there.
ELSEWHERE = {
    "how-to/publish-an-executor.md": "tests/acceptance/test_plugins_new.py",
    "how-to/run-on-celery.md": "tests/plugins/celery/test_celery_docs.py",
    "how-to/run-on-dask.md": "tests/plugins/dask/test_dask_docs.py",
    "how-to/run-on-kubernetes.md": "tests/plugins/k8s/test_k8s_docs.py",
    "how-to/write-a-timetable.md": "tests/acceptance/test_own_timetables.py",
    "how-to/send-e-mail.md": "tests/integration/authoring/test_email.py",
    "how-to/use-the-rest-api.md": "tests/plugins/web/api/test_api_docs.py",
}


def blocks(page):
    found = [match.groupdict() for match in BLOCK.finditer((DOCS / page).read_text())]
    return [block | {"body": textwrap.dedent(block["body"])} for block in found]


PYTHON = [
    pytest.param(block["body"], id=f"{path.stem}-{number}")
    for path in sorted(DOCS.rglob("*.md"))
    for number, block in enumerate(blocks(path.relative_to(DOCS)))
    if block["kind"] == "python"
]
PAGES = sorted(
    page
    for page in [README, *(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))]
    if any(block["kind"] == "console" for block in blocks(page)) and page not in ELSEWHERE
)


def commands(body):
    """Return (command, expected output) of each command in a console block."""
    found: list[Any] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return [(command, "\n".join(expected)) for command, expected in found]


def test_dots_on_a_page_stand_for_whatever_is_printed_there():
    assert matches("a...c\n...d", "a b c\nd")
    assert not matches("c...a", "a b c")
    assert not matches("...".join("1" * 20) + "...x", "1" * 5_000)  # at once


@pytest.fixture
def home(tmp_path):
    """A home where a newcomer has it: `airflow-lite` in their home directory."""
    return Home(tmp_path / "airflow-lite")


@pytest.fixture
def terminal(home):
    """Run the words of a page as in a shell whose home directory is the home's parent."""
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    running = []

    def run(command, *, background=False):
        if background:
            process = subprocess.Popen(
                shlex.split(command),
                env=home.environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            running.append(process)
            return None
        return subprocess.run(
            ["bash", "-c", command],
            env=home.environ,
            cwd=home.folder.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    yield run
    for process in running:
        process.terminate()
    for process in running:
        process.wait(DEADLINE_S)


@pytest.fixture
def served(request):
    """Put addresses of real databases in place of those that a page writes."""
    urls: dict[str, str] = {}

    def url(match):
        if not urls and shutil.which("pg_dump") is None and not os.environ.get("CI"):
            pytest.skip("there is no pg_dump: install PostgreSQL's programs")
        if match[1] not in urls:
            urls[match[1]] = request.getfixturevalue("new_postgres")()
        return urls[match[1]]

    return lambda text: SERVED.sub(url, text)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works(page, home, terminal, wait_until, served):
    for block in blocks(page):
        block["body"] = served(block["body"])
        mark = block["mark"] or ""
        if mark.startswith("file: "):
            path = home.folder / mark.removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["body"])
        elif block["kind"] == "console":
            run_block(block, terminal, home, wait_until)


def run_block(block, terminal, home, wait_until):
    for command, expected in commands(block["body"]):
        if block["mark"] == "background":
            terminal(command, background=True)
            wait_until(
                lambda: home.run("jobs", "check", exit_code=None).returncode == 0, "the scheduler"
            )
            continue
        if command.startswith("export "):
            name = command.removeprefix("export ").partition("=")[0]
            value = terminal(f'{command}; printf %s "${name}"').stdout
            if name != "AIRFLOW_LITE_HOME":
                home.environ[name] = value
            continue
        done = terminal(command)
        assert done.returncode == 0, (command, done.stdout)
        assert matches(expected, done.stdout), (command, expected, done.stdout)


@pytest.mark.parametrize("page", ELSEWHERE)
def test_a_page_that_is_not_run_here_is_run_elsewhere(page):
    assert (DOCS / page).is_file()
    assert Path(page).name in (DOCS.parent / ELSEWHERE[page]).read_text()


def test_every_block_says_what_language_it_is_in():
    """Else it is not highlighted, and its commands are not looked at."""
    bare = []
    for page in [*DOCS.rglob("*.md"), DOCS / README]:
        fences = re.findall(r"^ *```(.*)$", page.read_text(), re.MULTILINE)
        bare += [page.name for opening in fences[::2] if not opening]
    assert bare == []


@pytest.mark.parametrize("source", PYTHON)
def test_the_python_of_a_page_compiles_and_imports_what_there_is(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("airflow_lite"):
            module = importlib.import_module(str(node.module))
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


def test_every_page_that_is_linked_exists():
    missing = []
    for page in [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                missing.append(f"{page.name} -> {target}")
    assert not missing
