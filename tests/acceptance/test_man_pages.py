"""Man pages render without complaint, say what the parsers say, and are found when asked for."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from airflow_lite.api.commands.spec import VERBOSE, GroupCommand
from airflow_lite.cli.core_commands import CORE_COMMANDS, all_commands
from airflow_lite.cli.man import write_core_pages, write_pages
from fixtures.waits import DEADLINE_S

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).parents[2]
#: Those with commands, which bring pages with the core's build hook.
PLUGINS = sorted(hook.with_name("pyproject.toml") for hook in ROOT.glob("plugins/*/hatch_build.py"))
FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
CORE_PAGES = ["airflow-lite", *(f"airflow-lite-{c.name}" for c in CORE_COMMANDS if c.is_group)]


def groups_of(pyproject):
    """Return the groups that a plugin's build makes pages of."""
    hook = tomllib.loads(pyproject.read_text())["tool"]["hatch"]["build"]["hooks"]["custom"]
    module, _, name = hook["groups"].partition(":")
    found = getattr(import_module(module), name or "GROUPS")
    return [found] if isinstance(found, GroupCommand) else list(found)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Write a page, and return it with the commands that it is about."""

    def make(name):
        for pyproject in PLUGINS:
            monkeypatch.syspath_prepend(str(pyproject.parent / "src"))
        groups = {f"airflow-lite-{group.name}": group for group in all_commands()}
        if name in CORE_PAGES:
            write_core_pages(tmp_path, "1.2.3")
            single = [c for c in all_commands() if not isinstance(c, GroupCommand)]
            return tmp_path / f"{name}.1", single if name == "airflow-lite" else [groups[name]]
        [pyproject] = [path for path in PLUGINS if path.parent.name == name]
        group, *_ = groups_of(pyproject)
        return write_pages([group], tmp_path, "1.2.3")[0], [group]

    return make


def actions(commands):
    for command in commands:
        if isinstance(command, GroupCommand):
            yield from actions(command.subcommands)
        else:
            yield command


def rendered(path):
    """Return the text of a page and what the formatters complain of; line breaks do not count."""
    complaints = []
    text = plain_text(path.read_text())
    if shutil.which("man") and shutil.which("groff"):
        environ = {**os.environ, "MANWIDTH": "300", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            ["man", "--warnings", "-l", path],
            env=environ,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=DEADLINE_S,
            check=False,
        )
        text = re.sub(".\b", "", done.stdout)
        complaints += done.stderr.splitlines()
    if shutil.which("mandoc"):
        done = subprocess.run(
            ["mandoc", "-Tlint", "-W", "warning", path],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        complaints += (done.stdout + done.stderr).splitlines()
    return text, [line for line in complaints if line and "break" not in line]


def plain_text(roff):
    """Read a page without a formatter; every request must be one that man(7) knows."""
    lines = []
    for line in roff.splitlines():
        if line.startswith((".", "'")):
            request, _, rest = line.partition(" ")
            assert request in {".TH", ".SH", ".SS", ".TP", ".B", ".br", ".sp", ".PP"}, line
            lines.append(rest)
        else:
            lines.append(line)
    text = re.sub(r"\\f[BIRP]|\\,|\\/", "", "\n".join(lines))
    for escaped, sign in (
        (r"\&", ""),
        (r"\-", "-"),
        (r"\(aq", "'"),
        (r"\(ga", "`"),
        ("\\\\", "\\"),
    ):
        text = text.replace(escaped, sign)
    return text


PAGES = [*CORE_PAGES, *(path.parent.name for path in PLUGINS)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders_without_complaint_and_has_the_options_of_its_parsers(page, name):
    path, commands = page(name)
    text, complaints = rendered(path)
    assert complaints == []
    arguments = [arg for action in actions(commands) for arg in action.args]
    flags = {flag for arg in arguments if not arg.is_positional for flag in arg.flags}
    flags |= {"-h", *VERBOSE.flags}
    if name == "airflow-lite":
        flags |= {"--version", "--executor", "--no-plugins"}
    prose = " ".join(
        str(part)
        for action in actions(commands)
        for part in (action.help, action.description, action.epilog)
    ) + " ".join(str(arg.kwargs.get("help")) for arg in arguments)
    shown = set(FLAG.findall(text))
    assert flags - shown == set()
    assert shown - flags - set(FLAG.findall(prose)) <= {"--help"}
    for action in actions(commands):
        assert action.name in text
    for arg in arguments:
        words = [arg.kwargs.get("metavar", arg.dest)] if arg.is_positional else []
        words += arg.kwargs.get("choices", ())
        assert [word for word in words if str(word) not in text] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_plain_roff_with_a_title_in_capitals(page, name):
    path, _ = page(name)
    plain_text(path.read_text())
    title = path.stem.upper().replace("-", r"\-")
    assert path.read_text().startswith(f'.TH {title} "1" ')


@pytest.fixture
def reader(home, tmp_path):
    """Install a page of a plugin `reader`, and return a home whose command line finds it."""
    info = tmp_path / "site" / "reader-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reader\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[airflow_lite.plugins.v1]\nreader = reader\n")
    (info / "RECORD").write_text(
        "reader-1.0.dist-info/METADATA,,\n../share/man/man1/airflow-lite-reader.1,,\n"
    )
    folder = tmp_path / "share" / "man" / "man1"
    folder.mkdir(parents=True)
    (folder / "airflow-lite-reader.1").write_text(
        '.TH AIRFLOW\\-LITE\\-READER "1" "2023-11-14"\n.SH NAME\nairflow\\-lite\\-reader \\- \\fBread\\fR\n'
    )
    home.environ["PYTHONPATH"] = str(tmp_path / "site")
    home.page = folder / "airflow-lite-reader.1"
    return home


def fake(folder, name, body):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", ["reader", "airflow-lite-reader"])
def test_a_page_is_found_by_the_record_and_printed_plainly_without_a_terminal(
    reader, tmp_path, name
):
    fake(tmp_path / "bin", "man", r'printf "%s $MANPAGER\n" "$*"; printf "b\bbold _\bunder\n"')
    reader.environ["PATH"] = f"{tmp_path / 'bin'}:/bin:/usr/bin"
    done = reader.run("man", name)
    assert done.stdout == f"-l {reader.page} cat\nbold under\n"


def test_on_a_terminal_man_itself_shows_the_page(reader, tmp_path):
    fake(tmp_path / "bin", "man", 'test -t 1 && echo "[$* ${MANPAGER-unset}]"; exit 7')
    reader.environ["PATH"] = f"{tmp_path / 'bin'}:/bin:/usr/bin"
    main, other = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "airflow_lite", "man", "reader"],
        env=reader.environ,
        stdin=subprocess.DEVNULL,
        stdout=other,
        timeout=DEADLINE_S,
        check=False,
    )
    os.close(other)
    assert os.read(main, 1000).decode().strip() == f"[-l {reader.page} unset]"
    os.close(main)
    assert done.returncode == 7


def test_where_man_is_missing_one_line_says_what_to_install_and_where_the_page_is(reader, tmp_path):
    reader.environ["PATH"] = str(tmp_path)
    done = reader.run("man", "reader", exit_code=1)
    assert done.stderr == (
        "airflow-lite: error: The program `man` is not installed. Install man-db or mandoc, or see"
        f" `--help`; the page is {reader.page}.\n"
    )


def test_mandoc_will_do(reader, tmp_path):
    fake(tmp_path / "bin", "mandoc", 'echo "$*"')
    reader.environ["PATH"] = str(tmp_path / "bin")
    assert reader.run("man", "reader").stdout == f"-Tutf8 {reader.page}\n"


def test_a_page_that_nobody_has_is_one_line_with_the_nearest_name(reader):
    done = reader.run("man", "raeder", exit_code=1)
    assert done.stderr == (
        "airflow-lite: error: There is no page 'raeder'. Did you mean 'reader'?"
        " Read about all commands with `airflow-lite man`.\n"
    )


def test_a_record_that_is_no_record_has_no_pages(reader, tmp_path):
    (tmp_path / "site" / "reader-1.0.dist-info" / "RECORD").write_bytes(b"\xff\xfe\0,,\n\n")
    assert "There is no page" in reader.run("man", "reader", exit_code=1).stderr
