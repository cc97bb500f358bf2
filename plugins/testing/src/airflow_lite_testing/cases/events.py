"""Basic: what the executor reports of its attempts."""

from __future__ import annotations

import threading
from functools import partial

from airflow_lite.keys import TaskInstanceKey, new_attempt_token
from airflow_lite.states import TaskInstanceState
from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.experience import END
from airflow_lite_testing.needs import own_thread

#: 1: failed; 3: not mine; 42: any other; SIGTERM and SIGKILL.
ILL_ENDS = (1, 3, 42, -15, -9)


class EventCases(Cases):
    """Events and `has_task`."""

    @case("basic.events.success-only-where-it-ended-with-0")
    def test_success_only_where_the_command_ended_with_0(self) -> None:
        """Success is reported only where the command ended with 0: the outcome is recorded."""
        rig = self.rig().start()
        good = self.bench.attempt()
        ill = [self.bench.attempt(exit_code=code) for code in self._ill_ends()]
        rig.run(good, *ill)
        for attempt in (good, *ill):
            states = {event.state for event in rig.ends(attempt)}
            assert TaskInstanceState.SUCCESS not in states or self.bench.recorded(attempt), (
                f"a success was reported for an attempt that {_ended(attempt, good)}"
            )

    def _ill_ends(self) -> tuple[int, ...]:
        in_process = self.subject.type.runs_in_process
        return tuple(code for code in ILL_ENDS if code > 0 or not in_process)

    @case("basic.events.success-where-it-ended-with-0")
    def test_success_is_told_where_the_command_ended_with_0(self) -> None:
        """An attempt whose command ended with 0 is reported as a success, its outcome on record."""
        rig = self.rig().start()
        attempt = self.bench.attempt()
        rig.run(attempt)
        state = rig.ends(attempt)[0].state
        assert state == TaskInstanceState.SUCCESS, (
            f"{state} was reported for a command that ended with 0"
        )
        assert self.bench.recorded(attempt), "success was reported before the outcome was on record"

    @case("basic.events.one-end-of-each")
    def test_one_end_is_told_of_each(self) -> None:
        """The end of each attempt is reported, once, and that of nothing else."""
        rig = self.rig().start()
        attempts = [self.bench.attempt(exit_code=code) for code in (0, 1, 0)]
        rig.run(*attempts)
        rig.for_a_while()
        for attempt in attempts:
            ends = rig.ends(attempt)
            assert len(ends) == 1, f"the end of {attempt} was reported {len(ends)} times: {ends}"
        others = {event.key for event in rig.events} - {attempt.ti.key for attempt in attempts}
        assert not others, f"events were reported for keys that nobody queued: {others}"

    @case("basic.events.key-with-its-attempt")
    def test_events_have_the_whole_key(self) -> None:
        """An event's key is the one that was queued, attempt token and all."""
        rig = self.rig().start()
        attempt = self.bench.attempt()
        rig.queue(attempt)
        rig.until(lambda: any(event.is_end for event in rig.events), END, kind=END)
        keys = {event.key for event in rig.events}
        assert keys == {attempt.ti.key}, f"the events are of {keys}, not of {attempt.ti.key}"
        for key in keys:
            assert isinstance(key, TaskInstanceKey), f"{key!r} is no TaskInstanceKey"

    @case("basic.events.no-end-before-the-end", own_thread)
    def test_no_end_is_told_while_it_runs(self) -> None:
        """No end is reported, and the attempt is held, while its command runs."""
        rig = self.rig().start()
        attempt = self.bench.attempt(waits=True)
        rig.queue(attempt)
        rig.until_started(attempt)
        rig.for_a_while()
        assert not rig.ends(attempt), f"{rig.ends(attempt)} was reported while the command ran"
        assert rig.has(attempt), "has_task is False while the command runs"
        self.bench.release(attempt)
        rig.until_ended(attempt)

    @case("basic.events.held-from-queue-to-end")
    def test_task_is_held_from_queue_to_end(self) -> None:
        """`has_task` is True from `queue_command` until the end is reported, and False after it."""
        rig = self.rig().start()
        attempt, other = self.bench.attempt(), self.bench.attempt()
        assert not rig.has(attempt), "has_task is True of an attempt that was not queued"
        rig.queue(attempt)
        assert rig.has(attempt), "has_task is False of a queued attempt"
        assert not rig.has(other), "has_task is True of an attempt that was not queued"
        rig.until_ended(attempt)
        assert not rig.has(attempt), "has_task is True after the end was reported"

    @case("basic.events.taken-once")
    def test_events_are_taken_once(self) -> None:
        """`get_event_buffer` hands each event out once, and only those of `dag_ids` if given."""
        rig = self.rig().start()
        key_a = TaskInstanceKey("a", "t", "r", attempt=new_attempt_token())
        key_b = TaskInstanceKey("b", "t", "r", attempt=new_attempt_token())
        for key in (key_a, key_b):
            rig.call("fail", partial(rig.executor.fail, key))
        take = rig.executor.get_event_buffer
        first = rig.call("get_event_buffer", lambda: take(dag_ids=["b"]))
        assert set(first) == {key_b}, f"dag_ids=['b'] gave {set(first)}"
        rest = rig.call("get_event_buffer", take)
        assert set(rest) == {key_a}, f"the rest of the events is {set(rest)}, not {key_a}"
        again = rig.call("get_event_buffer", take)
        assert not again, f"events were handed out twice: {again}"

    @case("basic.events.from-any-thread", own_thread)
    def test_events_may_come_from_any_thread(self) -> None:
        """`change_state` on a foreign thread reaches the scheduler, and wakes the executor's."""
        rig = self.rig().start()
        keys = [TaskInstanceKey("dag", str(n), "r", attempt=new_attempt_token()) for n in range(50)]
        rig.woken.clear()
        threads = [
            threading.Thread(
                target=lambda part=keys[at::5]: [rig.executor.success(k) for k in part]
            )
            for at in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert rig.woken.is_set(), "change_state on a foreign thread did not wake the executor's"
        rig.beat()
        reported = {event.key for event in rig.events}
        assert reported == set(keys), f"{len(set(keys) - reported)} of 50 events got lost"


def _ended(attempt: object, good: object) -> str:
    return "was not on record yet" if attempt is good else "ended with another code than 0"
