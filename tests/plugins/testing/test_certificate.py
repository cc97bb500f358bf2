from __future__ import annotations

import json
import threading

import pytest

from airflow_lite import __version__
from airflow_lite.cli.main import run
from airflow_lite.plugins.discovery.locate import Located
from airflow_lite.testing import FakeClock
from airflow_lite_testing import certificate
from airflow_lite_testing.case import NotJudged
from airflow_lite_testing.experience import Experience, deadline

PATH = "airflow_lite_testing.reference_executor.ReferenceExecutor"
CASES = ["basic.cli.parses", "basic.contract.defines-what-it-must", "faults.queue.twice-runs-once"]


def certify(path, cases, **options):
    return certificate.certify(Located(path, path), cases=cases, clock=FakeClock(), **options)


def test_certificate_says_who_what_and_how_it_went():
    found = certify(PATH, CASES)
    assert found.conforms
    assert (found.executor, found.distribution, found.core_version) == (
        PATH,
        "airflow-lite-testing",
        __version__,
    )
    assert found.date == "2024-01-01T00:00:00+00:00"
    assert [(case.case, case.result) for case in found.cases] == [
        (CASES[0], "not applicable"),
        (CASES[1], "passed"),
        (CASES[2], "passed"),
    ]
    assert "does not define get_cli_commands" in found.cases[0].reason
    assert [(one.level, one.passed, one.failed, one.not_applicable) for one in found.levels] == [
        ("basic", 1, 0, 1),
        ("faults", 1, 0, 0),
    ]


def test_one_failed_case_denies_conformance():
    path = "airflow_lite_testing.mutants.contract:RefusesSqlite"
    cases = ["basic.flags.says-which-stores-it-serves", "basic.flags.are-booleans-of-the-class"]
    found = certify(path, cases)
    assert not found.conforms
    assert [case.result for case in found.cases] == ["failed", "passed"]
    assert "refuses SQLite" in found.cases[0].reason


DEADLY = """
import os, time
from airflow_lite_testing.reference_executor import ReferenceExecutor

class NeverReports(ReferenceExecutor):
    def sync(self): pass

class HangsAtEveryBeat(ReferenceExecutor):
    def sync(self): time.sleep(1000)

class Leaves(ReferenceExecutor):
    def execute_async(self, key, command, queue=None, executor_config=None):
        os._exit(0)
"""


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    (tmp_path / "kit_deadly.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "failed", "because"),
    [
        (
            "NeverReports",
            "waited 1 s for the end of 1 attempt(s) to be reported",
            "basic.command.no-shell waited in vain for the end of an attempt to be reported",
        ),
        (
            "HangsAtEveryBeat",
            "heartbeat took longer than 5 s",
            "basic.command.no-shell waited in vain for heartbeat to return",
        ),
        ("Leaves", "the kit's process ended in it", "the kit's process ended in {first}"),
    ],
)
def test_what_needs_a_broken_rule_is_not_judged(deadly, name, failed, because):
    cases = ["basic.command.no-shell", "basic.command.runs-once", "end-to-end.dag.ends-as-it-must"]
    first, *others = certify(f"kit_deadly.{name}", cases, wait_s=1.0).cases
    assert (first.result, first.reason) == ("failed", failed)
    because = because.format(first=first.case)
    for other in others:
        assert (other.result, other.reason) == ("not judged", f"because {because}")


def test_what_was_seen_once_is_waited_for_again():
    experience = Experience()
    experience.case = "one"
    experience.saw("an end")
    experience.missed("an end")
    experience.case = "two"
    experience.need("an end")
    experience.missed("a start")
    experience.need("a start")  # the same case may look again
    experience.case = "three"
    with pytest.raises(NotJudged, match="because two waited in vain for a start"):
        experience.need("a start")


def test_the_time_for_all_cases_has_an_end(monkeypatch):
    monkeypatch.setattr(certificate, "WITHIN_S", 0.0)
    found = certify(PATH, CASES[1:2])
    assert not found.conforms
    assert [(case.result, case.reason) for case in found.cases] == [
        ("not judged", "because the 0 s for all cases were over")
    ]
    assert [level.not_judged for level in found.levels] == [1]


def test_a_case_that_hangs_is_ended():
    with pytest.raises(AssertionError, match="it took longer than 0 s"), deadline(0.01):
        threading.Event().wait()


def test_executor_that_ends_the_process_at_import_has_no_case_judged(tmp_path, monkeypatch):
    (tmp_path / "kit_deadly.py").write_text("import os\nos._exit(0)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = certify("kit_deadly.Executor", CASES[1:])
    assert not found.conforms
    assert [case.result for case in found.cases] == ["failed", "not judged"]
    assert found.cases[0].reason == "the kit's process ended in it"


def test_executor_that_cannot_be_imported_fails_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "kit_broken.py").write_text("raise ValueError('half a file')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = certify("kit_broken.Executor", CASES[1:2])
    assert found.cases[0].result == "failed"
    assert "half a file" in found.cases[0].reason


def test_what_pytest_says_goes_where_it_is_told(tmp_path):
    with (tmp_path / "output").open("w") as output:
        certify(PATH, CASES[1:2], output=output)
    assert "1 passed" in (tmp_path / "output").read_text()


@pytest.mark.parametrize(
    ("path", "exit_code"),
    [(PATH, 0), ("airflow_lite_testing.mutants.contract:RefusesSqlite", 1)],
)
def test_command_prints_a_report_and_exits_by_it(path, exit_code, home, monkeypatch, capsys):
    only(monkeypatch, "basic.flags.says-which-stores-it-serves")
    assert run(["executors", "certify", path, "-o", "json"]) == exit_code
    report = json.loads(capsys.readouterr().out)
    assert report["conforms"] is (exit_code == 0)
    assert report["cases"][0]["case"] == "basic.flags.says-which-stores-it-serves"
    assert report["levels"][0]["level"] == "basic"


def test_command_prints_tables_and_a_verdict(home, monkeypatch, capsys):
    only(monkeypatch, *CASES)
    assert run(["executors", "certify", PATH]) == 0
    text = capsys.readouterr().out
    assert "basic.cli.parses" in text
    assert "level" in text
    assert text.splitlines()[-1].startswith(f"{PATH} of airflow-lite-testing ")
    assert " conforms (airflow-lite " in text


def test_unknown_executor_is_one_line(home, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(home.folder))
    assert run(["executors", "certify", "NoSuchExecutor"]) == 1
    assert "There is no executor 'NoSuchExecutor'" in capsys.readouterr().err


def only(monkeypatch, *cases):
    """Let the command run these cases alone: all of them take a minute."""
    every = certificate._all_cases()
    chosen = {case: every[case] for case in cases}
    monkeypatch.setattr(certificate, "_all_cases", lambda: chosen)
