"""How long a task host has been unable to use its database, and when it tries again."""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds until the first further try; each one after it waits twice as long, up to the longest.
SHORTEST_S, LONGEST_S = 0.5, 5.0
#: So long, in seconds, outcomes that cannot be written are kept by a host that nobody else needs:
#: the file may have been deleted or spoilt for good.
GIVE_UP_S = 3600.0


@dataclass
class Trouble:
    """An outage of the database; moments are of a monotonic clock, in seconds."""

    since: float | None = None
    retry_s: float = SHORTEST_S

    def note(self, now: float) -> float:
        """Note a try that failed; return the seconds until the next."""
        self.since = now if self.since is None else self.since
        delay_s, self.retry_s = self.retry_s, min(self.retry_s * 2, LONGEST_S)
        return delay_s

    def end(self) -> None:
        """Note that the database can be used again."""
        self.since, self.retry_s = None, SHORTEST_S

    def is_hopeless(self, now: float) -> bool:
        """Tell whether it has lasted for so long that waiting on is of no use."""
        return self.since is not None and now - self.since >= GIVE_UP_S
