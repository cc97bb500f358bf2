"""Basic: the order of the queue, and how many attempts run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.experience import START
from airflow_lite_testing.needs import own_thread, several_at_once

if TYPE_CHECKING:
    from airflow_lite_testing.bench import Attempt
    from airflow_lite_testing.rig import Rig

#: So many attempts an executor that takes several must have in flight together.
IN_FLIGHT = 8


class SlotCases(Cases):
    """Ordering and slots."""

    @case("basic.order.priority-first")
    def test_higher_priority_starts_first(self) -> None:
        """Where one slot is free, the queued attempt of the highest priority gets it."""
        rig = self._one_slot()
        low, high, middle = (self.bench.attempt() for _ in range(3))
        for attempt, priority in ((low, 1), (high, 10), (middle, 5)):
            rig.queue(attempt, priority=priority)
        rig.until_ended(low, high, middle)
        assert self._in_order([low, high, middle]) == [high, middle, low], (
            "priorities 1, 10 and 5 did not start in the order 10, 5, 1"
        )

    @case("basic.order.first-come-first-served")
    def test_equal_priority_is_first_come_first_served(self) -> None:
        """Within one priority, what was queued first starts first."""
        rig = self._one_slot()
        attempts = [self.bench.attempt() for _ in range(4)]
        rig.run(*attempts)
        assert self._in_order(attempts) == attempts, "attempts of one priority changed places"

    def _one_slot(self) -> Rig:
        kind = self.subject.type
        return self.started(None if kind.is_single_threaded or kind.runs_in_process else 1)

    def _in_order(self, attempts: list[Attempt]) -> list[Attempt]:
        return sorted(attempts, key=lambda attempt: self.bench.starts(attempt)[0].at)

    @case("basic.slots.parallelism-respected", several_at_once)
    def test_parallelism_is_respected(self) -> None:
        """Never more than `parallelism` attempts run at once, and the rest follow."""
        rig = self.started(2)
        attempts = [self.bench.attempt(waits=True) for _ in range(4)]
        rig.queue(*attempts)
        rig.until(lambda: len(self._running(attempts)) >= 2, "two attempts to start", kind=START)
        rig.for_a_while()
        assert len(self._running(attempts)) == 2, (
            f"{len(self._running(attempts))} attempts started where 2 may run"
        )
        self.bench.release(*attempts)
        rig.until_ended(*attempts)
        assert self.bench.most_at_once(attempts) <= 2, "more than 2 attempts ran at once"

    def _running(self, attempts: list[Attempt]) -> list[Attempt]:
        return [attempt for attempt in attempts if self.bench.starts(attempt)]

    @case("basic.slots.eight-in-flight", several_at_once)
    def test_eight_attempts_are_in_flight(self) -> None:
        """At least eight attempts run at the same time where parallelism allows them."""
        self._all_at_once(self.started(IN_FLIGHT), IN_FLIGHT)

    @case("basic.slots.zero-is-no-limit", several_at_once)
    def test_parallelism_zero_is_no_limit(self) -> None:
        """With `parallelism = 0` everything that is queued is started."""
        self._all_at_once(self.started(0), IN_FLIGHT + 1)

    def _all_at_once(self, rig: Rig, count: int) -> None:
        attempts = [self.bench.attempt(waits=True) for _ in range(count)]
        rig.queue(*attempts)
        rig.until_started(*attempts)
        self.bench.release(*attempts)
        rig.until_ended(*attempts)

    @case("basic.slots.counted", own_thread)
    def test_slots_are_counted(self) -> None:
        """`slots_available` is what is left of parallelism: less what is queued and what runs."""
        rig = self.rig().start()
        most = rig.executor.parallelism
        if not most:
            rig.executor.parallelism = most = 32
        assert rig.slots == most, f"{rig.slots} slots of {most} are free before anything is queued"
        first, second = (self.bench.attempt(waits=True) for _ in range(2))
        rig.queue(first, second)
        assert rig.slots == most - 2, f"{rig.slots} slots of {most} are free with two queued"
        rig.until_started(first)
        assert rig.slots == most - 2, f"{rig.slots} slots of {most} are free with two taken"
        self.bench.release(first, second)
        rig.until_ended(first, second)
        assert rig.slots == most, f"{rig.slots} slots of {most} are free after all has ended"
