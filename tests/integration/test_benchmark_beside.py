"""The benchmark beside Airflow measures our side by real runs, also where Airflow is not there."""

from __future__ import annotations

import sys
from pathlib import Path

from fixtures.commands import call, clean_environ

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
    printed = call(
        *(sys.executable, FILE, "--lite", Path(sys.executable).parent),
        *("--runs", "1", "--rest", "0.5"),
        environ=clean_environ(HOME=str(tmp_path)),
        timeout=240,
    )
    _, head, *rows = printed.splitlines()
    assert head.split() == ["airflow-lite"]
    figures = {name.strip(): float(figure) for name, _, figure in (r.rpartition(" ") for r in rows)}
    assert list(figures) == MEASURED
    assert all(figures[name] > 0 for name in MEASURED if "%" not in name)
