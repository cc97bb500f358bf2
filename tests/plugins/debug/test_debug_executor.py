"""DebugExecutor runs one task after the other on its caller's thread."""

from __future__ import annotations

import threading

import pytest

from airflow_lite.api.executor.events import Event
from airflow_lite.cli import ActionCommand
from airflow_lite.config import Config
from airflow_lite.executors import Refused, RunCommand, TaskInstance
from airflow_lite.executors.driving.driver import QueueItem
from airflow_lite.executors.driving.inline import InlineExecutor
from airflow_lite.plugins.executors import executor_class, load_executor
from airflow_lite.plugins.groups import command_groups, load_group
from airflow_lite_debug_executor.executor import DebugExecutor


class Recorded(DebugExecutor):
    """Runs nothing: `outcomes` says in which state each task ends."""

    def __init__(self):
        super().__init__()
        self.outcomes = {}
        self.ran = []
        self.threads = set()

    def run_task(self, command):
        task_id = RunCommand.parse(command).key.task_id
        self.ran.append(task_id)
        self.threads.add(threading.get_ident())
        return self.outcomes.get(task_id, "success")


def make_item(task_id, run_id="run", priority=1):
    ti = TaskInstance("dag", task_id, run_id, attempt=f"{abs(hash((task_id, run_id))):032x}"[:32])
    return QueueItem(ti, RunCommand(ti.key).words(), priority, ti.queue)


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path, overrides={("core", "executor"): "DebugExecutor"})


@pytest.fixture
def make(config):
    def start(**options):
        load_group("debug", config)  # so that the options in [debug] are known
        config.overrides = {
            **config.overrides,
            **{("debug", name): str(value) for name, value in options.items()},
        }
        executor = Recorded()
        executor.configure(config)
        inline = InlineExecutor(executor, wake=lambda: None)
        inline.start()
        assert inline.drain() == []
        return executor, inline

    return start


def run_all(inline, items):
    inline.queue(items)
    for _ in range(2 * len(items)):
        inline.poke()
    return inline.drain()


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("is_production", False),
        ("is_single_threaded", True),
        ("is_local", True),
        ("change_sensor_mode_to_reschedule", True),
        ("runs_in_process", True),
        ("supports_pickling", False),
        ("serve_logs", False),
    ],
)
def test_a_flag_has_its_value(flag, value):
    assert getattr(DebugExecutor, flag) is value


def test_it_is_found_by_its_name(config):
    assert executor_class("DebugExecutor", config) is DebugExecutor
    executor = load_executor(config)
    assert (executor.name, executor.parallelism) == ("DebugExecutor", 1)
    assert executor.check_store("sqlite:////tmp/a.db") is None


def test_loading_it_makes_its_options_known(config):
    load_executor(config)
    assert config.getboolean("debug", "fail_fast") is False
    assert config.getboolean("debug", "pdb") is False


def test_its_group_of_commands_is_offered(config):
    groups = [name for name, _ in command_groups(config)]
    assert set(groups) == {"debug", "airflow-names", "web"}  # and what holds no executor, as always
    (run,) = load_group("debug", config).subcommands
    assert isinstance(run, ActionCommand)
    assert (run.name, [arg.flags for arg in run.args]) == (
        "run",
        [("dag_id",), ("logical_date",), ("--fail-fast",), ("--pdb",)],
    )


def test_tasks_run_one_by_one_on_the_callers_thread_by_priority(make):
    executor, inline = make()
    items = [make_item("low"), make_item("high", priority=5)]
    inline.queue(items)
    inline.poke()
    assert executor.ran == ["high"]
    inline.poke()
    assert executor.ran == ["high", "low"]
    assert executor.threads == {threading.get_ident()}
    assert [report.key.task_id for report in inline.drain()] == ["high", "low"]


def test_other_tasks_go_on_after_a_failure(make):
    executor, inline = make()
    executor.outcomes = {"bad": "failed"}
    reports = run_all(inline, [make_item("bad"), make_item("good")])
    assert executor.ran == ["bad", "good"]
    assert [report.state for report in reports] == ["success", "success"]


def test_with_fail_fast_no_task_of_the_run_runs_after_a_failure(make):
    executor, inline = make(fail_fast=True)
    executor.outcomes = {"bad": "failed"}
    bad, later, other = make_item("bad"), make_item("later"), make_item("other", run_id="second")
    reports = run_all(inline, [bad, later, other])
    assert executor.ran == ["bad", "other"]
    refused = Refused("fail_fast: task 'bad' of this run failed first", "upstream_failed")
    assert Event(later.task_instance.key, "failed", refused) in reports


def test_with_fail_fast_a_try_that_will_be_retried_is_no_failure(make):
    executor, inline = make(fail_fast=True)
    executor.outcomes = {"flaky": "up_for_retry"}
    run_all(inline, [make_item("flaky"), make_item("good")])
    assert executor.ran == ["flaky", "good"]


def test_a_revoked_task_does_not_run(make):
    executor, inline = make()
    item = make_item("task")
    inline.queue([item])
    executor.trigger_tasks(1)
    inline.revoke(item.task_instance)
    inline.poke()
    assert executor.ran == []


def test_what_was_not_run_when_it_ends_stays_queued(make):
    executor, inline = make()
    inline.queue([make_item("task")])
    executor.trigger_tasks(1)
    assert inline.end(0)
    assert inline.drain() == []
    assert executor.ran == []


def test_an_interrupt_at_a_breakpoint_reaches_the_scheduler(make):
    executor, inline = make()

    def interrupted(command):
        raise KeyboardInterrupt

    executor.run_task = interrupted
    inline.queue([make_item("task")])
    with pytest.raises(KeyboardInterrupt):
        inline.poke()


def test_a_task_that_cannot_be_run_at_all_comes_back(make, caplog):
    executor, inline = make()

    def broken(command):
        raise OSError("no store")

    executor.run_task = broken
    item = make_item("task")
    inline.queue([item])
    inline.poke()
    failure, event = inline.drain()
    assert (failure.method, str(failure.error)) == ("heartbeat", "no store")
    assert (event.key, event.state) == (item.task_instance.key, "failed")
    assert str(event.info) == "the task could not be run: OSError: no store"
