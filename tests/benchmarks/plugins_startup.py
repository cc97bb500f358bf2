"""What installed plugins cost a command that does not use them.

    python tests/benchmarks/plugins_startup.py [--runs 21] [--distributions 1000] [--executors 200]

Two cases, each against nothing installed: many distributions of which some are executor plugins,
and every hostile plugin of the acceptance tests at once. Commands: `--help`, `version`, `config
get-value`, a plugin's command (dispatch) and `plugins list`. Homes are warm. Runs of all cases
take turns, so that a noisy machine hits all alike; minimum and median of whole processes, in ms,
of the wall's time and, which other work on the machine blurs less, of the processor's.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"
COMMANDS = {
    "--help": ["--help"],
    "version": ["version"],
    "config get-value": ["config", "get-value", "core", "executor"],
    "tool go (a plugin's)": ["tool", "go"],
    "plugins list": ["plugins", "list", "-o", "json"],
    "a Tab after the program": ["__complete", "bash", "airflow-lite ", " \t\n"],
    "a Tab after dags tri": ["__complete", "bash", "airflow-lite dags tri", " \t\n"],
}


class Taken(NamedTuple):
    """What one process took, in ms."""

    wall: float
    cpu: float


class Case:
    """A home, and a folder of distributions on the path of its commands."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.home = folder / name / "home"
        self.home.mkdir(parents=True)
        keep = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_LITE")}
        self.environ = {**keep, "AIRFLOW_LITE_HOME": str(self.home)}
        self.site = _acceptance("conftest").Site(self, folder / name)
        self.site.install(
            "lite-tool",
            plugins="tool = tool_plugin",
            modules={"tool_plugin": TOOL},
        )

    def run(self, words: list[str]) -> Taken:
        """Run a command, and return how long the process took."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow_lite", *words],
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, (self.name, words, process.returncode)
        wall_s = time.perf_counter() - began
        return Taken(wall_s * 1000, (used.ru_utime + used.ru_stime) * 1000)


TOOL = """
from airflow_lite.cli import ActionCommand, GroupCommand, lazy_load_command
from airflow_lite.hooks import hookimpl

@hookimpl
def get_cli_commands():
    return [GroupCommand("tool", "A tool", (ActionCommand("go", "Go", go),))]

def go(args):
    return 0
"""


def _acceptance(name: str):
    """Import a module of the acceptance tests, which are no package."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ACCEPTANCE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def many(folder: Path, distributions: int, executors: int) -> Case:
    """Install distributions, some of them with an executor and a group of commands."""
    case = Case(folder, f"{distributions} distributions, {executors} executors")
    for number in range(distributions - 1):
        word = f"p{number:04}"
        if number < executors:
            case.site.install_sound(word)
        else:
            found = case.site.install(f"other-{word}")
            (found / "entry_points.txt").write_text(f"[console_scripts]\n{word} = x:y\n")
    return case


def hostile(folder: Path) -> Case:
    """Install the whole corpus of hostile plugins."""
    case = Case(folder, "all hostile plugins")
    corpus = _acceptance("test_hostile_plugins")
    for word in corpus.HOSTILE:
        corpus.install(case.site, word)
    return case


def measure(cases: list[Case], words: list[str], runs: int) -> dict[str, list[Taken]]:
    """Return the times of each case, by name; the cases take turns."""
    taken: dict[str, list[Taken]] = {case.name: [] for case in cases}
    for number in range(runs + 2):
        for case in cases:
            took = case.run(words)
            if number >= 2:  # the first ones make the caches warm
                taken[case.name].append(took)
    return taken


def _shown(taken: dict[str, list[Taken]], name: str, kind: int) -> str:
    """Return one kind of time of a case, beside that of the case without plugins."""
    values, base = ([took[kind] for took in taken[case]] for case in (name, "none"))
    least, median = min(values), statistics.median(values)
    more = f"{least - min(base):+.1f}, {median - statistics.median(base):+.1f}"
    return f"{least:6.1f} /{median:6.1f} ({more})"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--distributions", type=int, default=1000)
    parser.add_argument("--executors", type=int, default=200)
    args = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs,", end=" "
    )
    print(f"{args.runs} runs; ms of a whole process, wall and processor:")
    print("minimum / median (difference of minima, of medians)")
    with tempfile.TemporaryDirectory(prefix="airflow-lite-bench-") as name:
        folder = Path(name)
        cases = [
            Case(folder, "none"),
            many(folder, args.distributions, args.executors),
            hostile(folder),
        ]
        for title, words in COMMANDS.items():
            print(f"\n{title}")
            taken = measure(cases, words, args.runs)
            for case in cases:
                shown = [_shown(taken, case.name, kind) for kind in (0, 1)]
                print(f"  {case.name:<38}{'   '.join(shown)}")


if __name__ == "__main__":
    main()
