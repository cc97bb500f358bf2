"""A hybrid gives each attempt to the half of its queue, and neither half waits for the other."""

from __future__ import annotations

import inspect
import threading
from types import SimpleNamespace

import pytest

from airflow_lite.api.commands.spec import GroupCommand
from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.events import CallbackRequest, Refused, Requeue
from airflow_lite.config import Config
from airflow_lite.errors import AttemptRefused, ConfigError
from airflow_lite.executors import HybridExecutor, LocalExecutor
from airflow_lite.executors import half as half_module
from airflow_lite.executors import hybrid as hybrid_module
from airflow_lite.keys import RunCommand
from airflow_lite.states import TaskInstanceState
from fixtures.executors import SteeredExecutor
from fixtures.waits import DEADLINE_S


class Half(SteeredExecutor):
    """A half that a test steers; `gate` is what its methods wait at."""

    made: tuple[Half, ...] = ()

    def __init__(self):
        super().__init__(None)
        self.gate = threading.Event()
        self.gate.set()
        self.calls = []
        type(self).made = (*type(self).made, self)

    def start(self):
        self._note("start")

    def sync(self):
        self.gate.wait(DEADLINE_S)
        super().sync()

    def revoke_task(self, *, ti):
        self._note("revoke_task", ti.task_id)
        self._forget(ti.key)

    def try_adopt_task_instances(self, tis):
        self._note("adopt", *(ti.task_id for ti in tis))
        taken = [ti for ti in tis if ti.task_id.startswith("mine")]
        self.running |= {ti.key for ti in taken}
        return [ti for ti in tis if ti not in taken]

    def get_task_log(self, ti, try_number):
        return [f"{self.name} knows {ti.task_id} {try_number}"], []

    def end(self):
        self._note("end")

    def terminate(self):
        self._note("terminate")
        super().terminate()

    def debug_dump(self):
        self._note("debug_dump")

    def _note(self, *call):
        self.gate.wait(DEADLINE_S)
        self.calls.append(call)


class NearExecutor(Half):
    is_local = True
    serve_logs = True

    @staticmethod
    def get_cli_commands():
        return [GroupCommand("near", "Near", ())]


class FarExecutor(Half):
    supports_sentry = True
    supports_pickling = False

    def check_store(self, url):
        return f"far cannot reach {url}"

    @staticmethod
    def get_cli_commands():
        return [GroupCommand("far", "Far", ()), GroupCommand("near", "Near", ())]


class NearFarExecutor(HybridExecutor):
    halves = (NearExecutor, FarExecutor)
    queues = ("far", "farther")


class Rig:
    """A hybrid on the thread of a test, which is woken as that of a scheduler is."""

    def __init__(self, executor, config):
        self.executor = executor
        self.woken = threading.Event()
        executor.configure(config)
        executor.bind(self.woken.set)

    def __getattr__(self, name):
        return self.executor._threads[f"{name.capitalize()}Executor"].executor

    def start(self):
        self.executor.start()
        return self

    def queue(self, *tis, priority=1):
        for ti in tis:
            self.executor.queue_command(ti, RunCommand(ti.key).words(), priority, ti.queue)
        self.executor.heartbeat()

    def until(self, condition):
        while not condition():
            assert self.woken.wait(DEADLINE_S), "waited in vain"
            self.woken.clear()
            self.executor.heartbeat()

    def until_handed(self, half, *tis):
        """Wait for a half to have executed these, which it tells nobody."""
        handed = threading.Event()
        keys = {ti.key for ti in tis}

        def look():
            if keys <= set(half.executed):
                handed.set()

        half.on_sync = look
        self.executor._threads[half.name].poke()
        assert handed.wait(DEADLINE_S), f"{half.executed} were executed, not {keys}"

    def events(self, count=1):
        taken = {}

        def take():
            taken.update(self.executor.get_event_buffer())
            return len(taken) >= count

        self.until(take)
        return taken


@pytest.fixture
def rig(tmp_path, clock):
    rigs = []

    def make(executor_type=NearFarExecutor, *, start=True, **overrides):
        for half in executor_type.halves:
            half.made = ()
        values = {("core", "parallelism"): "4", ("scheduler", "shutdown_grace_s"): "0"}
        config = Config(tmp_path, {}, overrides={**values, **overrides.get("settings", {})})
        made = Rig(executor_type(), config)
        rigs.append(made)
        return made.start() if start else made

    yield make
    for one in rigs:
        for thread in one.executor._threads.values():
            thread.executor.gate.set()
        one.executor.end()


def test_an_attempt_goes_to_the_half_of_its_queue(rig, make_ti):
    hybrid = rig()
    tis = [make_ti(name, queue=name) for name in ("default", "far", "farther", "other")]
    hybrid.queue(*tis)
    hybrid.until_handed(hybrid.near, tis[0], tis[3])
    hybrid.until_handed(hybrid.far, tis[1], tis[2])
    assert {ti.key for ti in tis} == hybrid.executor.running


def test_an_attempt_goes_to_the_half_that_it_was_queued_for_whatever_its_queue(rig, make_ti):
    hybrid = rig()
    far, near = (
        make_ti("a", executor="FarExecutor"),
        make_ti("b", queue="far", executor="NearExecutor"),
    )
    stranger = make_ti("c", queue="far", executor="OtherExecutor")
    hybrid.queue(far, near, stranger)
    hybrid.until_handed(hybrid.near, near)
    hybrid.until_handed(hybrid.far, far, stranger)


def test_the_queues_of_the_second_half_are_a_setting_with_a_list(rig, make_ti):
    class Configured(NearFarExecutor):
        queue_option = ("core", "default_timezone")

    hybrid = rig(Configured, settings={("core", "default_timezone"): "x, y"})
    assert hybrid.executor.routes.queues == {"x": "FarExecutor", "y": "FarExecutor"}
    assert hybrid.executor.routes.half_of("far") == "NearExecutor"


def test_it_is_told_once_of_each_queue_which_half_gets_its_tasks(rig, make_ti, caplog):
    hybrid = rig()
    with caplog.at_level("INFO", "airflow_lite.executors.hybrid"):
        hybrid.queue(*(make_ti(str(n), queue=name) for n, name in enumerate(["odd", "far", "odd"])))
    assert caplog.messages == [
        "tasks of queue 'odd' go to NearExecutor",
        "tasks of queue 'far' go to FarExecutor",
    ]


def test_the_end_that_a_half_reports_is_the_hybrids(rig, make_ti):
    hybrid = rig()
    good, bad = make_ti("good", queue="far"), make_ti("bad")
    hybrid.queue(good, bad)
    hybrid.far.success(good.key)
    hybrid.near.fail(bad.key, "why")
    assert hybrid.events(2) == {
        good.key: (TaskInstanceState.SUCCESS, None),
        bad.key: (TaskInstanceState.FAILED, "why"),
    }
    assert not hybrid.executor.running
    assert not hybrid.executor._owners


def test_an_id_at_the_engine_is_the_hybrids_and_ends_nothing(rig, make_ti):
    hybrid = rig()
    ti = make_ti(queue="far")
    hybrid.queue(ti)
    hybrid.far.queued(ti.key, "pod-7")
    hybrid.events()
    assert hybrid.executor.take_external_ids() == {ti.key: "pod-7"}
    assert hybrid.executor.has_task(ti)


@pytest.mark.parametrize(
    ("error", "kind"), [(AttemptRefused("no such queue"), Refused), (OSError("cut"), Requeue)]
)
def test_a_refusal_of_a_half_keeps_its_kind(rig, make_ti, error, kind):
    hybrid = rig()

    def refuse(key):
        raise error

    hybrid.far.on_execute = refuse
    ti = make_ti(queue="far")
    hybrid.queue(ti)
    ((_, (state, info)),) = hybrid.events().items()
    assert (state, type(info)) == (TaskInstanceState.FAILED, kind)
    assert str(error) in str(info)


def test_a_state_that_the_scheduler_changes_reaches_the_half_that_has_the_attempt(rig, make_ti):
    hybrid = rig()
    ti, stranger = make_ti(queue="far"), make_ti("nobody")
    hybrid.queue(ti)
    hybrid.until_handed(hybrid.far, ti)
    hybrid.executor.fail(ti.key, "zombie")
    hybrid.executor.success(stranger.key)
    assert hybrid.events(2) == {
        stranger.key: (TaskInstanceState.SUCCESS, None),
        ti.key: (TaskInstanceState.FAILED, "zombie"),
    }
    assert not hybrid.far.running
    assert not hybrid.executor.running


def test_a_revoked_attempt_is_taken_from_the_half_that_has_it(rig, make_ti):
    hybrid = rig()
    ti = make_ti(queue="far")
    hybrid.queue(ti)
    hybrid.until_handed(hybrid.far, ti)
    hybrid.executor.revoke_task(ti=ti)
    assert not hybrid.executor.has_task(ti)
    hybrid.executor.end()
    assert ("revoke_task", "task") in hybrid.far.calls
    assert ("revoke_task", "task") not in hybrid.near.calls


def test_an_attempt_that_is_revoked_before_its_turn_is_handed_to_nobody(rig, make_ti):
    hybrid = rig()
    ti = make_ti(queue="far")
    hybrid.executor.queue_command(ti, RunCommand(ti.key).words(), 1, ti.queue)
    hybrid.executor.revoke_task(ti=ti)
    hybrid.executor.heartbeat()
    hybrid.executor.end()
    assert hybrid.far.executed == []


def test_a_late_event_of_a_revoked_attempt_is_dropped(rig, make_ti):
    hybrid = rig()
    ti, other = make_ti(), make_ti("other")
    hybrid.queue(ti, other)
    hybrid.until_handed(hybrid.near, ti, other)
    hybrid.executor.revoke_task(ti=ti)
    hybrid.near.success(ti.key)
    hybrid.near.success(other.key)
    assert set(hybrid.events()) == {other.key}


def test_each_half_is_offered_what_was_queued_for_it(rig, make_ti):
    hybrid = rig()
    mine, theirs = make_ti("mine-1", queue="far"), make_ti("theirs", queue="far")
    moved = make_ti("mine-2", queue="far", executor="NearExecutor")
    assert hybrid.executor.try_adopt_task_instances([mine, theirs, moved]) == [theirs]
    assert hybrid.executor.running == {mine.key, moved.key}
    assert hybrid.far.calls[-1] == ("adopt", "mine-1", "theirs")
    assert hybrid.near.calls[-1] == ("adopt", "mine-2")
    hybrid.near.success(moved.key)
    assert set(hybrid.events()) == {moved.key}


def test_what_a_half_gives_back_late_has_failed(rig, make_ti, monkeypatch, caplog):
    monkeypatch.setattr(hybrid_module, "ADOPTION_S", 0.01)
    hybrid = rig()
    hybrid.far.gate.clear()
    mine, theirs = make_ti("mine", queue="far"), make_ti("theirs", queue="far")
    assert hybrid.executor.try_adopt_task_instances([mine, theirs]) == []
    assert "FarExecutor does not say in time what it adopts" in caplog.text
    hybrid.far.gate.set()
    assert hybrid.events() == {
        theirs.key: (TaskInstanceState.FAILED, Requeue("FarExecutor did not adopt it"))
    }
    assert hybrid.executor.running == {mine.key}


def test_a_half_that_hangs_keeps_the_other_from_nothing(rig, make_ti):
    hybrid = rig(settings={("scheduler", "executor_budget_s"): "0.1"})
    hybrid.far.gate.clear()
    hanging, ti = make_ti("hanging", queue="far"), make_ti()
    hybrid.queue(hanging, ti)
    hybrid.until_handed(hybrid.near, ti)
    hybrid.near.success(ti.key)
    assert set(hybrid.events()) == {ti.key}
    assert hybrid.executor.has_task(hanging)
    hybrid.far.gate.set()
    hybrid.until_handed(hybrid.far, hanging)


def test_a_half_that_does_not_start_is_tried_again_while_the_other_works(
    rig, make_ti, monkeypatch, caplog
):
    monkeypatch.setattr(half_module, "FIRST_S", 0.01)
    is_back = threading.Event()

    class FailingExecutor(Half):
        def start(self):
            if not is_back.is_set():
                raise OSError("no route to the cluster")
            super().start()

    class Failing(HybridExecutor):
        halves = (NearExecutor, FailingExecutor)
        queues = ("far",)

    hybrid = rig(Failing)
    assert hybrid.executor.half_slots() == {"NearExecutor": 4, "FailingExecutor": 0}
    ti = make_ti()
    hybrid.queue(ti)
    hybrid.until_handed(hybrid.near, ti)
    is_back.set()
    hybrid.until(lambda: hybrid.executor.half_slots()["FailingExecutor"] == 4)
    far = make_ti("far", queue="far")
    hybrid.queue(far)
    hybrid.until_handed(hybrid.failing, far)
    assert "FailingExecutor did not start. Its tasks wait" in caplog.text
    assert FailingExecutor.made[0].calls == [("terminate",)]
    assert hybrid.failing.calls == [("start",)]


def test_two_halves_that_do_not_start_are_a_hybrid_that_does_not(rig):
    class OneExecutor(Half):
        def start(self):
            raise OSError("one")

    class TwoExecutor(Half):
        def start(self):
            raise ConfigError("two")

    class Neither(HybridExecutor):
        halves = (OneExecutor, TwoExecutor)

    hybrid = rig(Neither, start=False)
    expected = "^Neither half of Neither starts. OneExecutor: one; TwoExecutor: two$"
    with pytest.raises(ConfigError, match=expected):
        hybrid.executor.start()


def test_slots_are_those_of_both_halves_within_parallelism(rig, make_ti):
    hybrid = rig()
    assert hybrid.executor.slots_available == 4
    hybrid.near.parallelism, hybrid.far.parallelism = 1, 2
    for thread in hybrid.executor._threads.values():
        thread._step(lambda: None)
    assert hybrid.executor.half_slots() == {"NearExecutor": 1, "FarExecutor": 2}
    assert hybrid.executor.slots_available == 3
    ti = make_ti(queue="far")
    hybrid.executor.queue_command(ti, RunCommand(ti.key).words(), 1, ti.queue)
    assert hybrid.executor.half_slots() == {"NearExecutor": 1, "FarExecutor": 1}
    assert hybrid.executor.slots_available == 2
    hybrid.queue()
    hybrid.until_handed(hybrid.far, ti)
    assert hybrid.executor.slots_occupied == 1


def test_never_more_than_parallelism_are_with_both_halves(rig, make_ti):
    hybrid = rig()
    tis = [make_ti(str(n), queue="far" if n % 2 else "near") for n in range(6)]
    hybrid.queue(*tis)
    assert len(hybrid.executor.running) == 4
    assert [key.task_id for key in hybrid.executor.queued_tasks] == ["4", "5"]


def test_no_limit_is_no_limit(rig):
    hybrid = rig(settings={("core", "parallelism"): "0"})
    assert hybrid.executor.slots_available == BaseExecutor(0).slots_available


def test_a_callback_and_a_line_of_a_half_are_passed_on(rig, make_ti):
    hybrid = rig(start=False)
    requests: list[CallbackRequest] = []
    hybrid.executor.callback_sink = SimpleNamespace(send=requests.append)
    hybrid.start()
    ti = make_ti(queue="far")
    request = CallbackRequest(ti.key, "on_failure", "why")

    def tell(key):
        hybrid.far.send_callback(request)
        hybrid.far.log_task_event(event="pod", extra="evicted", ti_key=key)

    hybrid.far.on_execute = tell
    hybrid.queue(ti)
    hybrid.until(lambda: requests)
    assert requests == [request]
    hybrid.executor.end()
    assert [line.extra for line in hybrid.executor.take_task_event_logs()] == ["evicted"]


def test_the_log_is_asked_of_the_half_that_it_was_queued_for(rig, make_ti):
    hybrid = rig(start=False)
    far, near = make_ti("a", queue="far"), make_ti("b", queue="far", executor="NearExecutor")
    ask = hybrid.executor.get_task_log
    assert ask(far, 2) == (["FarExecutor knows a 2"], [])
    assert ask(near, 1) == (["NearExecutor knows b 1"], [])


def test_both_halves_end_terminate_and_dump(rig):
    hybrid = rig()
    hybrid.executor.debug_dump()
    hybrid.executor.terminate()
    hybrid.executor.end()
    for half in (hybrid.near, hybrid.far):
        assert half.calls == [("start",), ("debug_dump",), ("terminate",), ("end",)]


def test_a_half_that_does_not_end_is_terminated(rig, monkeypatch, caplog):
    monkeypatch.setattr(hybrid_module, "END_S", 0.1)
    hybrid = rig()
    hybrid.far.gate.clear()
    hybrid.executor._threads["FarExecutor"].poke()
    hybrid.executor.end()
    assert "FarExecutor(parallelism=4) does not end, and is terminated" in caplog.text
    assert hybrid.near.calls[-1] == ("end",)


def test_a_hybrid_has_both_halves_settings(rig):
    hybrid = rig(start=False)
    assert [half.config for half in hybrid.executor._executors.values()] == (
        [hybrid.executor.config] * 2
    )
    hybrid.executor.job_id = 7
    hybrid.start()
    assert (hybrid.near.job_id, hybrid.far.job_id) == (7, 7)
    assert (hybrid.near.name, hybrid.far.name) == ("NearExecutor", "FarExecutor")


def test_a_store_must_suit_both_halves(rig):
    hybrid = rig(start=False)
    assert hybrid.executor.check_store("sqlite:///x") == "far cannot reach sqlite:///x"


def test_the_groups_of_both_halves_are_the_hybrids_each_once():
    assert [group.name for group in NearFarExecutor.get_cli_commands()] == ["near", "far"]


def test_flags_are_made_of_the_halves():
    flags = {
        name: getattr(NearFarExecutor, name)
        for name, value in vars(BaseExecutor).items()
        if isinstance(value, bool)
    }
    assert flags == {
        "supports_ad_hoc_ti_run": False,
        "supports_pickling": False,
        "supports_sentry": True,
        "is_local": False,
        "is_single_threaded": False,
        "is_production": True,
        "change_sensor_mode_to_reschedule": False,
        "serve_logs": True,
        "runs_in_process": False,
    }


def test_a_hybrid_of_halves_that_tell_no_logs_tells_none():
    class OneExecutor(SteeredExecutor): ...

    class Silent(HybridExecutor):
        halves = (LocalExecutor, OneExecutor)

    assert Silent.get_task_log is BaseExecutor.get_task_log


def test_halves_of_one_name_and_of_the_schedulers_thread_are_refused():
    class InProcessExecutor(SteeredExecutor):
        runs_in_process = True

    with pytest.raises(TypeError, match="Name two executors of other names"):
        type("Twice", (HybridExecutor,), {"halves": (LocalExecutor, LocalExecutor)})
    with pytest.raises(TypeError, match="cannot have InProcessExecutor as a half"):
        type("Inline", (HybridExecutor,), {"halves": (LocalExecutor, InProcessExecutor)})


#: What a hybrid has from `BaseExecutor` as it is: it works on the hybrid's own queue, keys and
#: events, which the members of `HybridExecutor` fill from the halves and empty into them.
OWN = {
    *("attempts", "clock", "config", "event_buffer", "external_ids", "log", "logger", "metrics"),
    *("parallelism", "queued_tasks", "running", "name", "job_id", "callback_sink", "bind"),
    *("cleanup_stuck_queued_tasks", "has_task", "heartbeat", "order_queued_tasks_by_priority"),
    *("fail", "success", "queued", "running_state", "get_event_buffer", "take_external_ids"),
    *("take_task_event_logs", "log_task_event", "queue_task_instance", "trigger_tasks"),
    *(
        "send_callback",
        "slots_occupied",
        "validate_airflow_tasks_run_command",
        "validate_command",
    ),
}


def test_every_public_member_of_the_contract_is_routed_or_kept_on_purpose():
    flags = {name for name, value in vars(BaseExecutor).items() if isinstance(value, bool)}
    public = {name for name in (*dir(BaseExecutor), *vars(BaseExecutor())) if name[0] != "_"}
    routed = public & (vars(HybridExecutor).keys() | {"routes", "get_cli_commands"})
    assert not OWN & routed
    assert public == OWN | routed | flags
    for name in routed - flags - {"halves", "routes", "get_cli_commands"}:
        ours, theirs = (inspect.getattr_static(one, name) for one in (HybridExecutor, BaseExecutor))
        assert ours is not theirs
