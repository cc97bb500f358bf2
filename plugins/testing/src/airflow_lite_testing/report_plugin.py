"""A pytest plugin that writes what became of each case, a line of JSON for each as it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_lite.processes.children import die_with_parent
from airflow_lite_testing.case import NOT_APPLICABLE_PROPERTY, NOT_JUDGED_PROPERTY

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
NOT_JUDGED = "not judged"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say where to write, and with whom to end."""
    parser.addoption("--airflow-lite-report", default=None, help="File for the results of cases")
    parser.addoption("--airflow-lite-parent", type=int, help="Be killed when this parent ends")


def pytest_configure(config: pytest.Config) -> None:
    """Register the writer if there is a file to write; end with the parent that is named."""
    parent = config.getoption("--airflow-lite-parent")
    if parent is not None:
        die_with_parent(parent)
    path = config.getoption("--airflow-lite-report")
    if path:
        config.pluginmanager.register(_Writer(Path(path)))


class _Writer:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        result = self._results.setdefault(
            report.nodeid, {"result": PASSED, "reason": "", "seconds": 0.0}
        )
        result["seconds"] = round(result["seconds"] + report.duration, 3)
        reason = properties.get(NOT_APPLICABLE_PROPERTY)
        if reason is not None and result["result"] == PASSED:
            result.update(result=NOT_APPLICABLE, reason=str(reason))
        if not report.passed and result["result"] not in {FAILED, NOT_JUDGED}:
            result.update(result=FAILED, reason=_reason(report))
            if NOT_JUDGED_PROPERTY in properties:
                result.update(result=NOT_JUDGED, reason=str(properties[NOT_JUDGED_PROPERTY]))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write({"begun": nodeid.rpartition("::")[2]})

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        result = self._results.pop(nodeid, None)
        if result is not None:
            result["method"] = nodeid.rpartition("::")[2]
            self._write(result)

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _reason(report: pytest.TestReport) -> str:
    """Return the error in one line, without the parts of pytest's explanation."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    line = next((line for line in text.splitlines() if line.strip()), "no reason given")
    where = "" if report.when == "call" else f"in the {report.when} of the case: "
    return where + line.removeprefix("AssertionError: ").strip()
