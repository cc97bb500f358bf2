"""Faults: the executor ends, is terminated, is killed under, and leaves nothing behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_lite.states import TaskInstanceState
from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.needs import local, own_thread, several_at_once
from airflow_lite_testing.processes import Belongings, belongings, descendants, is_alive, kill

if TYPE_CHECKING:
    from airflow_lite_testing.rig import Rig

#: What `end` may take, in seconds, beyond `[scheduler] shutdown_grace_s`, which the kit sets to 2.
END_S = 2 + 8.0
#: What `terminate` may take, in seconds.
TERMINATE_S = 5.0
#: What one heartbeat may take, in seconds, with all slots busy.
HEARTBEAT_S = 1.0
_SETTLE_S = 10.0
_POLL_S = 0.02


class EndingCases(Cases):
    """`end`, `terminate`, `heartbeat`, and what is left."""

    @case("faults.end.waits-for-what-runs", own_thread)
    def test_end_waits_for_what_runs(self) -> None:
        """`end` lets what runs come to its end, and reports it."""
        rig = self.rig().start()
        attempt = self.bench.attempt(waits=True)
        rig.queue(attempt)
        rig.until_started(attempt)
        self.bench.release(attempt)
        rig.end(END_S)
        assert rig.ends(attempt), "end() returned without reporting the end of what ran"
        assert self.bench.recorded(attempt), "end() stopped what had only to finish"

    @case("faults.end.bounded", own_thread)
    def test_end_is_bounded(self) -> None:
        """`end` returns soon after `[scheduler] shutdown_grace_s`, whatever runs."""
        rig = self._busy_rig()
        rig.end(END_S)

    @case("faults.end.may-come-again")
    def test_end_and_terminate_may_come_again(self) -> None:
        """`end` and `terminate` may be called again, in any order, and return at once."""
        rig = self.rig().start()
        rig.run(self.bench.attempt())
        rig.end(END_S)
        for again in (rig.end, rig.terminate, rig.terminate, rig.end):
            again(TERMINATE_S)

    @case("faults.end.without-work-is-quick")
    def test_end_without_work_is_quick(self) -> None:
        """`end` returns at once where nothing runs."""
        rig = self.rig().start()
        rig.run(self.bench.attempt())
        rig.end(HEARTBEAT_S)

    @case("faults.terminate.bounded", own_thread)
    def test_terminate_is_bounded(self) -> None:
        """`terminate` does not wait for what runs, may come again, and starts nothing more."""
        rig = self._busy_rig()
        late = self.bench.attempt()
        rig.queue(late)
        rig.terminate(TERMINATE_S)
        rig.terminate(TERMINATE_S)
        rig.for_a_while()
        assert not self.bench.starts(late), "an attempt was started after terminate()"

    @case("faults.heartbeat.within-its-budget", own_thread)
    def test_heartbeat_keeps_its_budget(self) -> None:
        """A heartbeat never waits for an attempt: it returns within a second while all run."""
        rig = self._busy_rig()
        rig.queue(*(self.bench.attempt() for _ in range(3)))
        rig.for_a_while()
        took = rig.durations["heartbeat"]
        assert took <= HEARTBEAT_S, f"a heartbeat took {took:.1f} s while attempts ran"

    def _busy_rig(self) -> Rig:
        """Return an executor whose slots are all taken by attempts that wait."""
        single = self.subject.type.is_single_threaded
        rig = self.rig(parallelism=None if single else 2).start()
        attempts = [self.bench.attempt(waits=True) for _ in range(1 if single else 2)]
        rig.queue(*attempts)
        rig.until_started(*attempts)
        return rig

    @case("faults.kill.attempt-is-told-as-failed", local)
    def test_killed_attempt_is_told(self) -> None:
        """The end of an attempt whose process is killed is reported within seconds."""
        rig = self.rig().start()
        attempt = self.bench.attempt(waits=True)
        rig.queue(attempt)
        rig.until_started(attempt)
        kill(self.bench.starts(attempt)[0].pid)
        rig.until(lambda: rig.ends(attempt), "the end of a killed attempt", _SETTLE_S)
        event = rig.ends(attempt)[0]
        assert event.state != TaskInstanceState.SUCCESS or self.bench.recorded(attempt), (
            "a success was reported for an attempt whose process was killed"
        )
        assert not rig.has(attempt), "a killed attempt is still held"

    @case("faults.leaks.threads")
    def test_no_thread_is_left(self) -> None:
        """After `end`, no thread of the executor is left."""
        first, second = self._two_lives()
        left = second.threads - first.threads
        assert not left, f"a life of the executor left {sorted(thread.name for thread in left)}"

    @case("faults.leaks.processes")
    def test_no_process_is_left(self) -> None:
        """After `end`, no child process is left, a zombie neither."""
        first, second = self._two_lives()
        left = second.children - first.children
        words = [process.words for process in descendants() if process.pid in left]
        assert not left, f"a life of the executor left processes: {words}"

    @case("faults.leaks.descriptors")
    def test_no_descriptor_is_left(self) -> None:
        """After `end`, no file descriptor is left open: a second life adds none to the first's."""
        first, second = self._two_lives()
        left = second.descriptors - first.descriptors
        assert left <= 0, f"a life of the executor left {left} descriptors open"

    def _two_lives(self) -> tuple[Belongings, Belongings]:
        """Let two executors live and end; return what there was after each, settled."""
        before = belongings()
        self._live()
        first = _settled(before)
        baseline = Belongings(before.threads, before.children, first.descriptors)
        self._live()
        return baseline, _settled(baseline)

    def _live(self) -> None:
        rig = self.rig().start()
        rig.run(*(self.bench.attempt(exit_code=code) for code in (0, 1, 0)))
        rig.end(END_S)
        rig.stop()
        self.rigs.remove(rig)

    @case("faults.zombies.none-while-it-lives", own_thread)
    def test_no_zombie_is_kept(self) -> None:
        """What has ended is reaped while the executor lives on."""
        before = {process.pid for process in descendants()}
        rig = self.rig().start()
        attempts = [self.bench.attempt() for _ in range(3)]
        rig.run(*attempts)
        rig.for_a_while()
        new = [process for process in descendants() if process.pid not in before]
        zombies = [process.pid for process in new if process.state == "Z"]
        assert not zombies, f"{len(zombies)} ended processes were not waited for"

    @case("faults.restart.new-executor-beside-the-old", several_at_once)
    def test_new_executor_works_beside_what_an_old_one_left(self) -> None:
        """A new executor runs attempts beside what that of a dead scheduler left running."""
        old = self._busy_rig()
        running = list(old.attempts)
        new = self.rig().start()
        attempt = self.bench.attempt()
        new.run(attempt)
        assert self.bench.recorded(attempt), "the new executor's attempt did not run"
        for left in running:
            start = self.bench.starts(left)[0]
            assert not self.subject.type.is_local or is_alive(start.pid), (
                "starting a second executor killed what the first one ran"
            )


def _settled(before: Belongings) -> Belongings:
    """Take stock once there is nothing more than `before`, or that has been waited for."""
    end = time.monotonic() + _SETTLE_S / 2
    while True:
        now = belongings()
        done = now.threads <= before.threads and now.children <= before.children
        if (done and now.descriptors <= before.descriptors) or time.monotonic() > end:
            return now
        time.sleep(_POLL_S)
