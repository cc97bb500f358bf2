"""The benchmark runs on each broker, and all that it compares do the work."""

from __future__ import annotations

import re
import sys

from fixtures.commands import call, clean_environ
from fixtures.scripts import ROOT

SCRIPT = ROOT / "tests" / "benchmarks" / "celery_throughput.py"


def test_the_benchmark_tells_how_celery_does_beside_both_others(broker, postgres_url, tmp_path):
    variable = {"redis": "REDIS_URL", "rabbitmq": "RABBITMQ_URL"}[broker.kind]
    printed = call(
        *(sys.executable, SCRIPT, "--broker", broker.kind, "--tasks", "12"),
        *("--workers", "1", "--slots", "2"),
        environ=clean_environ(HOME=str(tmp_path), POSTGRES_URL=postgres_url)
        | {variable: broker.url},
        timeout=240,
    )
    found = re.findall(r"CeleryExecutor beside (.+), (.+): (\d+\.\d\d)", printed)
    assert [(other, what) for other, what, _ in found] == [
        (other, what)
        for other in ("raw Celery", "LocalExecutor")
        for what in ("throughput", "CPU time")
    ]
    assert all(float(ratio) > 0 for *_, ratio in found)
    assert "raw helpers" in printed
