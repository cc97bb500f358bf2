"""How long an executor's tasks stand still after each fault, as its fault tests see it.

    scripts/bench fault_recovery [--executor celery|kubernetes] [--runs 1]

Each test runs hundreds of short tasks on real servers, kills or stops something in their midst, and
checks that no try's code has begun twice. Prints, of each fault, the longest time in which nothing
began: from the moment when its cause was over (the server was there again, the process was dead)
to the end of the run, or to the next fault. The time in which a dead scheduler's successor, or a
worker, starts is in it. Servers are named by POSTGRES_URL, REDIS_URL, RABBITMQ_URL and KUBECONFIG, as
`scripts/services up postgres redis rabbitmq kubernetes` prints them.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "tests" / "plugins"
TESTS = {
    "celery": [
        PLUGINS / "celery" / f"test_celery_{name}.py" for name in ("deaths", "outages", "stores")
    ],
    "kubernetes": [PLUGINS / "k8s" / "test_k8s_many_faults.py"],
}
TOLD = re.compile(r"^recovery: (.+): nothing began for (\S+) s$", re.MULTILINE)


def measured(tests: list[Path]) -> list[tuple[str, str]]:
    """Run the tests once; return each fault with its seconds."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rP", *tests],
        cwd=ROOT,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the tests do not pass:\n{done.stdout[-4000:]}")
    return TOLD.findall(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executor", choices=sorted(TESTS), default="celery")
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(args.runs):
        for fault, seconds in measured(TESTS[args.executor]):
            found[fault].append(float(seconds))
    for fault, pauses in found.items():
        times = f"{len(pauses)} times" if len(pauses) > 1 else "once"
        print(f"{fault}: at most {max(pauses):.1f} s, {times}")


if __name__ == "__main__":
    main()
