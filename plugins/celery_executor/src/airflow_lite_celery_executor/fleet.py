"""The workers as they tell of themselves: how much they take, and why tasks wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_lite_celery_executor.messages import Beat, Hint

#: A worker that has told nothing for so long, in seconds, counts no more.
SILENT_S = 15.0


class _Heard(NamedTuple):
    beat: Beat
    moment: float
    earlier: str | None = None  # the process that told under this name before this one


class Fleet:
    """What is known of workers. One thread notes, another asks; moments are of one clock."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def note(self, hint: Hint, now: float) -> bool:
        """Note what a worker told of itself; return whether there are two of that name.

        So it is where a process tells again after another one did: that is no successor.
        """
        if hint.beat is None:
            return False
        beat, before = hint.beat, self._heard.get(hint.worker)
        if before is None:
            earlier = None
        else:
            is_same = beat.process == before.beat.process
            earlier = before.earlier if is_same else before.beat.process
        self._heard[hint.worker] = _Heard(beat, now, earlier)
        return before is not None and beat.process == before.earlier and beat.slots > 0

    def slots(self, now: float) -> int:
        """Return how many attempts the workers run at once, of those that can run any."""
        return sum(beat.slots for beat in self._beats(now).values() if beat.fault is None)

    def queues(self, now: float) -> set[str]:
        """Return the queues that are served by a worker which can run attempts."""
        beats = self._beats(now).values()
        return {queue for beat in beats if beat.fault is None for queue in beat.queues}

    def why_waiting(self, queue: str, now: float) -> str:
        """Return why no worker may have taken what waits in a queue for long."""
        beats = {name: beat for name, beat in self._beats(now).items() if queue in beat.queues}
        if not beats:
            return (
                "no worker takes tasks from it. Start one with `airflow-lite celery worker"
                f" --queues {queue}`"
            )
        fit = {name: beat for name, beat in beats.items() if beat.fault is None}
        if not fit:
            name, beat = next(iter(beats.items()))
            return f"worker {name} takes no tasks: {beat.fault}"
        free = [name for name, beat in fit.items() if beat.slots > len(beat.present)]
        if not free:
            return f"all slots of its workers are taken: {', '.join(fit)}"
        return (
            f"worker {free[0]} has free slots and takes nothing. It connects to the broker anew by"
            " itself; should that not help, restart it"
        )

    def _beats(self, now: float) -> dict[str, Beat]:
        heard = sorted(self._heard.copy().items())
        return {
            name: one.beat
            for name, one in heard
            if now - one.moment < SILENT_S and one.beat.slots > 0
        }
