"""The benchmark beside Airflow measures our side by real runs, also where Airflow is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parents[1] / "benchmarks" / "beside_airflow.py"
MEASURED = [
    "installed, MB",
    "distributions",
    "command `version`, s",
    "import of a DAG file, s",
    "chain of 10, s",
    "100 at once, s",
    "at rest, % of a core",
    "at rest, MB",
    "at rest, processes",
]


def test_the_benchmark_measures_our_side_alone(tmp_path):
    keep = {key: one for key, one in os.environ.items() if not key.startswith("AIRFLOW_LITE")}
    done = subprocess.run(
        [
            *(sys.executable, FILE, "--lite", Path(sys.executable).parent),
            *("--runs", "1", "--rest", "0.5"),
        ],
        env={**keep, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, head, *rows = done.stdout.splitlines()
    assert head.split() == ["airflow-lite"]
    figures = {name.strip(): float(figure) for name, _, figure in (r.rpartition(" ") for r in rows)}
    assert list(figures) == MEASURED
    assert all(figures[name] > 0 for name in MEASURED if "%" not in name)
