"""The benchmark runs, and its raw side does real work."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fixtures.commands import call, clean_environ

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_the_benchmark_tells_both_ratios(tmp_path):
    printed = call(
        *(sys.executable, FOLDER / "dask_throughput.py", "--tasks", "20", "--runs", "1"),
        *("--workers", "1", "--threads", "2"),
        environ=clean_environ(HOME=str(tmp_path)),
        timeout=240,
    )
    found = re.findall(r"ratio of the medians, (.+): (\d+\.\d\d)", printed)
    assert [what for what, _ in found] == ["throughput", "CPU time"]
    assert all(float(ratio) > 0 for _, ratio in found)
    assert "raw helpers" in printed
