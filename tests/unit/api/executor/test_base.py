"""BaseExecutor does as Airflow's does, but for the traps that are mended."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.events import Refused, Requeue
from airflow_lite.config import Config
from airflow_lite.errors import AirflowTaskTimeout, AttemptRefused, ConfigError, InvalidIdError
from airflow_lite.keys import RunCommand
from airflow_lite.states import TaskInstanceState
from fixtures.executors import SteeredExecutor
from fixtures.waits import DEADLINE_S

#: What `dir(BaseExecutor)` of Airflow 2.10.5 has, but for names that begin with an underscore.
AIRFLOW_NAMES = """
    callback_sink change_sensor_mode_to_reschedule change_state cleanup_stuck_queued_tasks
    debug_dump end execute_async fail get_cli_commands get_event_buffer get_task_log has_task
    heartbeat is_local is_production is_single_threaded job_id log log_task_event logger name
    order_queued_tasks_by_priority queue_command queue_task_instance queued revoke_task
    running_state send_callback serve_logs slots_available slots_occupied start success
    supports_ad_hoc_ti_run supports_pickling supports_sentry sync terminate trigger_tasks
    try_adopt_task_instances validate_airflow_tasks_run_command validate_command
"""


def test_all_that_airflows_has_is_there():
    assert not {*AIRFLOW_NAMES.split()} - {*dir(BaseExecutor)}


def test_an_executor_logs_under_the_name_of_its_class(caplog):
    with caplog.at_level(logging.INFO):
        SteeredExecutor().log.info("go %s", 1)
    assert caplog.record_tuples == [("fixtures.executors.SteeredExecutor", logging.INFO, "go 1")]
    assert SteeredExecutor.logger() is SteeredExecutor().log


def test_an_executor_may_have_a_log_of_its_own():
    executor = SteeredExecutor()
    executor.log = logging.getLogger("own")
    assert executor.log.name == "own"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("supports_ad_hoc_ti_run", False),
        ("supports_pickling", True),
        ("supports_sentry", False),
        ("is_local", False),
        ("is_single_threaded", False),
        ("is_production", True),
        ("change_sensor_mode_to_reschedule", False),
        ("serve_logs", False),
        ("runs_in_process", False),
        ("job_id", None),
        ("name", None),
        ("callback_sink", None),
    ],
)
def test_a_flag_has_its_default(flag, value):
    assert getattr(BaseExecutor, flag) is value


def test_no_commands_and_no_log_are_given_by_default(make_ti):
    assert BaseExecutor.get_cli_commands() == []
    assert BaseExecutor().get_task_log(make_ti(), 1) == ([], [])


def test_parallelism_of_zero_is_no_limit():
    assert BaseExecutor(0).slots_available == sys.maxsize


def test_negative_parallelism_is_refused():
    with pytest.raises(ConfigError) as caught:
        BaseExecutor(-1)
    assert str(caught.value) == "[core] parallelism is -1. Make it 0 for no limit, or more."


def test_negative_parallelism_of_the_configuration_is_refused(tmp_path):
    config = Config(tmp_path, {"AIRFLOW_LITE__CORE__PARALLELISM": "-3"})
    with pytest.raises(ConfigError, match="parallelism is '-3'"):
        BaseExecutor().configure(config)


def test_configured_parallelism_is_taken_unless_the_author_fixed_one(tmp_path):
    config = Config(tmp_path, {"AIRFLOW_LITE__CORE__PARALLELISM": "5"})
    free, fixed = BaseExecutor(), BaseExecutor(1)
    free.configure(config)
    fixed.configure(config)
    assert (free.parallelism, fixed.parallelism) == (5, 1)
    assert repr(free) == "BaseExecutor(parallelism=5)"


def test_the_event_buffer_gives_each_event_once_and_by_dag(make_ti):
    executor = BaseExecutor()
    keys = [make_ti(dag_id=dag).key for dag in ("one", "two", "three")]
    for key in keys:
        executor.success(key)
    assert list(executor.get_event_buffer({"two"})) == [keys[1]]
    assert list(executor.get_event_buffer()) == [keys[0], keys[2]]
    assert executor.get_event_buffer() == {}


def test_the_event_buffer_keeps_the_order_of_the_last_events(make_ti):
    executor = BaseExecutor()
    first, second = make_ti("first").key, make_ti("second").key
    executor.queued(first, "id")
    executor.success(second)
    executor.success(first)
    assert list(executor.get_event_buffer()) == [second, first]


def test_an_id_at_the_engine_survives_the_end_of_the_attempt(make_ti):
    executor = BaseExecutor()
    key = make_ti().key
    executor.queued(key, "engine-1")
    executor.success(key)
    assert executor.get_event_buffer() == {key: (TaskInstanceState.SUCCESS, None)}
    assert executor.take_external_ids() == {key: "engine-1"}
    assert executor.take_external_ids() == {}


def test_an_id_at_the_engine_is_not_wiped_by_an_event_without_one(make_ti):
    executor = BaseExecutor()
    key = make_ti().key
    executor.queued(key, "engine-1")
    executor.running_state(key)
    assert executor.take_external_ids() == {key: "engine-1"}


@pytest.mark.parametrize(
    ("method", "state", "still_running"),
    [
        ("success", TaskInstanceState.SUCCESS, False),
        ("fail", TaskInstanceState.FAILED, False),
        ("queued", TaskInstanceState.QUEUED, True),
        ("running_state", TaskInstanceState.RUNNING, True),
    ],
)
def test_an_event_of_the_executor_frees_the_slot_when_the_attempt_has_ended(
    make_ti, method, state, still_running
):
    executor = BaseExecutor()
    key = make_ti().key
    executor.running.add(key)
    getattr(executor, method)(key, info="info")
    assert (key in executor.running) is still_running
    assert executor.get_event_buffer() == {key: (state, "info")}


def test_change_state_of_a_key_that_never_ran_is_an_event(make_ti):
    executor = BaseExecutor()
    key = make_ti().key
    executor.change_state(key, "anything", remove_running=True)
    assert executor.get_event_buffer() == {key: ("anything", None)}


def test_an_event_from_a_foreign_thread_only_appends_and_wakes(make_ti):
    executor = BaseExecutor()
    key = make_ti().key
    executor.running.add(key)
    woken = threading.Event()
    executor.bind(woken.set)
    thread = threading.Thread(target=executor.success, args=(key,))
    thread.start()
    thread.join(DEADLINE_S)
    assert woken.is_set()
    assert executor.event_buffer == {}
    assert executor.running == {key}
    assert executor.get_event_buffer() == {key: (TaskInstanceState.SUCCESS, None)}
    assert executor.running == set()


def test_events_of_foreign_threads_come_before_later_ones_of_its_own(make_ti):
    executor = BaseExecutor()
    foreign, own = make_ti("foreign").key, make_ti("own").key
    thread = threading.Thread(target=executor.success, args=(foreign,))
    thread.start()
    thread.join(DEADLINE_S)
    executor.success(own)
    assert list(executor.get_event_buffer()) == [foreign, own]


def test_a_second_queueing_of_one_attempt_is_logged_and_dropped(make_ti, queue, caplog):
    executor = BaseExecutor()
    queue(executor, make_ti(), priority=1)
    queue(executor, make_ti(), priority=9)
    assert [item[1] for item in executor.queued_tasks.values()] == [1]
    assert "could not queue task" in caplog.text


def test_has_task_knows_what_is_queued_and_what_runs(make_ti, queue):
    executor = BaseExecutor()
    queue(executor, make_ti("queued"))
    executor.running.add(make_ti("running").key)
    found = [executor.has_task(make_ti(name)) for name in ("queued", "running", "other")]
    assert found == [True, True, False]


def test_two_attempts_of_one_try_are_two_tasks(make_ti, queue):
    executor = BaseExecutor()
    queue(executor, make_ti(attempt="0" * 32))
    assert not executor.has_task(make_ti(attempt="1" * 32))


@pytest.mark.parametrize("open_slots", [1, 2, 3])
def test_as_many_are_triggered_as_there_are_slots(make_ti, queue, open_slots):
    executor = SteeredExecutor()
    for name in "abc":
        queue(executor, make_ti(name))
    executor.trigger_tasks(open_slots)
    assert len(executor.executed) == open_slots == len(executor.running)
    assert len(executor.queued_tasks) == 3 - open_slots


def test_the_highest_priority_goes_first_and_equals_in_order(make_ti, queue):
    executor = SteeredExecutor()
    for name, priority in (("low", 1), ("high", 9), ("low-too", 1), ("high-too", 9)):
        queue(executor, make_ti(name), priority)
    executor.heartbeat()
    assert [key.task_id for key in executor.executed] == ["high", "high-too", "low", "low-too"]


def test_a_heartbeat_triggers_then_syncs(make_ti, queue):
    executor = SteeredExecutor(2)
    for name in "abc":
        queue(executor, make_ti(name))
    seen = []
    executor.on_sync = lambda: seen.append(len(executor.executed))
    executor.heartbeat()
    executor.heartbeat()
    assert seen == [2, 2]
    assert executor.slots_available == -1


def test_a_key_is_running_before_execute_async_so_that_it_may_end_there(make_ti, queue):
    executor = SteeredExecutor()
    executor.on_execute = executor.fail
    key = queue(executor, make_ti())
    executor.heartbeat()
    assert executor.running == set()
    assert executor.get_event_buffer() == {key: (TaskInstanceState.FAILED, None)}


def test_a_refused_attempt_ends_with_the_reason_and_nothing_else_suffers(make_ti, queue):
    executor = SteeredExecutor()

    def execute(key):
        if key.task_id == "bad":
            raise AttemptRefused("There is no queue 'gpu'.")

    executor.on_execute = execute
    bad = queue(executor, make_ti("bad"), priority=9)
    good = queue(executor, make_ti("good"))
    executor.heartbeat()
    assert executor.get_event_buffer() == {
        bad: (TaskInstanceState.FAILED, Refused("There is no queue 'gpu'."))
    }
    assert executor.running == {good}
    assert executor.syncs == 1


@pytest.mark.parametrize("error", [RuntimeError("no route"), AirflowTaskTimeout("too slow")])
def test_any_other_exception_of_execute_async_is_a_requeue(make_ti, queue, error):
    executor = SteeredExecutor()

    def execute(key):
        if key.task_id == "bad":
            raise error

    executor.on_execute = execute
    bad = queue(executor, make_ti("bad"), priority=9)
    good = queue(executor, make_ti("good"))
    executor.heartbeat()
    reason = f"execute_async raised {type(error).__name__}: {error}"
    assert executor.get_event_buffer() == {bad: (TaskInstanceState.FAILED, Requeue(reason))}
    assert executor.running == {good}


def test_a_key_that_still_runs_takes_no_slot(make_ti, queue):
    executor = SteeredExecutor()
    still = queue(executor, make_ti("still"), priority=100)
    executor.running.add(still)
    queue(executor, make_ti("other"))
    assert executor.slots_occupied == 2
    executor.trigger_tasks(1)
    assert [key.task_id for key in executor.executed] == ["other"]
    assert still in executor.queued_tasks


def test_a_key_that_still_runs_is_executed_once_it_has_ended(make_ti, queue):
    executor = SteeredExecutor()
    key = queue(executor, make_ti())
    executor.running.add(key)
    executor.trigger_tasks(1)
    executor.success(key)
    executor.trigger_tasks(1)
    assert executor.executed == [key]
    assert dict(executor.attempts) == {}


def test_giving_up_on_a_key_that_still_runs_is_told(make_ti, queue, clock):
    executor = SteeredExecutor(clock=clock)
    key = queue(executor, make_ti())
    executor.running.add(key)
    executor.trigger_tasks(1)
    clock.seconds += 11
    executor.trigger_tasks(1)
    assert key in executor.queued_tasks
    executor.trigger_tasks(1)
    assert executor.get_event_buffer() == {
        key: (TaskInstanceState.FAILED, Requeue("still running after 2 attempts"))
    }
    assert key not in executor.queued_tasks
    assert key in executor.running
    assert dict(executor.attempts) == {}
    (line,) = executor.take_task_event_logs()
    assert (line.event, line.key) == ("task launch failure", key)


def test_gauges_tell_open_slots_queued_and_running(make_ti, queue, recorded_metrics):
    executor = SteeredExecutor(4)
    executor.metrics = recorded_metrics
    executor.running.add(make_ti("running").key)
    queue(executor, make_ti())
    executor.heartbeat()
    assert recorded_metrics.gauges == [
        ("executor.open_slots", 3, {"status": "open", "name": "SteeredExecutor"}),
        ("executor.queued_tasks", 1, {"status": "queued", "name": "SteeredExecutor"}),
        ("executor.running_tasks", 1, {"status": "running", "name": "SteeredExecutor"}),
    ]


def test_without_a_limit_the_open_slots_are_what_is_queued(make_ti, queue, recorded_metrics):
    executor = SteeredExecutor(0)
    executor.metrics = recorded_metrics
    for name in "abc":
        queue(executor, make_ti(name))
    executor.heartbeat()
    assert recorded_metrics.gauges[0][1] == 3
    assert len(executor.executed) == 3


def test_adoption_returns_all_by_default(make_ti):
    instances = [make_ti("a"), make_ti("b")]
    assert BaseExecutor().try_adopt_task_instances(instances) == instances


def test_a_revoked_task_is_forgotten_without_an_event(make_ti, queue):
    executor = BaseExecutor()
    queued, running = make_ti("queued"), make_ti("running")
    queue(executor, queued)
    executor.running.add(running.key)
    executor.revoke_task(ti=queued)
    executor.revoke_task(ti=running)
    executor.revoke_task(ti=make_ti("unknown"))
    assert not executor.has_task(queued)
    assert not executor.has_task(running)
    assert executor.get_event_buffer() == {}


def test_stuck_tasks_are_cleaned_up_by_default_and_named(make_ti, queue):
    executor = BaseExecutor()
    ti = make_ti()
    queue(executor, ti)
    assert executor.cleanup_stuck_queued_tasks([ti]) == [repr(ti)]
    assert not executor.has_task(ti)


def test_an_executor_that_only_cleans_up_is_asked_so_when_revoking(make_ti):
    class Older(BaseExecutor):
        cleaned: Any = ()

        def cleanup_stuck_queued_tasks(self, tis):
            self.cleaned = tis
            return super().cleanup_stuck_queued_tasks(tis)

    executor, ti = Older(), make_ti()
    executor.running.add(ti.key)
    executor.revoke_task(ti=ti)
    assert executor.cleaned == [ti]
    assert not executor.has_task(ti)


def test_an_executor_that_only_revokes_is_asked_so_when_cleaning_up(make_ti):
    class Newer(BaseExecutor):
        revoked: tuple[Any, ...] = ()

        def revoke_task(self, *, ti):
            self.revoked = (*self.revoked, ti)
            super().revoke_task(ti=ti)

    executor, ti = Newer(), make_ti()
    executor.cleanup_stuck_queued_tasks([ti])
    assert executor.revoked == (ti,)


def test_end_syncs_until_nothing_runs(make_ti, tmp_path):
    executor = SteeredExecutor()
    executor.configure(Config(tmp_path))
    key = make_ti().key
    executor.running.add(key)
    executor.on_sync = lambda: executor.success(key) if executor.syncs == 3 else None
    executor.end()
    assert executor.syncs == 3


def test_end_gives_up_after_the_grace(make_ti, tmp_path, clock):
    executor = SteeredExecutor(clock=clock)
    executor.configure(Config(tmp_path, {"AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S": "30"}))
    executor.running.add(make_ti().key)

    def sync():
        clock.seconds += 20

    executor.on_sync = sync
    executor.end()
    assert executor.syncs == 2


def test_terminate_starts_nothing_more_and_lets_end_return(make_ti, queue, tmp_path):
    executor = SteeredExecutor()
    executor.configure(Config(tmp_path))
    queue(executor, make_ti())
    executor.running.add(make_ti("running").key)
    executor.terminate()
    executor.end()
    executor.heartbeat()
    assert executor.executed == []


def test_a_callback_without_a_sink_is_an_error(make_ti):
    with pytest.raises(ValueError, match="^Callback sink is not ready"):
        BaseExecutor().send_callback(object())


def test_a_callback_goes_to_the_sink():
    class Sink:
        sent = None

        def send(self, request):
            self.sent = request

    executor = BaseExecutor()
    executor.callback_sink = Sink()
    executor.send_callback("request")
    assert executor.callback_sink.sent == "request"


def test_a_run_command_is_validated_by_the_parser(make_ti):
    validate = BaseExecutor.validate_airflow_tasks_run_command
    command = RunCommand(make_ti("t", dag_id="d").key, pool="p").words()
    assert validate(command) == ("d", "t")
    assert validate(["airflow-lite", "tasks", "run"]) == (None, None)
    assert validate(["airflow-lite", "tasks", "run", "--help"]) == (None, None)


@pytest.mark.parametrize("command", [[], ["airflow", "tasks", "run"], ["airflow-lite", "x"]])
def test_a_command_that_is_no_run_command_is_refused(command):
    with pytest.raises(ValueError, match=r"^The command must start with \['airflow-lite', "):
        BaseExecutor.validate_airflow_tasks_run_command(command)


def test_a_value_of_an_option_is_never_taken_for_an_id(make_ti):
    words = RunCommand(make_ti().key).words()
    moved = [*words[:3], "--pool", "p", *words[3:]]
    with pytest.raises(InvalidIdError):
        BaseExecutor.validate_airflow_tasks_run_command(moved)


def test_the_old_name_of_the_validation_warns(make_ti):
    with pytest.warns(DeprecationWarning, match="^validate_command is deprecated"):
        BaseExecutor.validate_command(RunCommand(make_ti().key).words())


def test_queue_task_instance_builds_the_command(make_ti):
    executor = BaseExecutor()
    ti = make_ti(pool="own", queue="gpu", priority_weight=7)
    executor.queue_task_instance(ti)
    command, priority, queue, queued = executor.queued_tasks[ti.key]
    assert RunCommand.parse(command) == RunCommand(ti.key, pool="own")
    assert (priority, queue, queued) == (7, "gpu", ti)


@pytest.mark.parametrize(("own", "given", "passed"), [(None, 3, 3), (4, None, 4), (4, 3, 3)])
def test_queue_task_instance_passes_on_a_pickled_dag(make_ti, own, given, passed):
    executor = BaseExecutor()
    ti = make_ti(pickle_id=own)
    executor.queue_task_instance(ti, pickle_id=given)
    assert RunCommand.parse(executor.queued_tasks[ti.key][0]).pickle_id == passed


def test_queue_task_instance_refuses_what_it_cannot_pass_on(make_ti):
    executor = BaseExecutor()
    executor.supports_pickling = False
    with pytest.raises(ValueError, match="cannot pass on mark_success, pickle_id"):
        executor.queue_task_instance(make_ti(), mark_success=True, pickle_id=3)


def test_execute_async_must_be_written(make_ti):
    with pytest.raises(NotImplementedError):
        BaseExecutor().execute_async(make_ti().key, [])


def test_debug_dump_logs_queue_running_and_events(make_ti, caplog):
    with caplog.at_level(logging.INFO):
        BaseExecutor().debug_dump()
    assert [record.getMessage() for record in caplog.records] == [
        "executor.queued (0)\n\t",
        "executor.running (0)\n\t",
        "executor.event_buffer (0)\n\t",
    ]


def test_a_remote_executor_cannot_serve_sqlite():
    reason = BaseExecutor().check_store("sqlite:////home/me/airflow_lite.db")
    assert reason == (
        "BaseExecutor runs tasks on other machines, which cannot reach the SQLite file of this "
        "one. Set [database] sql_alchemy_conn to a PostgreSQL database, or [core] executor to "
        "LocalExecutor."
    )
    assert BaseExecutor().check_store("postgresql+psycopg://host/db") is None


@pytest.mark.parametrize("flag", ["is_local", "is_single_threaded", "runs_in_process"])
def test_an_executor_of_this_machine_can_serve_sqlite(flag):
    executor = type("Here", (BaseExecutor,), {flag: True})()
    assert executor.check_store("sqlite:////tmp/a.db") is None


def test_what_it_logs_of_an_attempt_is_no_state_of_the_task(caplog, make_ti):
    caplog.set_level(logging.DEBUG, "airflow_lite.api.executor.event_buffer")
    executor = SteeredExecutor()
    executor.success(make_ti("failed").key)
    assert "to success" not in caplog.text
    assert "has ended; its row says how" in caplog.text
