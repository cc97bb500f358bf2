"""Faults: the executor's engine loses a worker, or cannot be reached."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_lite.states import TaskInstanceState
from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.cases.ending import END_S, TERMINATE_S
from airflow_lite_testing.engine import Link, Stalling, Workers
from airflow_lite_testing.needs import link, own_thread, stalling, workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite_testing.bench import Attempt
    from airflow_lite_testing.rig import Rig


#: What one heartbeat may take while nothing is answered: `[scheduler] executor_budget_s`.
STALLED_BEAT_S = 10.0


class EngineCases(Cases):
    """Faults that an `Engine` makes."""

    @case("faults.worker.lost", workers, own_thread)
    def test_lost_worker_is_told(self) -> None:
        """A killed worker's attempt is reported as ended, never as a success; others run."""
        rig, attempt = self._one_in_flight()
        engine = self.subject.engine
        assert isinstance(engine, Workers)
        engine.kill_worker()
        rig.until_ended(attempt)
        state = rig.ends(attempt)[0].state
        assert state != TaskInstanceState.SUCCESS, "a success was reported for what its worker lost"
        assert not rig.has(attempt), "what its worker lost is still held"
        self._runs(rig)

    @case("faults.backend.cut-in-flight", link, own_thread)
    def test_what_runs_survives_a_cut(self) -> None:
        """While the engine cannot be reached, nothing is raised or reported; later the end is."""
        rig, attempt = self._one_in_flight()
        with self._cut():
            rig.for_a_while()
            assert not rig.ends(attempt), f"{rig.ends(attempt)} was reported during the cut"
            assert rig.has(attempt), "what runs was let go of during the cut"
        self.bench.release(attempt)
        rig.until_ended(attempt)
        self._runs(rig)

    @case("faults.backend.cut-at-start", link, own_thread)
    def test_start_without_the_engine_is_bounded(self) -> None:
        """Where the engine cannot be reached `start` returns or raises; later a start goes well."""
        with self._cut():
            rig = self.rig()
            try:
                rig.start()
            except AssertionError:
                raise  # it took too long
            except Exception as error:
                text = str(error)
            else:
                text = "it started"
                rig.for_a_while()
        assert text, "start raised an error without a word"
        self._runs(self.rig().start())

    @case("faults.backend.cut-at-submit", link, own_thread)
    def test_submit_without_the_engine_loses_nothing(self) -> None:
        """What cannot be handed over is kept or comes back as a failure; it is not lost."""
        rig = self.rig().start()
        self._runs(rig)
        attempt = self.bench.attempt()
        with self._cut():
            rig.queue(attempt)
            rig.for_a_while()
            assert rig.has(attempt) or rig.ends(attempt), "an attempt got lost without the engine"
            states = {event.state for event in rig.ends(attempt)}
            starts = self.bench.starts(attempt)
            assert TaskInstanceState.SUCCESS not in states, f"a success was reported of {starts}"
        rig.until_ended(attempt)
        self._runs(rig)

    @case("faults.backend.cut-at-end", link, own_thread)
    def test_end_without_the_engine_is_bounded(self) -> None:
        """`end` and `terminate` return in time though the engine cannot be reached."""
        rig, _ = self._one_in_flight()
        with self._cut():
            rig.end(END_S)
            rig.terminate(TERMINATE_S)

    @case("faults.backend.stalled-in-flight", stalling, own_thread)
    def test_a_stalled_engine_keeps_no_call_for_ever(self) -> None:
        """While the engine never answers, calls return in time and report no end; later it is."""
        rig, attempt = self._one_in_flight()
        with self._stalled():
            self._beats(rig)
            assert not rig.ends(attempt), f"{rig.ends(attempt)} was reported without an answer"
            assert rig.has(attempt), "what runs was let go of without an answer"
        self.bench.release(attempt)
        rig.until_ended(attempt)
        self._runs(rig)

    @case("faults.backend.stalled-at-submit", stalling, own_thread)
    def test_a_submit_that_nobody_answers_is_bounded_and_loses_nothing(self) -> None:
        """A hand-over that is never answered returns in time; the attempt is kept or has failed."""
        rig = self.rig().start()
        self._runs(rig)
        attempt = self.bench.attempt()
        with self._stalled():
            rig.queue(attempt)
            self._beats(rig)
            assert rig.has(attempt) or rig.ends(attempt), "an attempt got lost without an answer"
            states = {event.state for event in rig.ends(attempt)}
            assert TaskInstanceState.SUCCESS not in states, "a success was reported unanswered"
        rig.until_ended(attempt)
        self._runs(rig)

    @case("faults.backend.stalled-at-end", stalling, own_thread)
    def test_the_end_of_a_stalled_engine_is_bounded(self) -> None:
        """`end` and `terminate` return in time though the engine never answers."""
        rig, _ = self._one_in_flight()
        with self._stalled():
            rig.end(END_S)
            rig.terminate(TERMINATE_S)

    @staticmethod
    def _beats(rig: Rig) -> None:
        for _ in range(2):
            rig.beat(STALLED_BEAT_S)

    @contextmanager
    def _stalled(self) -> Iterator[None]:
        engine = self.subject.engine
        assert isinstance(engine, Stalling)
        engine.stall()
        try:
            yield
        finally:
            engine.restore()

    @contextmanager
    def _cut(self) -> Iterator[None]:
        engine = self.subject.engine
        assert isinstance(engine, Link)
        engine.cut()
        try:
            yield
        finally:
            engine.restore()

    def _one_in_flight(self) -> tuple[Rig, Attempt]:
        rig = self.rig().start()
        attempt = self.bench.attempt(waits=True)
        rig.queue(attempt)
        rig.until_started(attempt)
        return rig, attempt

    def _runs(self, rig: Rig) -> None:
        attempt = self.bench.attempt()
        rig.run(attempt)
        assert self.bench.recorded(attempt), "an attempt did not run after the fault was gone"
