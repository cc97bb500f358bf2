"""What the cases find on `self`; `ExecutorConformance` fills it in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_lite_testing.case import NotApplicable
from airflow_lite_testing.experience import deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from airflow_lite_testing.bench import Bench
    from airflow_lite_testing.experience import Experience
    from airflow_lite_testing.rig import Rig
    from airflow_lite_testing.subject import Subject


#: A case may wait twice for what must come, and take so many seconds more.
EXTRA_S = 30.0


class Cases:
    """The subject and the bench of a case, and what makes its rigs."""

    subject: Subject
    bench: Bench
    note: Callable[[str, object], None]
    monkeypatch: pytest.MonkeyPatch
    rigs: list[Rig]
    #: What the engine said of how it is found; a new start of it changes this for later cases.
    extra: dict[str, str]
    deadline_s: float
    experience: Experience

    def rig(self, *, parallelism: int | None = None) -> Rig:
        """Make an executor that the case can drive; not started."""
        raise NotImplementedError  # ExecutorConformance has it

    @contextmanager
    def time_for_a_case(self) -> Iterator[None]:
        """End a case that takes too long, and begin none when the time for all is over."""
        self.experience.need_time()
        longest_s = 2 * self.deadline_s + EXTRA_S
        with deadline(min(longest_s, self.experience.left_s)):
            yield

    def started(self, parallelism: int | None = None) -> Rig:
        """Make and start an executor; it must take the parallelism, or the case does not apply."""
        rig = self.rig(parallelism=parallelism)
        if parallelism is not None and rig.executor.parallelism != parallelism:
            raise NotApplicable(f"its author fixed its parallelism at {rig.executor.parallelism}")
        return rig.start()
