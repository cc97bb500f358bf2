"""All that is tested of authoring holds with pendulum's dates and spans, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
ROOMS = ("unit/authoring", "unit/worker/task", "unit/worker/in_process", "unit/parsing")


@pytest.mark.parametrize("room", ROOMS)
def test_what_holds_with_dates_of_datetime_holds_with_those_of_pendulum(room):
    words = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--dates", "pendulum"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(TESTS / room)],
        check=False,
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
