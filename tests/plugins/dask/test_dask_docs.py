"""Every command of the how-to page works, in order, as it stands there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-on-dask.md"
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)
DEADLINE_S = 60


class Shell:
    """Runs the blocks of one section; what it left in the background ends with it."""

    def __init__(self, home, wait_until):
        self.home = home
        self._wait_until = wait_until
        self._running = []

    def run(self, block):
        mark = block["mark"] or ""
        kind, _, words = mark.partition(": ")
        if kind == "file":
            (self.home.folder / words).write_text(block["body"])
        elif block["kind"] == "console":
            for command, expected in commands(block["body"]):
                if kind == "background":
                    self._start(command, words)
                else:
                    self._execute(command, expected)

    def _start(self, command, said):
        log = self.home.folder / f"background-{len(self._running)}.out"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command.split(),
                env=self.home.environ,
                cwd=self.home.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._running.append(process)
        try:
            self._wait_until(lambda: said in log.read_text(), said)
        finally:
            print(f"--- {command}\n{log.read_text()}")

    def _execute(self, command, expected):
        if command.startswith("export "):
            name = command.removeprefix("export ").partition("=")[0]
            command = f'{command}; printf %s "${name}"'
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.home.environ,
            cwd=self.home.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout)
        if command.startswith("export "):
            self.home.environ[name] = done.stdout
            return
        pattern = ".*".join(re.escape(part.strip("\n")) for part in expected.split("..."))
        assert re.search(pattern, done.stdout, re.DOTALL), (command, expected, done.stdout)

    def end(self):
        while self._running:
            process = self._running.pop()
            process.terminate()
            process.wait(DEADLINE_S)


def commands(body):
    found: list[Any] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(expected)) for command, expected in found]


@pytest.fixture
def page():
    """The text, with addresses that this machine has free."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    return PAGE.read_text().replace("8786", str(port)).replace("10.0.0.5", "127.0.0.1")


def test_the_page_works_from_one_machine_to_a_cluster(page, home, wait_until, processes_left):
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = Shell(home, wait_until)
    for section in page.split("\n## "):
        try:
            for match in BLOCK.finditer(section):
                shell.run(match.groupdict())
        finally:
            shell.end()
    wait_until(lambda: not processes_left(), "every process of the home to end")
