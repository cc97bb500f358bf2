from __future__ import annotations

import json

import pytest

from airflow_lite import __version__
from airflow_lite.cli.main import run
from airflow_lite.plugins.discovery.locate import Located
from airflow_lite.testing import FakeClock
from airflow_lite_testing import certificate

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


def test_executor_that_ends_the_process_fails_every_case(tmp_path, monkeypatch):
    (tmp_path / "kit_deadly.py").write_text("import os\nos._exit(0)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = certify("kit_deadly.Executor", CASES[1:])
    assert [case.result for case in found.cases] == ["failed", "failed"]
    assert found.cases[0].reason == "the kit's process ended before this case did"


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
