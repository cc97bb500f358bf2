"""Optional: revoking, cleaning up, adoption, logs, callbacks, pickled DAGs."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_lite.config import Config
from airflow_lite.plugins import executor_log
from airflow_lite_testing.case import NotApplicable, case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.experience import START
from airflow_lite_testing.needs import local, module_of_its_own, overrides, own_thread, pickles
from airflow_lite_testing.processes import is_alive
from airflow_lite_testing.rig import BUDGET_S

if TYPE_CHECKING:
    from airflow_lite_testing.bench import Attempt
    from airflow_lite_testing.rig import Rig

#: So many attempts are revoked as they end.
RACES = 5
_POLL_S = 0.005
#: How often a log is asked for that does not come in time.
_ASKED = 3


class OptionalCases(Cases):
    """The methods with a sound default: what an author writes must keep their rules."""

    @case("optional.revoke.forgets", own_thread)
    def test_revoke_forgets(self) -> None:
        """A revoked attempt is held no more, frees its slot, and gets no event."""
        rig, attempt = self._with_one_running()
        free = rig.slots
        self._revoke(rig, attempt)
        assert not rig.has(attempt), "a revoked attempt is still held"
        assert rig.slots == free + 1, "a revoked attempt still takes a slot"
        rig.for_a_while()
        assert not rig.ends(attempt), f"{rig.ends(attempt)} was reported for a revoked attempt"

    @case("optional.revoke.queued-never-starts", own_thread)
    def test_revoked_while_queued_never_starts(self) -> None:
        """An attempt that is revoked while it is queued is never started."""
        rig = self.rig().start()
        attempt, other = self.bench.attempt(), self.bench.attempt()
        rig.queue(attempt, other)
        self._revoke(rig, attempt)
        rig.until_ended(other)
        rig.for_a_while()
        assert not self.bench.starts(attempt), "an attempt that was revoked was started"

    @case("optional.revoke.stops-the-process", overrides("revoke_task"), local)
    def test_revoke_stops_the_process(self) -> None:
        """Where `revoke_task` is written, the attempt's process is stopped."""
        rig, attempt = self._with_one_running()
        pid = self.bench.starts(attempt)[0].pid
        self._revoke(rig, attempt)
        rig.until(lambda: not is_alive(pid), "the process of a revoked attempt to end")

    @case("optional.revoke.unknown-or-ended-does-no-harm")
    def test_revoke_of_what_is_not_there_does_no_harm(self) -> None:
        """Revoking what ended, or was never queued, raises nothing and reports nothing."""
        rig = self.rig().start()
        ended, unknown = self.bench.attempt(), self.bench.attempt()
        rig.run(ended)
        count = len(rig.events)
        for attempt in (ended, unknown, unknown):
            self._revoke(rig, attempt)
        rig.beat()
        assert len(rig.events) == count, f"revoking reported {rig.events[count:]}"

    @case("faults.cancel.races-with-success", own_thread)
    def test_cancel_may_race_with_success(self) -> None:
        """Revoking what is just ending raises nothing, frees its slot, and leaves others be."""
        rig = self.rig().start()
        free = rig.slots
        bystander = self.bench.attempt(waits=True)
        rig.queue(bystander)
        for _ in range(RACES):
            attempt = self.bench.attempt(waits=True)
            rig.queue(attempt)
            started = partial(self._is_started_or_behind, attempt, bystander)
            rig.until(started, "it to start", kind=START)
            self.bench.release(attempt)
            self._wait_for_the_end_of(attempt)
            self._revoke(rig, attempt)
            rig.beat()
            assert not rig.has(attempt), "what was revoked as it ended is still held"
        assert not rig.ends(bystander), "an attempt beside the revoked ones was ended"
        self.bench.release(bystander)
        rig.until_ended(bystander)
        assert rig.slots == free, f"{rig.slots} slots are free, {free} were at first"

    def _is_started_or_behind(self, attempt: Attempt, bystander: Attempt) -> bool:
        """Whether the attempt runs; where one runs at a time it waits behind the bystander."""
        if self.subject.type.is_single_threaded:
            return bool(self.bench.starts(bystander))
        return bool(self.bench.starts(attempt) and self.bench.starts(bystander))

    def _wait_for_the_end_of(self, attempt: Attempt) -> None:
        """Wait, without a heartbeat, until the code of the attempt is over, if it began."""
        end = time.monotonic() + self.deadline_s
        while self.bench.starts(attempt) and not self.bench.end_times(attempt):
            assert time.monotonic() < end, f"{attempt} did not end"
            time.sleep(_POLL_S)

    @case("optional.cleanup.takes-back-and-names")
    def test_cleanup_takes_back_and_names(self) -> None:
        """`cleanup_stuck_queued_tasks` lets go of the attempts and returns a text for each."""
        rig = self.rig().start()
        attempts = [self.bench.attempt() for _ in range(2)]
        rig.queue(*attempts)
        tis = [attempt.ti for attempt in attempts]
        clean = partial(rig.executor.cleanup_stuck_queued_tasks, tis)
        texts = rig.call("cleanup_stuck_queued_tasks", clean)
        assert len(list(texts)) == len(attempts), f"it returned {texts!r} for two attempts"
        assert all(isinstance(text, str) for text in texts), f"{texts!r} are not all texts"
        for attempt in attempts:
            assert not rig.has(attempt), "a stuck attempt is still held after it was taken back"

    @case("optional.adoption.takes-or-returns")
    def test_adoption_takes_or_returns_each(self) -> None:
        """What is offered for adoption comes back unheld, or is held and comes to an end."""
        rig = self.rig().start()
        offered = [self.bench.attempt(), self.bench.attempt(external_executor_id="no-such-id")]
        back = {ti.key for ti in self._adopt(rig, offered)}
        assert back <= {attempt.ti.key for attempt in offered}, "what was not offered came back"
        for attempt in offered:
            taken = attempt.ti.key not in back
            fault = "was not given back and is not held" if taken else "was given back and is held"
            assert rig.has(attempt) is taken, f"an attempt {fault}"
        rig.until_ended(*(attempt for attempt in offered if attempt.ti.key not in back))

    @case("optional.adoption.goes-on", overrides("try_adopt_task_instances"), own_thread)
    def test_adopted_attempt_goes_on(self) -> None:
        """An adopted attempt keeps running, takes a slot, and its end is reported."""
        from dataclasses import replace

        from airflow_lite_testing.bench import Attempt as Adoptable

        old, attempt = self._with_one_running()
        ids = old.call("take_external_ids", old.executor.take_external_ids)
        external_id = ids.get(attempt.ti.key)
        if external_id is None:
            raise NotApplicable("it reports no id of an attempt at its engine, by which to adopt")
        new = self.rig().start()
        free = new.slots
        ti = replace(attempt.ti, external_executor_id=external_id)
        returned = self._adopt(new, [Adoptable(ti, attempt.command)])
        assert not returned, "an attempt that its id names was given back"
        assert new.has(attempt), "an adopted attempt is not held"
        assert new.slots == free - 1, "an adopted attempt takes no slot"
        new.for_a_while()
        assert not new.ends(attempt), "an adopted attempt was reported as ended while it ran"
        assert len(self.bench.starts(attempt)) == 1, "an adopted attempt was started again"
        self.bench.release(attempt)
        new.until_ended(attempt)

    @case("optional.logs.never-raise")
    def test_task_logs_never_raise(self) -> None:
        """`get_task_log` returns two lists of texts, also of an attempt that it does not know."""
        rig = self.rig().start()
        ran, unknown = self.bench.attempt(), self.bench.attempt()
        rig.run(ran)
        for attempt in (ran, unknown):
            result = rig.call("get_task_log", partial(rig.executor.get_task_log, attempt.ti, 1))
            assert isinstance(result, tuple), f"get_task_log returned {result!r}, not two lists"
            assert len(result) == 2, f"get_task_log returned {len(result)} parts, not two lists"
            texts: list[Any] = [text for part in result for text in part]
            assert all(isinstance(text, str) for text in texts), f"{texts!r} are not all texts"

    @case("optional.logs.in-time", overrides("get_task_log"), module_of_its_own)
    def test_task_logs_come_in_time(self) -> None:
        """`get_task_log` answers within five seconds, in a process of its own."""
        trouble = self._trouble_of_log()
        assert "took longer" not in trouble, trouble

    @case("optional.logs.end-no-process", overrides("get_task_log"), module_of_its_own)
    def test_task_logs_end_no_process(self) -> None:
        """`get_task_log` neither ends the process that it is called in nor raises SystemExit."""
        trouble = self._trouble_of_log()
        assert not re.search("ended the process|SystemExit", trouble), trouble

    @case("optional.logs.without-start", overrides("get_task_log"), module_of_its_own)
    def test_task_logs_need_no_start(self) -> None:
        """`get_task_log` works on an executor that was configured and not started."""
        trouble = self._trouble_of_log()
        assert not trouble, trouble

    def _trouble_of_log(self) -> str:
        """Ask for a log as `tasks logs` does; return why there is no answer, or nothing.

        The quickest of three answers counts: the machine may be busy with something else.
        """
        name = self.subject.name if self.subject.is_named else str(self.subject.path)
        config = Config.load(overrides={("core", "executor"): name.replace(":", ".")})
        ti = replace(self.bench.attempt().ti, external_executor_id="kit-1", hostname="kit")
        trouble = ""
        for _ in range(_ASKED):
            try:
                executor_log.ask(config, ti, BUDGET_S)
            except executor_log.NoAnswer as error:
                trouble = str(error)
            else:
                return ""
            if "took longer" not in trouble:
                break
        return trouble

    @case("optional.callbacks.to-the-sink-or-an-error")
    def test_callbacks_go_to_the_sink(self) -> None:
        """`send_callback` gives the request to the sink, and raises ValueError without one."""
        executor = self.rig().executor
        sink = _Sink()
        executor.callback_sink = sink
        executor.send_callback("request")
        assert sink.sent == ["request"], f"the sink got {sink.sent}"
        executor.callback_sink = None
        try:
            executor.send_callback("request")
        except ValueError:
            return
        raise AssertionError("send_callback without a sink raised no ValueError")

    @case("optional.pickling.runs-without-the-file", pickles)
    def test_pickled_dag_runs_without_its_file(self) -> None:
        """A DAG that is shipped pickled runs, though its file is out of the workers' reach."""
        rig = self.rig().start()
        attempt = self.bench.pickled_attempt()
        with self.bench.without_dag_file():
            rig.run(attempt)
        count = len(self.bench.starts(attempt))
        assert count == 1, f"{attempt} was shipped pickled, and its code ran {count} times"
        assert self.bench.recorded(attempt), f"the outcome of {attempt} is not on record"

    @case("optional.queues.reach-execute-async")
    def test_queue_reaches_execute_async(self) -> None:
        """The queue and executor_config of an attempt reach `execute_async` as they are."""
        rig = self.rig().start()
        attempt = self.bench.attempt(queue="default", executor_config={})
        calls: list[tuple[Any, Any]] = []
        submit = rig.executor.execute_async

        def record(key: Any, command: Any, queue: Any = None, executor_config: Any = None) -> None:
            calls.append((queue, executor_config))
            submit(key=key, command=command, queue=queue, executor_config=executor_config)

        rig.executor.execute_async = record
        rig.run(attempt)
        if not calls:
            raise NotApplicable("it hands attempts over in a batch, without execute_async")
        assert calls == [("default", {})], f"execute_async got {calls}"

    def _with_one_running(self) -> tuple[Rig, Attempt]:
        rig = self.rig().start()
        attempt = self.bench.attempt(waits=True)
        rig.queue(attempt)
        rig.until_started(attempt)
        return rig, attempt

    def _revoke(self, rig: Rig, attempt: Attempt) -> None:
        rig.call("revoke_task", lambda: rig.executor.revoke_task(ti=attempt.ti))

    def _adopt(self, rig: Rig, attempts: list[Attempt]) -> list[Any]:
        tis = [attempt.ti for attempt in attempts]
        adopt = partial(rig.executor.try_adopt_task_instances, tis)
        return list(rig.call("try_adopt_task_instances", adopt))


class _Sink:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, request: Any) -> None:
        self.sent.append(request)
