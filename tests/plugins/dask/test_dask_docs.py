"""Every command of the how-to page works, in order, as it stands there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from airflow_lite_testing.proxy import free_port
from fixtures.pages import BLOCK, Shell

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-on-dask.md"


@pytest.fixture
def page():
    """The text, with addresses that this machine has free."""
    return PAGE.read_text().replace("8786", str(free_port())).replace("10.0.0.5", "127.0.0.1")


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
