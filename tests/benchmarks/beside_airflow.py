"""What airflow-lite costs beside Airflow: the same DAGs, measured alike, one after the other.

    python tests/benchmarks/beside_airflow.py --lite BIN [--airflow BIN] [--database URL]
        [--runs 3] [--rest 100]

Each BIN is the `bin` folder of a virtual environment that holds one of the two and nothing else;
without Airflow's there is our column alone.
Airflow runs LocalExecutor on the database of `--database`, which it does not do on SQLite, or
SequentialExecutor on SQLite without it; we run LocalExecutor on SQLite. Nothing else is set but
what both need to leave their examples out. The two take turns for what is repeated, and medians
are printed. Run it on a quiet machine: it says how busy it was.

A run's seconds are the end less the start in its own row, as each stores them. Memory is the
proportional set size (PSS) of the scheduler and all beneath it, which counts shared pages once. At
rest is what follows `--rest` seconds after the last run, for as many seconds. Our task host ends
after 90 seconds without work: with less than that, it would end while it is being measured, and
what it had used before would be missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

DAG_FILE = """
from datetime import datetime
{imports}

with DAG("chain", start_date=datetime(2024, 1, 1), schedule=None):
    last = None
    for number in range(10):
        this = BashOperator(task_id=f"t{{number}}", bash_command="true")
        if last:
            last >> this
        last = this

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100):
    for number in range(100):
        BashOperator(task_id=f"t{{number}}", bash_command="true")
"""
LITE_IMPORTS = "from airflow_lite import DAG, BashOperator"
AIRFLOW_IMPORTS = "from airflow import DAG\nfrom airflow.operators.bash import BashOperator"
_RUN_S, _POLL_S = 600, 1.0


class Side(NamedTuple):
    """One of the two: its environment, its command and how its DAG files begin."""

    name: str
    bin: Path
    command: str
    imports: str
    environ: dict[str, str]

    def run(self, *words: str) -> str:
        """Run its command; return what it prints, end the benchmark where it fails."""
        done = subprocess.run(
            [self.bin / self.command, *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.command} {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout


def lite(bin_: Path, home: Path) -> Side:
    environ = {
        **os.environ,
        "AIRFLOW_LITE_HOME": str(home),
        "AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor",
    }
    return Side("airflow-lite", bin_, "airflow-lite", LITE_IMPORTS, environ)


def airflow(bin_: Path, home: Path, database: str | None) -> Side:
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "PATH": f"{bin_}:{os.environ['PATH']}",  # its tasks start `airflow` by name
    }
    if database:
        environ["AIRFLOW__CORE__EXECUTOR"] = "LocalExecutor"
        environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
    return Side("Airflow", bin_, "airflow", AIRFLOW_IMPORTS, environ)


def installed(side: Side) -> tuple[float, int]:
    """Return MB on disk and the number of distributions."""
    packages = next(side.bin.parent.glob("lib/python*/site-packages"))
    size = sum(one.stat().st_size for one in packages.rglob("*") if one.is_file())
    return size / 1e6, len(list(packages.glob("*.dist-info")))


def seconds_of(side: Side, *words: str) -> float:
    began = time.perf_counter()
    subprocess.run(words, env=side.environ, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def run_seconds(side: Side, dag_id: str) -> float:
    """Trigger a run, wait for its end, and return its wall time."""
    run_id = f"beside_{time.time_ns()}"
    side.run("dags", "trigger", dag_id, "-r", run_id)
    end = time.monotonic() + _RUN_S
    while time.monotonic() < end:
        listed = side.run("dags", "list-runs", "-d", dag_id, "-o", "json")
        runs = json.loads(listed[listed.index("[{") :])  # Airflow says other things before it
        run = next(one for one in runs if one["run_id"] == run_id)
        if run["state"] == "success":
            start, stop = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
            return (stop - start).total_seconds()
        if run["state"] == "failed":
            break
        time.sleep(_POLL_S)  # asking costs Airflow two seconds of a core
    raise SystemExit(f"{side.name}: {dag_id} {run_id} did not succeed")


def tree_of(root: int) -> list[int]:
    """Return a process and all beneath it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                parents[int(entry)] = int(stat_of(int(entry))[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def stat_of(pid: int) -> list[bytes]:
    """Return the fields of a process from its state on."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def memory_mb(pids: list[int]) -> float:
    rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    lines = (line for text in rollups for line in text.splitlines() if line.startswith("Pss:"))
    return sum(int(line.split()[1]) for line in lines) / 1e3


def cpu_s(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, stat_of(pid)[11:15]))  # its own, and of children that ended
    return ticks / os.sysconf("SC_CLK_TCK")


def set_up(side: Side, home: Path) -> None:
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "beside.py").write_text(DAG_FILE.format(imports=side.imports))
    side.run("db", "migrate")


def with_a_scheduler(side: Side, home: Path, args: argparse.Namespace) -> dict[str, list[float]]:
    """Measure runs under a scheduler, the first of each DAG not counted, and then its rest."""
    with (home / "scheduler.log").open("wb") as log:
        scheduler = subprocess.Popen(
            [side.bin / side.command, "scheduler"],
            env=side.environ,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for_dags(side)
            found = {
                f"{what}, s": [run_seconds(side, dag_id) for _ in range(args.runs + 1)][1:]
                for what, dag_id in (("chain of 10", "chain"), ("100 at once", "wide"))
            }
            return found | at_rest(scheduler.pid, args.rest)
        finally:
            scheduler.send_signal(signal.SIGTERM)
            scheduler.wait(120)


def at_rest(leader: int, rest_s: float) -> dict[str, list[float]]:
    """Leave the scheduler alone as long as it is then looked at."""
    time.sleep(rest_s)
    before = cpu_s(tree_of(leader))
    time.sleep(rest_s)
    pids = tree_of(leader)
    return {
        "at rest, % of a core": [(cpu_s(pids) - before) / rest_s * 100],
        "at rest, MB": [memory_mb(pids)],
        "at rest, processes": [len(pids)],
    }


def wait_for_dags(side: Side) -> None:
    end = time.monotonic() + _RUN_S
    while '"wide"' not in side.run("dags", "list", "-o", "json"):
        if time.monotonic() > end:
            raise SystemExit(f"{side.name} did not parse the DAG file")
        time.sleep(_POLL_S)


def measure(sides: list[Side], homes: list[Path], args: argparse.Namespace) -> None:
    table: dict[str, dict[str, list[float]]] = {side.name: defaultdict(list) for side in sides}
    for side, home in zip(sides, homes, strict=True):
        set_up(side, home)
        megabytes, distributions = installed(side)
        table[side.name]["installed, MB"].append(megabytes)
        table[side.name]["distributions"].append(distributions)
    for _ in range(args.runs):
        for side in sides:
            for name, words in {
                "command `version`, s": (side.bin / side.command, "version"),
                "import of a DAG file, s": (side.bin / "python", "-c", side.imports),
            }.items():
                table[side.name][name].append(seconds_of(side, *map(str, words)))
    for side, home in zip(sides, homes, strict=True):
        for name, figures in with_a_scheduler(side, home, args).items():
            table[side.name][name] += figures
    show(table)


def show(table: dict[str, dict[str, list[float]]]) -> None:
    first, *others = table
    print("".join(f"{word:>24}" for word in ("", *table, *("ratio" for _ in others))))
    for key in table[first]:
        middle = [statistics.median(table[name][key]) for name in table]
        ratios = [other / middle[0] for other in middle[1:] if middle[0]]
        cells = (*(f"{one:.3f}" for one in middle), *(f"{one:.1f}" for one in ratios))
        print("".join(f"{cell:>24}" for cell in (key, *cells)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lite", type=Path, required=True, metavar="BIN")
    parser.add_argument("--airflow", type=Path, metavar="BIN")
    parser.add_argument("--database", metavar="URL", help="for Airflow")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rest", type=float, default=100, metavar="S")
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.runs} runs")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder, "lite")]
        sides = [lite(args.lite, homes[0])]
        if args.airflow:
            homes.append(Path(folder, "airflow"))
            sides.append(airflow(args.airflow, homes[1], args.database))
        measure(sides, homes, args)


if __name__ == "__main__":
    main()
