"""The benchmark runs, and both that it compares do the work."""

from __future__ import annotations

import os
import re
import sys

import pytest

from fixtures.commands import call, clean_environ
from fixtures.scripts import ROOT

SCRIPT = ROOT / "tests" / "benchmarks" / "kubernetes_throughput.py"


@pytest.mark.usefixtures("kit_cluster")
def test_the_benchmark_tells_how_the_executor_does_beside_raw_calls(postgres_url, tmp_path):
    words = ("--tasks", "3", "--rounds", "1", "--in-flight", "3", "--measured", "1")
    kept = {name: os.environ[name] for name in os.environ if name.startswith("KUBE")}
    environ = clean_environ(HOME=str(tmp_path), POSTGRES_URL=postgres_url) | kept
    printed = call(sys.executable, SCRIPT, *words, environ=environ, timeout=240)
    (ratio,) = re.findall(r"KubernetesExecutor beside raw API calls: (\d+\.\d\d)", printed)
    assert float(ratio) > 0
    costs = re.findall(r"`(.+)` in a pod: (\d+\.\d+) CPU-s best", printed)
    assert [name for name, _ in costs] == ["tasks run", "sh -c true"]
    assert float(costs[0][1]) > 0
