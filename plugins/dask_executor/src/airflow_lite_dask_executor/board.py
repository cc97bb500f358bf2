"""The executor's attempts: those that wait to be handed over, and those on the cluster."""

from __future__ import annotations

import json
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from airflow_lite.executors import Pace, first_line
from airflow_lite_dask_executor.submission import Lane, Submission, lane_size, lanes_of
from airflow_lite_dask_executor.verdict import HANDED_BACK, NOT_CLAIMED, NotRunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.executors import TaskInstanceKey
    from airflow_lite_dask_executor.connection import Connection
    from airflow_lite_dask_executor.placement import Placement

#: So often an attempt is handed over again after the cluster released it.
MOST_RETURNS = 5
_RELEASED = "it was cancelled there, or the connection was lost"
_NOT_QUEUED = (
    "in the database that the worker sees, it is not queued under this attempt (any more)."
)


class Teller(Protocol):
    """The methods of an executor that record events of attempts, called from any thread."""

    def success(self, key: TaskInstanceKey, info: Any = None) -> None:
        """It has ended, whatever its outcome."""

    def fail(self, key: TaskInstanceKey, info: Any = None) -> None:
        """It was not run, for the reason in `info`, as far as Dask knows."""

    def running_state(self, key: TaskInstanceKey, info: Any = None) -> None:
        """It runs on the Dask worker in `info`."""


class Board:
    """Hands attempts over in lanes, records their ends, and hands over again those that came back.

    `wake()` is called, on a thread of Dask's, when `hand_over` has something to do; `now()` tells
    seconds.
    """

    def __init__(
        self, teller: Teller, *, wake: Callable[[], None], now: Callable[[], float]
    ) -> None:
        self._teller = teller
        self._wake = wake
        self._now = now
        self._submissions: dict[str, Submission] = {}
        self._unsent: dict[str, Submission] = {}
        self._lanes: set[Lane] = set()
        self._returned: deque[tuple[str, str]] = deque()
        self._pace = Pace()

    def add(self, key: TaskInstanceKey, command: list[str], placement: Placement) -> None:
        """Put an attempt among those that the next `hand_over` takes."""
        submission = Submission(key, command, placement, self._now())
        self._submissions[key.attempt] = self._unsent[key.attempt] = submission

    def remove(self, token: str) -> list[Any]:
        """Forget an attempt; return the futures that nobody waits for any more."""
        self._unsent.pop(token, None)
        submission = self._submissions.pop(token, None)
        lane = None if submission is None else submission.lane
        return [lane.future] if lane is not None and not self._live(lane) else []

    def clear(self) -> list[str]:
        """Forget all attempts; return their tokens."""
        tokens = list(self._submissions)
        self._submissions.clear()
        self._unsent.clear()
        self._lanes.clear()
        return tokens

    def room(self, threads: int) -> int:
        """Return how many attempts there may be for a cluster of so many threads."""
        oldest = next(iter(list(self._submissions.values())[:1]), None)
        return self._pace.room(threads, 0.0 if oldest is None else self._now() - oldest.since)

    def hand_over(self, connection: Connection) -> None:
        """Hand over new attempts, and again those that Dask released."""
        self._take_back_stranded(connection)
        self._take_returned()
        if self._unsent and connection.is_ready:
            alike: dict[Placement, list[Submission]] = {}
            for submission in self._unsent.values():
                alike.setdefault(submission.placement, []).append(submission)
            for placement, group in alike.items():
                self._submit(connection, placement, group)

    def _submit(
        self, connection: Connection, placement: Placement, group: list[Submission]
    ) -> None:
        workers = connection.cluster.restriction(placement.workers)
        if workers == []:  # all workers that could take them are set aside
            return
        lanes = lanes_of(group, self._lane_size(connection, placement, group), self._now())
        words = [
            json.dumps([self._unsent[token].command for token in lane.tokens]) for lane in lanes
        ]
        options = placement.options() | {"workers": workers}
        futures = connection.map(words, [lane.name for lane in lanes], options)
        for lane, future in zip(lanes, futures, strict=True):
            lane.future, lane.workers = future, workers
            self._lanes.add(lane)
            for token in lane.tokens:
                self._unsent.pop(token, None)
            future.add_done_callback(partial(self._note_done, connection, lane))

    def _lane_size(
        self, connection: Connection, placement: Placement, group: list[Submission]
    ) -> int:
        if placement.resources:  # each attempt is to have them, so each is a Dask task
            return 1
        threads = connection.cluster.threads
        return lane_size(self._pace.depth, len(group), threads, len(self._lanes))

    def _take_back_stranded(self, connection: Connection) -> None:
        """Take back the lanes that wait for workers that are gone or set aside."""
        fit = {worker.address for worker in connection.cluster.fit}
        for lane in list(self._lanes):
            if lane.workers is not None and fit.isdisjoint(lane.workers):
                self._lanes.discard(lane)
                self._release(lane)
                connection.stop([], [lane.future])

    def _take_returned(self) -> None:
        while self._returned:
            token, reason = self._returned.popleft()
            submission = self._submissions.get(token)
            if submission is None or submission.lane is not None:
                continue
            self._unsent[token] = submission
            if reason == HANDED_BACK:
                submission.is_alone = True
                self._pace.stumbled()
                continue
            submission.returns += 1
            if submission.returns > MOST_RETURNS:
                self._drop(submission, f"it came back from the Dask cluster too often: {reason}")

    def _note_done(self, connection: Connection, lane: Lane, future: Any) -> None:
        """Record that Dask is done with a lane."""
        self._lanes.discard(lane)
        if future.status == "finished":
            self._pace.ended(self._now() - lane.since)
            self._end_lane(lane, {})
        elif future.status == "error":
            self._failed(connection, lane, future.exception(timeout=5))
        elif self._live(lane):  # cancelled, or the connection is lost: whether any runs is unknown
            connection.suspect()
            self._release(lane)

    def _release(self, lane: Lane) -> None:
        self._end_lane(lane, dict.fromkeys(lane.tokens, _RELEASED))

    def _live(self, lane: Lane) -> list[Submission]:
        """Return the attempts that neither ended nor were handed over in another lane since."""
        submissions = (self._submissions.get(token) for token in lane.tokens)
        return [item for item in submissions if item is not None and item.lane is lane]

    def _failed(self, connection: Connection, lane: Lane, error: Any) -> None:
        if not isinstance(error, NotRunError):
            reason = f"Dask: {type(error).__name__}: {first_line(error)}"
            for submission in self._live(lane):
                self._drop(submission, reason)
            return
        if error.fault is not None:
            connection.set_aside(error.worker, error.fault)
        self._end_lane(lane, error.reasons, error.worker)

    def _end_lane(self, lane: Lane, reasons: dict[str, str], worker: str = "") -> None:
        for submission in self._live(lane):
            self._end_submission(submission, reasons.get(submission.token), worker)

    def _end_submission(self, submission: Submission, reason: str | None, worker: str) -> None:
        if reason is None:
            self._submissions.pop(submission.token, None)
            self._teller.success(submission.key)
        elif reason == NOT_CLAIMED:
            self._drop(submission, f"Dask worker {worker} did not claim it: {_NOT_QUEUED}")
        else:
            submission.lane = None
            self._returned.append((submission.token, reason))
            self._wake()

    def _drop(self, submission: Submission, reason: str) -> None:
        self._submissions.pop(submission.token, None)
        self._unsent.pop(submission.token, None)
        self._teller.fail(submission.key, reason)

    def hear(self, event: dict[str, Any]) -> None:
        """Record an event that a worker sent."""
        for token in event.get("running", ()):
            submission = self._submissions.get(token)
            if submission is not None:
                self._teller.running_state(submission.key, event["worker"])
        for token, reason in event.get("ended", {}).items():
            submission = self._submissions.get(token)
            if submission is not None and submission.lane is not None:
                self._end_submission(submission, reason, event["worker"])
