"""Faults: submitting fails, events come late, twice or for nobody."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.events import Refused
from airflow_lite.errors import AttemptRefused
from airflow_lite.keys import TaskInstanceKey, new_attempt_token
from airflow_lite.states import TaskInstanceState
from airflow_lite_testing.case import NotApplicable, case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.needs import own_thread

if TYPE_CHECKING:
    from airflow_lite_testing.bench import Attempt
    from airflow_lite_testing.rig import ReportedEvent, Rig


class SubmitCases(Cases):
    """What goes wrong between the queue and the engine."""

    @case("faults.submit.one-that-raises-spoils-no-other")
    def test_one_submit_that_raises_spoils_no_other(self) -> None:
        """Where handing over one attempt raises, the rest of the batch runs; it comes back."""
        rig = self.rig().start()
        attempts = [self.bench.attempt() for _ in range(3)]
        failing = attempts[1]
        self._raise_for(rig, failing, RuntimeError("the engine said no"))
        rig.run(*attempts)
        event = self._only_end(rig, failing)
        assert event.state == TaskInstanceState.FAILED, f"what never ran was reported {event.state}"
        assert not isinstance(event.info, Refused), "an unexpected error was reported as a refusal"
        assert not self.bench.starts(failing), "what could not be handed over ran"
        assert not rig.has(failing), "what could not be handed over is still held"
        for attempt in (attempts[0], attempts[2]):
            assert self.bench.recorded(attempt), "an attempt of the same batch did not run"

    @case("faults.submit.refusal-ends-the-try")
    def test_refusal_is_told_with_its_reason(self) -> None:
        """`AttemptRefused` is reported as `Refused` with its reason, and spoils no other."""
        rig = self.rig().start()
        refused, other = self.bench.attempt(), self.bench.attempt()
        self._raise_for(rig, refused, AttemptRefused("there is no queue 'gpu'"))
        rig.run(refused, other)
        event = self._only_end(rig, refused)
        assert isinstance(event.info, Refused), f"a refusal was reported as {event.info!r}"
        assert "there is no queue 'gpu'" in str(event.info), f"the reason got lost: {event.info}"
        assert not rig.has(refused), "a refused attempt is still held"
        assert self.bench.recorded(other), "another attempt of the batch did not run"

    def _raise_for(self, rig: Rig, failing: Attempt, error: Exception) -> None:
        """Make `execute_async` of `failing` raise; first see that the executor calls it at all."""
        submit = rig.executor.execute_async
        keys: set[TaskInstanceKey] = set()

        def execute_async(key: TaskInstanceKey, *args: Any, **kwargs: Any) -> None:
            keys.add(key)
            if key == failing.ti.key:
                raise error
            submit(key, *args, **kwargs)

        rig.executor.execute_async = execute_async
        rig.run(self.bench.attempt())
        if not keys:
            raise NotApplicable("it hands attempts over in a batch, without execute_async")

    def _only_end(self, rig: Rig, attempt: Attempt) -> ReportedEvent:
        ends = rig.ends(attempt)
        assert len(ends) == 1, f"the end of {attempt} was reported {len(ends)} times: {ends}"
        return ends[0]

    @case("faults.submit.command-that-cannot-start")
    def test_command_that_cannot_start_is_told(self) -> None:
        """Where the program cannot be started, the attempt is reported as failed."""
        rig = self.rig().start()
        empty = self.bench.folder / "nothing"
        empty.mkdir(exist_ok=True)
        os.environ["PATH"] = str(empty)  # which the bench brings back
        self.monkeypatch.setattr(sys, "executable", str(empty / "python"))  # nor beside this one
        attempt = self.bench.attempt()
        rig.run(attempt)
        if self.bench.starts(attempt):
            raise NotApplicable("it looks for airflow-lite neither on PATH nor beside its Python")
        event = self._only_end(rig, attempt)
        assert event.state == TaskInstanceState.FAILED, f"what never ran was reported {event.state}"
        assert not rig.has(attempt), "what could not start is still held"

    @case("faults.queue.twice-runs-once")
    def test_what_is_queued_twice_runs_once(self) -> None:
        """An attempt that is queued twice runs once, and raises nothing."""
        rig = self.rig().start()
        attempt = self.bench.attempt()
        rig.queue(attempt, attempt)
        rig.until_ended(attempt)
        rig.for_a_while()
        starts = self.bench.starts(attempt)
        assert len(starts) == 1, f"an attempt that was queued twice started {len(starts)} times"

    @case("faults.events.late-one-touches-no-new-attempt", own_thread)
    def test_late_event_touches_no_new_attempt(self) -> None:
        """A late event of an old attempt ends nothing of the new attempt of the same task."""
        rig = self.rig().start()
        old = self.bench.attempt()
        new = self.bench.again(old, waits=True)
        rig.queue(new)
        rig.until_started(new)
        rig.call("fail", partial(rig.executor.fail, old.ti.key))
        rig.beat()
        assert rig.has(new), "a late event of the old attempt let go of the new one"
        assert not rig.ends(new), "a late event of the old attempt ended the new one"
        self.bench.release(new)
        rig.until_ended(new)
        assert self.bench.recorded(new), "the new attempt did not run to its end"

    @case("faults.events.twice-does-no-harm")
    def test_event_that_comes_twice_does_no_harm(self) -> None:
        """An end that is reported again raises nothing and frees no second slot."""
        rig = self.rig().start()
        attempt = self.bench.attempt()
        free = rig.slots
        rig.run(attempt)
        rig.call("success", partial(rig.executor.success, attempt.ti.key))
        rig.beat()
        assert rig.slots == free, f"{rig.slots} slots are free, {free} were at first"
        assert not rig.has(attempt), "an event of an ended attempt made it held again"

    @case("faults.events.unknown-key-does-no-harm")
    def test_event_of_an_unknown_key_does_no_harm(self) -> None:
        """An event of a key that nobody queued raises nothing, and later attempts run."""
        rig = self.rig().start()
        free = rig.slots
        key = TaskInstanceKey("nobody", "knows", "this", attempt=new_attempt_token())
        for state in (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, None):
            rig.call("change_state", partial(rig.executor.change_state, key, state))
        rig.beat()
        assert rig.slots == free, f"{rig.slots} slots are free, {free} were at first"
        attempt = self.bench.attempt()
        rig.run(attempt)
        assert self.bench.recorded(attempt), "an attempt after it did not run"
