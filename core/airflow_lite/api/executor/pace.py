"""How many attempts an executor hands over, beyond those that its workers can run at once."""

from __future__ import annotations

#: While no attempt is there for longer, in seconds, others may wait there behind it.
BRISK_S = 3.0
#: What is over so soon after it was handed over, in seconds, could have been more.
SOON_S = 1.0
#: What took longer than this, in seconds, was too much.
LATE_S = 2.0
#: The greatest depth.
MOST_DEPTH = 16


class Pace:
    """Learns how many attempts a slot may have before it, from how soon attempts are over.

    So many that they are over within a second or two: then no slot waits for the next attempt
    while the scheduler looks for it, and hardly any attempt is queued behind one that takes long.
    """

    def __init__(self) -> None:
        self.depth = 1

    def ended(self, age_s: float) -> None:
        """Record that an attempt, or what holds some, has ended so long after its hand-over."""
        if age_s < SOON_S:
            self.depth = min(self.depth + 1, MOST_DEPTH)
        elif age_s > LATE_S:
            self.depth = max(self.depth - 1, 1)

    def stumbled(self) -> None:
        """Record that attempts came back, since one before them takes long."""
        self.depth = 1

    def room(self, slots: int, oldest_s: float) -> int:
        """Return how many attempts may be with workers of so many slots in all.

        `oldest_s` is for how long the oldest of them is there.
        """
        if oldest_s >= BRISK_S:
            return slots
        return slots * (self.depth + (self.depth + 1) // 2)  # half of the slots' next ones
