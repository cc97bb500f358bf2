"""`[core] executor` leads to an executor, or to one line that says what to do."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError, UnknownExecutorError, UserError
from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS, KNOWN_PACKAGES
from airflow_lite.plugins.executors import executor_class, executor_flag, load_executor

SOURCE = """
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass

class Fixed(Own):
    def __init__(self):
        super().__init__(parallelism=1)

class NoSync(BaseExecutor):
    def execute_async(self, key, command, queue=None, executor_config=None): pass

class NoExecute(BaseExecutor):
    def sync(self): pass

class NoSuper(Own):
    def __init__(self): pass

class Raising(Own):
    def __init__(self):
        raise OSError("no disk")

number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_executors.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))


def config(tmp_path, executor, **environ):
    return Config(tmp_path, environ, {"core": {"executor": executor}})


def test_an_executor_is_loaded_by_module_path_and_configured(tmp_path, own):
    settings = config(tmp_path, "own_executors.Own", AIRFLOW_LITE__CORE__PARALLELISM="7")
    executor = load_executor(settings)
    assert (executor.name, executor.parallelism, executor.config) == ("Own", 7, settings)
    assert load_executor(config(tmp_path, " own_executors.Fixed ")).parallelism == 1


def test_the_cores_names_are_those_of_its_entry_points():
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["airflow_lite.executors.v1"] == CORE_EXECUTORS


@pytest.mark.parametrize(
    "known",
    [known for known in KNOWN_PACKAGES if known.executor],
    ids=lambda known: known.executor,
)
def test_a_known_executor_that_is_not_installed_names_its_package(tmp_path, monkeypatch, known):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(UnknownExecutorError) as caught:
        executor_class(known.executor, config(tmp_path, known.executor))
    assert str(caught.value) == (
        f"{known.executor} is not installed. Install it with `pip install {known.distribution}`."
    )


@pytest.mark.parametrize(
    "known",
    [known for known in KNOWN_PACKAGES if known.halves],
    ids=lambda known: known.executor,
)
def test_the_halves_of_a_known_hybrid_are_those_of_its_class(tmp_path, known):
    found = executor_class(known.executor, config(tmp_path, known.executor))
    assert tuple(half.__name__ for half in found.halves) == known.halves


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LocalExecuter", " Did you mean 'LocalExecutor'?"),
        ("lokal", " Did you mean 'LocalExecutor'?"),
        ("Sequential", " Did you mean 'SequentialExecutor'?"),
        ("zzz", ""),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_ones(tmp_path, monkeypatch, name, hint):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(UnknownExecutorError) as caught:
        executor_class(name, config(tmp_path, name))
    assert str(caught.value) == (
        f"There is no executor {name!r}.{hint} List the installed ones with "
        "`airflow-lite plugins list`."
    )


@pytest.mark.parametrize(
    ("environ", "overrides", "title"),
    [
        ({}, {("core", "executor"): "a,b"}, "--executor"),
        ({"AIRFLOW_LITE__CORE__EXECUTOR": "a,b"}, {}, "AIRFLOW_LITE__CORE__EXECUTOR"),
        ({}, {}, "The executor's name"),
    ],
)
def test_a_mistake_is_blamed_on_what_made_it(tmp_path, environ, overrides, title):
    with pytest.raises(ConfigError, match=f"^{title} is 'a,b', a list"):
        executor_class("a,b", Config(tmp_path, environ, overrides=overrides))


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("", "[core] executor is empty. Name an executor, such as LocalExecutor."),
        (
            "LocalExecutor,CeleryExecutor",
            "[core] executor is 'LocalExecutor,CeleryExecutor', a list. One executor runs at a "
            "time, so that every task has one place to be: name one.",
        ),
        (
            "mine:own_executors.Own",
            "[core] executor is 'mine:own_executors.Own'. There are no aliases, as there is one "
            "executor: write its name, or package.module.Class.",
        ),
        (
            "absent_module.Own",
            "Executor 'absent_module.Own' cannot be loaded. There is no module 'absent_module'. "
            "Check the path, and that its package is installed.",
        ),
        (
            "own_executors.Absent",
            "Executor 'own_executors.Absent' cannot be loaded. Module 'own_executors' has no "
            "'Absent'. Check the spelling.",
        ),
        (
            "own_executors.number",
            "Executor 'own_executors.number' is not a subclass of "
            "airflow_lite.executors.BaseExecutor. Name an executor's class.",
        ),
        (
            "own_executors.NoSync",
            "Executor 'own_executors.NoSync' does not define sync. Every executor must: tell its "
            "author.",
        ),
        (
            "own_executors.NoExecute",
            "Executor 'own_executors.NoExecute' does not define execute_async. Every executor "
            "must: tell its author.",
        ),
        (
            "own_executors.NoSuper",
            "Executor 'own_executors.NoSuper' does not call super().__init__(). Tell its author.",
        ),
        (
            "own_executors.Raising",
            "Executor 'own_executors.Raising' cannot be created: OSError: no disk",
        ),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(tmp_path, own, executor, message):
    with pytest.raises(UserError) as caught:
        load_executor(config(tmp_path, executor))
    assert str(caught.value) == message
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("code", "end", "remedy"),
    [
        ("import os; os._exit(9)", "ended the process with exit code 9", ""),
        ("import os; os.kill(os.getpid(), 9)", "ended the process by SIGKILL", ""),
        (
            "import time; time.sleep(1000)",
            "took longer than 3 s",
            ", or raise [plugins] import_timeout_s",
        ),
    ],
)
def test_a_module_path_that_would_end_or_keep_us_is_told_in_one_line(
    tmp_path, monkeypatch, code, end, remedy
):
    (tmp_path / "fatal_executors.py").write_text(f"{code}\n{SOURCE}")
    monkeypatch.syspath_prepend(str(tmp_path))
    name = "fatal_executors.Own"
    settings = config(tmp_path, name, AIRFLOW_LITE__PLUGINS__IMPORT_TIMEOUT_S="3")
    message = (
        f"Executor {name!r} cannot be loaded: {tmp_path / 'fatal_executors.py'}: importing 'fatal_executors:Own' {end}. "
        f"Mend it{remedy}, or name another executor."
    )
    for call in (load_executor, lambda settings: executor_flag(name, "is_local", settings)):
        with pytest.raises(ConfigError) as caught:
            call(settings)
        assert str(caught.value) == message
    assert "fatal_executors" not in sys.modules


def test_a_flag_of_a_module_path_is_known_without_importing_it_here(tmp_path, own):
    sys.modules.pop("own_executors", None)
    assert executor_flag("own_executors.Own", "is_production", config(tmp_path, "any"))
    assert "own_executors" not in sys.modules


def test_a_module_that_was_mended_is_looked_at_again(tmp_path, monkeypatch):
    module = tmp_path / "mended_executors.py"
    module.write_text("import os; os._exit(9)")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = config(tmp_path, "mended_executors.Own")
    with pytest.raises(ConfigError):
        load_executor(settings)
    module.write_text(SOURCE)
    assert load_executor(settings).name == "Own"


def test_negative_parallelism_is_refused_when_loading(tmp_path, own):
    settings = config(tmp_path, "own_executors.Own", AIRFLOW_LITE__CORE__PARALLELISM="-1")
    with pytest.raises(ConfigError, match=r"^\[core\] parallelism is '-1'"):
        load_executor(settings)


def test_without_plugins_only_the_cores_executors_are_there(tmp_path):
    settings = config(tmp_path, "DaskExecutor", AIRFLOW_LITE_NO_PLUGINS="1")
    with pytest.raises(UnknownExecutorError) as caught:
        load_executor(settings)
    assert str(caught.value) == (
        "There is no executor 'DaskExecutor' in the core. Leave --no-plugins out, or use "
        "LocalExecutor or SequentialExecutor."
    )
