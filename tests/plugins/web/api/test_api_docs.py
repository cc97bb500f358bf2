"""Every command of the how-to page works, in order, as it stands there: use-the-rest-api.md."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from airflow_lite_testing.proxy import free_port
from fixtures.pages import BLOCK, Shell

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "use-the-rest-api.md"


def is_missing(command):
    """Whether a command needs what is not installed here."""
    if command.startswith("curl"):
        return shutil.which("curl") is None
    return "with_client" in command and importlib.util.find_spec("airflow_client") is None


def test_the_page_works_from_a_user_to_the_official_client(home, wait_until):
    port = free_port()
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = Shell(home, wait_until)
    try:
        for match in BLOCK.finditer(PAGE.read_text().replace("8080", str(port))):
            block = match.groupdict()
            lines = block["body"].splitlines(keepends=True)
            if not (block["kind"] == "console" and is_missing(lines[0][2:])):
                shell.run(block)
    finally:
        shell.end()
