"""The number of attempts to have on the cluster, and of those in one Dask task."""

from __future__ import annotations

#: While no attempt is on the cluster for longer, in seconds, others may wait there behind it.
BRISK_S = 3.0
#: A lane that is over so soon after it was handed over, in seconds, could have been larger.
SOON_S = 1.0
#: A lane that took longer than this, in seconds, waited too long.
LATE_S = 2.0
#: Most attempts in one Dask task.
MOST_IN_LANE = 16


class Pace:
    """Learns from how long lanes take how many attempts a thread may have before it.

    So many that they are over within a second or two, and no more than `MOST_IN_LANE`.
    """

    def __init__(self) -> None:
        self.depth = 1

    def ended(self, age_s: float) -> None:
        """Record that a lane has ended so long after it was handed over."""
        if age_s < SOON_S:
            self.depth = min(self.depth + 1, MOST_IN_LANE)
        elif age_s > LATE_S:
            self.depth = max(self.depth - 1, 1)

    def stumbled(self) -> None:
        """Record that attempts came back, since one before them takes long."""
        self.depth = 1

    def room(self, threads: int, oldest_s: float) -> int:
        """Return how many attempts may be on a cluster whose oldest is there for `oldest_s`."""
        if oldest_s >= BRISK_S:
            return threads
        return threads * (self.depth + (self.depth + 1) // 2)  # half of the threads' next ones

    def lane_size(self, waiting: int, threads: int, lanes: int) -> int:
        """Return how many of the `waiting` go into one Dask task, beside the `lanes` there are.

        Threads that are free get an even share each.
        """
        free = max(threads - lanes, 1)
        return min(self.depth, -(-waiting // free))
