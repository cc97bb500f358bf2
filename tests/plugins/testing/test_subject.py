from __future__ import annotations

import pytest

from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.locate import Located
from airflow_lite_testing import needs
from airflow_lite_testing.case import cases_of
from airflow_lite_testing.certificate import certify
from airflow_lite_testing.conformance import ExecutorConformance
from airflow_lite_testing.reference_executor import ReferenceExecutor
from airflow_lite_testing.subject import subject_of

PATH = "airflow_lite_testing.reference_executor:ReferenceExecutor"


def make():
    return ReferenceExecutor(4)


@pytest.mark.parametrize("given", [PATH, PATH.replace(":", "."), ReferenceExecutor])
def test_an_executor_is_named_by_path_or_class(given):
    subject = subject_of(given)
    assert subject.type is ReferenceExecutor
    assert subject.path == PATH
    assert not subject.is_named
    assert isinstance(subject.make(), ReferenceExecutor)


@pytest.mark.parametrize("given", [make, staticmethod(make)])
def test_a_factory_is_called_for_each_executor(given):
    subject = subject_of(given)
    assert subject.type is ReferenceExecutor
    assert subject.make().parallelism == 4
    assert subject.make() is not subject.make()
    assert "by name" in str(needs.module_of_its_own(subject))


def test_an_entry_points_name_is_looked_up():
    subject = subject_of("SequentialExecutor")
    assert subject.is_named
    assert subject.type.__name__ == "SequentialExecutor"


def test_a_class_inside_a_function_has_no_path():
    class Hidden(ReferenceExecutor):
        pass

    assert subject_of(Hidden).path is None


@pytest.mark.parametrize("given", [dict, 7])
def test_what_is_no_executor_is_refused(given):
    with pytest.raises(TypeError, match="executor is 7|not a subclass"):
        subject_of(given)


def test_a_name_that_leads_nowhere_says_so():
    with pytest.raises(UserError, match="no module 'no_such_package'"):
        subject_of("no_such_package.executor:None")


def test_needs_follow_the_flags():
    class Single(ReferenceExecutor):
        is_single_threaded = True

    class InProcess(ReferenceExecutor):
        runs_in_process = True

    reference, single, in_process = map(subject_of, (ReferenceExecutor, Single, InProcess))
    assert needs.several_at_once(reference) is None
    assert "is_single_threaded" in str(needs.several_at_once(single))
    assert needs.own_thread(single) is None
    assert "runs_in_process" in str(needs.own_thread(in_process))
    assert "runs_in_process" in str(needs.local(in_process))
    assert needs.overrides("revoke_task")(reference) is None
    assert "does not define get_task_log" in str(needs.overrides("get_task_log")(reference))
    assert "Engine" in str(needs.engine(reference))


HOOKS = """
from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.hooks import ConfigOption, hookimpl

@hookimpl
def get_cli_commands():
    go = ActionCommand("go", "Go", lazy_load_command("{function}"), [Arg("{flag}")])
    return [GroupCommand("own_group", "Own", [go])]

@hookimpl
def get_config_options():
    return [ConfigOption("own_group", "speed", "3", "How fast.")]
"""
EXECUTOR = """
from airflow_lite_testing.reference_executor import ReferenceExecutor

class Own(ReferenceExecutor): pass
"""
CLI_CASES = [case for case in cases_of(ExecutorConformance) if case.startswith("basic.cli.")]


def install(site, **words):
    words = {"function": "os.getpid", "flag": "--n", **words}
    modules = {"own_executor": EXECUTOR, "own_plugin": HOOKS.format(**words)}
    site.install(
        "lite-own",
        executors="Own = own_executor:Own",
        plugins="own_group = own_plugin",
        modules=modules,
    )


@pytest.mark.parametrize("given", ["Own", "own_executor:Own", "own_executor.Own"])
def test_the_commands_of_a_plugins_module_are_its_executors(site, given):
    install(site)
    subject = subject_of(given)
    assert subject.modules == ("own_plugin",)
    assert [group.name for group in subject.groups()] == ["own_group"]
    assert [option.name for option in subject.options] == ["speed"]


@pytest.mark.parametrize(
    ("words", "failing", "reason"),
    [
        ({}, None, ""),
        (
            {"flag": "--no-plugins"},
            "basic.cli.parses",
            "the command 'own_group go' has the option --no-plugins, which airflow-lite takes for itself."
            " Give it another name",
        ),
        ({"function": "os.nothing_such"}, "basic.cli.functions-can-be-imported", None),
    ],
)
def test_every_case_about_commands_applies_to_those_of_a_module(
    site, monkeypatch, words, failing, reason
):
    install(site, **words)
    monkeypatch.setenv("PYTHONPATH", str(site.directory))
    found = certify(Located("own_executor.Own", "own_executor.Own"), cases=CLI_CASES)
    results = {case.case: case for case in found.cases}
    wanted = {case: "failed" if case == failing else "passed" for case in CLI_CASES}
    assert {case: one.result for case, one in results.items()} == wanted
    if failing is not None and reason is not None:
        assert results[failing].reason == reason
