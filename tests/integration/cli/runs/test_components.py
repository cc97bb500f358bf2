"""Commands side by side: their lines are told apart, and all end when one does."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

from airflow_lite import __version__
from airflow_lite.cli.commands import standalone
from airflow_lite.cli.runs.components import Component, Components
from airflow_lite.config import Config
from airflow_lite.errors import UserError
from airflow_lite.plugins import groups

DAG_FILE = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator
with DAG("d", start_date=datetime(2024, 1, 1), schedule=None):
    EmptyOperator(task_id="t")
"""


@pytest.fixture
def config(home):
    return Config.load(home.environ)


def test_the_end_of_one_ends_the_others_and_is_told(config, capfd):
    lasting = Component("scheduler", ("scheduler", "--skip-serve-logs"))
    components = Components(config, [lasting, Component("first", ("version",))])

    assert components.run() == 1

    lines = capfd.readouterr().out.splitlines()
    assert f"first      | {__version__}" in lines
    ended = "standalone | first ended with exit code 0: the others are asked to end, too"
    assert lines.index(ended) < lines.index("standalone | Complete") == len(lines) - 1


def test_they_outlive_a_terminal_whose_end_their_command_ignores(home, wait_until):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    home.dag("d", DAG_FILE)
    home.environ["AIRFLOW_LITE__WEB__PORT"] = "0"
    with (
        (home.folder / "out").open("wb") as out,
        home.start("standalone", stdout=out, preexec_fn=ignore) as command,
    ):
        try:
            for running in ("scheduler started", "Serving on "):
                wait_until(lambda said=running: said in (home.folder / "out").read_text(), running)
            command.send_signal(signal.SIGHUP)
            home.run("dags", "trigger", "d", "--wait")
        finally:
            command.send_signal(signal.SIGTERM)
        assert command.wait(60) == 0


def group(*names):
    return SimpleNamespace(subcommands=[SimpleNamespace(name=name) for name in names])


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        (None, None),
        (group("state", "serve"), ("web", "serve")),
        (group("open"), ("web", "open")),
        (group("state", "open"), None),
    ],
)
def test_the_command_that_serves_a_web_page_is_found(config, monkeypatch, installed, words):
    offered = [("dask", ""), ("web", "")] if installed else [("dask", "")]
    monkeypatch.setattr(groups, "command_groups", lambda _: offered)
    monkeypatch.setattr(groups, "load_group", lambda *_: installed)

    assert standalone._web_command(config) == words


def test_a_web_page_that_is_out_of_order_is_left_out_with_its_reason(config, monkeypatch, capsys):
    def broken(*_):
        raise UserError("It is broken.")

    monkeypatch.setattr(groups, "command_groups", lambda _: [("web", "")])
    monkeypatch.setattr(groups, "load_group", broken)

    assert standalone._web_command(config) is None
    assert capsys.readouterr().err == "airflow-lite: the web page is left out: It is broken.\n"


@pytest.mark.parametrize(
    ("setting", "executor", "told"),
    [
        (None, "LocalExecutor", ""),
        ("SequentialExecutor", "SequentialExecutor", ""),
        (
            "CeleryExecutor",
            "LocalExecutor",
            "standalone | Forcing executor to LocalExecutor, in place of CeleryExecutor\n",
        ),
    ],
)
def test_tasks_run_on_this_machine(home, capsys, setting, executor, told):
    environ = {"AIRFLOW_LITE__CORE__EXECUTOR": setting} if setting else {}
    config = Config.load({**home.environ, **environ})

    assert standalone._executor(config) == executor
    assert capsys.readouterr().out == told
