"""Running the kit for one executor in a process of its own, and what came of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from airflow_lite.clock import Clock, SystemClock, iso
from airflow_lite.processes.children import Child, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_lite.plugins.discovery.locate import Located

#: Longest run of the whole kit, in seconds, whatever the executor does.
DEADLINE_S = 165.0
#: Of these, so many are for its cases; the others for what comes before and after them.
WITHIN_S = 150.0
WAIT_S = 30.0
#: Seconds that an interrupted run has to tidy up.
_TIDY_S = 10.0
_TEST = """\
from airflow_lite.testing import ExecutorConformance


class TestCertified(ExecutorConformance):
    executor = {executor!r}
    engine = {engine!r}
    deadline_s = {wait_s!r}
    within_s = {within_s!r}
"""


@dataclass(frozen=True)
class CaseResult:
    """What became of one case; `result` is passed, failed, not judged or not applicable."""

    case: str
    level: str
    rule: str
    result: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class LevelResult:
    """How many cases of a level ended in which way."""

    level: str
    passed: int
    failed: int
    not_judged: int
    not_applicable: int


@dataclass(frozen=True)
class Certificate:
    """A report that a plugin can publish. `date` is ISO 8601, UTC."""

    executor: str
    distribution: str
    version: str
    core_version: str
    python: str
    platform: str
    date: str
    conforms: bool
    levels: tuple[LevelResult, ...]
    cases: tuple[CaseResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def certify(
    located: Located,
    *,
    cases: Iterable[str] | None = None,
    clock: Clock | None = None,
    output: TextIO | None = None,
    wait_s: float = WAIT_S,
    engine: str | None = None,
) -> Certificate:
    """Run the kit, or those of its `cases`, for one executor; what pytest says goes to `output`.

    `wait_s` is how long a case waits for what must come; `engine` is the path of an
    `Engine`, where none is installed.
    """
    all_cases = _all_cases()
    chosen = list(all_cases) if cases is None else list(cases)
    executor = located.path if located.plugin is None else located.name
    given = {"executor": executor, "wait_s": wait_s, "within_s": WITHIN_S, "engine": engine}
    found = run_cases(_TEST.format(**given), [all_cases[case][1] for case in chosen], output)
    ended_in = next((case for case in chosen if _is_broken_off(found, all_cases[case][1])), None)
    results = tuple(_result(case, *all_cases[case], found, ended_in) for case in chosen)
    return _certificate(located, results, clock or SystemClock())


def _all_cases() -> dict[str, tuple[str, str]]:
    """Return id -> (rule, name of the method) of every case."""
    from airflow_lite_testing.case import cases_of
    from airflow_lite_testing.conformance import ExecutorConformance

    return {
        case: (getattr(ExecutorConformance, name).case.rule, name)
        for case, name in cases_of(ExecutorConformance).items()
    }


def run_cases(
    text: str, methods: Sequence[str], output: TextIO | None
) -> dict[str, dict[str, Any]]:
    """Run these methods of the class in `text` in a child; return method -> line of the report.

    The line of one that had begun, but did not end, is empty.
    """
    with tempfile.TemporaryDirectory(
        prefix="airflow-lite-certify-", ignore_cleanup_errors=True
    ) as folder:
        test, report = Path(folder, "test_certified.py"), Path(folder, "report")
        test.write_text(text, encoding="utf-8")
        Path(folder, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        names = [f"{test}::TestCertified::{method}" for method in methods]
        own = [f"--airflow-lite-report={report}", f"--airflow-lite-parent={os.getpid()}"]
        _run_pytest(folder, [*own, *names], output)
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
        found = [json.loads(line) for line in lines]
    ended = {line["method"]: line for line in found if "method" in line}
    return {line["begun"]: ended.get(line["begun"], {}) for line in found if "begun" in line}


def _run_pytest(folder: str, arguments: list[str], output: TextIO | None) -> None:
    command = [
        *(sys.executable, "-m", "pytest", "-c", str(Path(folder, "pytest.ini"))),
        *("--rootdir", folder, "--import-mode=importlib", "-p", "no:cacheprovider"),
        *("-p", "airflow_lite_testing.report_plugin", "-q", "--tb=short", *arguments),
    ]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environ["TMPDIR"] = folder  # so that nothing is left if an executor ends the process
    with tempfile.TemporaryFile() as sink:
        target = sink if output is None else output
        child = Child.start(command, environ=environ, output=target, errors=target)
        _see_to_its_end(child)


def _see_to_its_end(child: Child) -> None:
    """Wait for the end of the run; pass an interrupt on, which the terminal gives us alone."""
    try:
        child.wait(within(DEADLINE_S))
    except KeyboardInterrupt:
        child.signal(signal.SIGINT)
        child.wait(within(_TIDY_S))
        raise
    finally:
        child.kill()


def _is_broken_off(found: dict[str, dict[str, Any]], method: str) -> bool:
    return method in found and not found[method]


def _result(
    case: str, rule: str, method: str, found: dict[str, dict[str, Any]], ended_in: str | None
) -> CaseResult:
    level = case.partition(".")[0]
    if line := found.get(method):
        return CaseResult(case, level, rule, line["result"], line["reason"], line["seconds"])
    if case == ended_in:
        return CaseResult(case, level, rule, "failed", "the kit's process ended in it", 0.0)
    return CaseResult(case, level, rule, "not judged", _why_not_begun(found, ended_in), 0.0)


def _why_not_begun(found: dict[str, dict[str, Any]], ended_in: str | None) -> str:
    if ended_in is not None:
        return f"because the kit's process ended in {ended_in}"
    if found:
        return f"because the {WITHIN_S:g} s for all cases were over"
    return "because the kit's process ended before the first case"


def _certificate(located: Located, results: tuple[CaseResult, ...], clock: Clock) -> Certificate:
    import platform

    from airflow_lite import __version__

    distribution, version = _distribution(located)
    return Certificate(
        executor=located.name,
        distribution=distribution,
        version=version,
        core_version=__version__,
        python=platform.python_version(),
        platform=platform.system(),
        date=str(iso(clock.now_us() // 1_000_000 * 1_000_000)),
        conforms=all(result.result in {"passed", "not applicable"} for result in results),
        levels=_levels(results),
        cases=results,
    )


def _levels(results: tuple[CaseResult, ...]) -> tuple[LevelResult, ...]:
    from airflow_lite_testing.case import Level

    def count(level: Level, result: str) -> int:
        return sum(one.level == level and one.result == result for one in results)

    return tuple(
        LevelResult(
            str(level.value),
            count(level, "passed"),
            count(level, "failed"),
            count(level, "not judged"),
            count(level, "not applicable"),
        )
        for level in Level
        if any(one.level == level for one in results)
    )


def _distribution(located: Located) -> tuple[str, str]:
    """Return name and version of the distribution that holds the executor; empty if none does."""
    from importlib import metadata

    if located.plugin is not None:
        return located.plugin.distribution, located.plugin.version
    package = located.path.partition(":")[0].partition(".")[0]
    # An installation in place lists no files: its distribution is named as its package mostly is.
    name = next(iter(metadata.packages_distributions().get(package, ())), package)
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return "", ""
    return found.metadata["Name"], found.version
