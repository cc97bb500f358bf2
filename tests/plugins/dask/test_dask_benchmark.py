"""The benchmark runs, and its raw side does real work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_the_benchmark_tells_both_ratios(tmp_path):
    keep = {key: one for key, one in os.environ.items() if not key.startswith("AIRFLOW_LITE")}
    done = subprocess.run(
        [
            *(sys.executable, FOLDER / "dask_throughput.py", "--tasks", "20", "--runs", "1"),
            *("--workers", "1", "--threads", "2"),
        ],
        env={**keep, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"ratio of the medians, (.+): (\d+\.\d\d)", done.stdout)
    assert [what for what, _ in found] == ["throughput", "CPU time"]
    assert all(float(ratio) > 0 for _, ratio in found)
    assert "raw helpers" in done.stdout
