"""The core stays in small pieces."""

from __future__ import annotations

import statistics
from pathlib import Path

import airflow_lite

CORE = Path(airflow_lite.__file__).parent
LINES = {path: len(path.read_bytes().splitlines()) for path in CORE.rglob("*.py")}


def test_no_module_has_more_than_500_lines():
    assert [str(path) for path, lines in LINES.items() if lines > 500] == []


def test_half_of_the_modules_have_fewer_than_100_lines():
    assert statistics.median(LINES.values()) < 100
