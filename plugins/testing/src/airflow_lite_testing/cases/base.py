"""What the cases find on `self`; `ExecutorConformance` fills it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite_testing.case import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from airflow_lite_testing.bench import Bench
    from airflow_lite_testing.rig import Rig
    from airflow_lite_testing.subject import Subject


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

    def rig(self, *, parallelism: int | None = None) -> Rig:
        """Make an executor that the case can drive; not started."""
        raise NotImplementedError  # ExecutorConformance has it

    def started(self, parallelism: int | None = None) -> Rig:
        """Make and start an executor; it must take the parallelism, or the case does not apply."""
        rig = self.rig(parallelism=parallelism)
        if parallelism is not None and rig.executor.parallelism != parallelism:
            raise NotApplicable(f"its author fixed its parallelism at {rig.executor.parallelism}")
        return rig.start()
