"""A case of the conformance kit: a rule with a stable id, and when it does not apply."""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_testing.subject import Subject

    Need = Callable[[Subject], str | None]

#: The names under which a case's id and a reason not to apply stand in pytest's report.
CASE_PROPERTY = "airflow_lite_case"
NOT_APPLICABLE_PROPERTY = "airflow_lite_not_applicable"
NOT_JUDGED_PROPERTY = "airflow_lite_not_judged"


class Level(StrEnum):
    """How deep a case looks."""

    BASIC = "basic"
    OPTIONAL = "optional"
    FAULTS = "faults"
    END_TO_END = "end-to-end"


class Case(NamedTuple):
    """The id of a case, such as `basic.slots.parallelism-respected`, and the rule in words."""

    id: str
    rule: str

    @property
    def level(self) -> Level:
        """The first word of the id."""
        return Level(self.id.partition(".")[0])


class NotApplicable(Exception):
    """The case does not apply to this executor; the message says why."""


class NotJudged(AssertionError):
    """The case was not tried, since what it needs is broken already; the message says what."""

    def __str__(self) -> str:
        return f"not judged, because {super().__str__()}"


def case(case_id: str, *needs: Need) -> Callable[[Any], Any]:
    """Make a test method a case.

    A need looks at the subject and returns why the case does not apply, or None. A case that does
    not apply passes under pytest, with the reason among its properties: nothing is skipped. One
    that cannot be judged fails.
    """

    def decorate(method: Any) -> Any:
        @functools.wraps(method)
        def checked(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                for need in needs:
                    _require(need(self.subject))
                with self.time_for_a_case():
                    method(self, *args, **kwargs)
            except NotApplicable as reason:
                self.note(NOT_APPLICABLE_PROPERTY, str(reason))
            except NotJudged as reason:
                self.note(NOT_JUDGED_PROPERTY, str(reason).removeprefix("not judged, "))
                raise

        described = Case(case_id, " ".join((method.__doc__ or "").split()))
        assert described.level, "raises for an id that is of no level"
        checked.case = described  # type: ignore[attr-defined]
        return checked

    return decorate


def _require(reason: str | None) -> None:
    if reason is not None:
        raise NotApplicable(reason)


def cases_of(suite: type) -> dict[str, str]:
    """Return the id of every case of a suite, and the name of its method, in order of the ids."""
    methods = ((name, getattr(suite, name)) for name in dir(suite) if name.startswith("test_"))
    names = {method.case.id: name for name, method in methods if hasattr(method, "case")}
    return dict(sorted(names.items()))
