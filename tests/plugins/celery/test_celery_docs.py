"""Every command of the how-to page works, in order, as it stands there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fixtures.pages import BLOCK, Shell

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-on-celery.md"


@pytest.fixture
def page(broker):
    """The text, with a broker and queues that no other test has."""
    text = PAGE.read_text().replace("redis://localhost:6379/0", broker.url)
    yield text.replace("gpu", broker.gpu)
    broker.clean(broker.gpu)


def test_the_page_works_from_one_machine_to_many(page, home, workers, wait_until):
    del home.environ["AIRFLOW_LITE__CORE__EXECUTOR"]
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    home.run("db", "migrate")
    shell = Shell(home, wait_until)
    try:
        for match in BLOCK.finditer(page):
            shell.run(match.groupdict())
    finally:
        shell.end()
