"""What a trigger rule decides, given how many upstream tasks are in which state. Pure.

The table of Airflow 2.10.5's decisions is the test: `tests/golden/trigger_rules.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.states import TaskInstanceState, TriggerRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED
SKIPPED = TaskInstanceState.SKIPPED
REMOVED = TaskInstanceState.REMOVED


class RuleOutcome(NamedTuple):
    """`runs`: the rule is met; else `state` is what to set without running; neither: wait."""

    runs: bool
    state: TaskInstanceState | None = None
    reason: str = ""


def ends(state: TaskInstanceState, reason: str) -> RuleOutcome:
    """Return the verdict that sets `state` without running."""
    return RuleOutcome(runs=False, state=state, reason=reason)


RUN = RuleOutcome(runs=True)
WAIT = RuleOutcome(runs=False, reason="the trigger rule is not met yet")

_FIELDS: dict[TaskInstanceState | None, str] = {
    TaskInstanceState.SUCCESS: "success",
    TaskInstanceState.FAILED: "failed",
    TaskInstanceState.SKIPPED: "skipped",
    TaskInstanceState.UPSTREAM_FAILED: "upstream_failed",
    TaskInstanceState.REMOVED: "removed",
}


def field_of(state: TaskInstanceState | None) -> str:
    """Return the field of `Tally` that `state` is counted in."""
    return _FIELDS.get(state, "unfinished")


@dataclass(slots=True)
class Tally:
    """How many upstream instances ended in which way; of those, the set-ups once more."""

    success: int = 0
    failed: int = 0
    skipped: int = 0
    upstream_failed: int = 0
    removed: int = 0
    unfinished: int = 0
    setups: int = 0
    setups_success: int = 0
    setups_skipped: int = 0

    @property
    def failures(self) -> int:
        """Return how many failed, themselves or by their upstream."""
        return self.failed + self.upstream_failed

    @property
    def done(self) -> int:
        """Return how many have ended, in whichever way."""
        return self.success + self.failures + self.skipped + self.removed

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.done + self.unfinished

    @property
    def kinds(self) -> tuple[bool, ...]:
        """Return which kinds there are at all: but for removed ones, no rule asks how many."""
        return (
            self.success > 0,
            self.failed > 0,
            self.skipped > 0,
            self.upstream_failed > 0,
            self.removed > 0,
            self.unfinished > 0,
            self.setups_success > 0,
            self.setups_skipped >= self.setups,
        )

    def add(self, state: TaskInstanceState | None, by: int, *, is_setup: bool = False) -> None:
        """Count `by` more (or fewer) instances in `state`."""
        name = field_of(state)
        setattr(self, name, getattr(self, name) + by)
        if is_setup:
            self.setups += by
            self.setups_success += by if name == "success" else 0
            self.setups_skipped += by if name == "skipped" else 0


def decide(
    rule: str, upstream: Tally, setups: Tally | None = None, map_index: int = -1
) -> RuleOutcome:
    """Return what becomes of a task instance with trigger rule `rule`.

    `upstream` counts the direct upstream instances, `setups` the set-ups further up in whose
    scope the task is: whatever the rule, it waits for these and ends as they do.
    """
    if rule in (TriggerRule.ALWAYS, TriggerRule.DUMMY) or not upstream.total:
        return RUN
    if setups is None or not setups.total:
        return _RULES[rule](upstream, map_index)
    blocked = _by_setups(setups, map_index)
    if blocked.runs or blocked.state is not None:
        return blocked if blocked.state is not None else _RULES[rule](upstream, map_index)
    verdict = _RULES[rule](upstream, map_index)
    return verdict if verdict.state is not None else WAIT


def _by_setups(setups: Tally, map_index: int) -> RuleOutcome:
    if setups.failures:
        return ends(UPSTREAM_FAILED, "a set-up failed")
    if setups.skipped:
        return ends(SKIPPED, "a set-up was skipped")
    return _without_removed(setups, setups.total - setups.success, map_index)


def _met(*, met: bool) -> RuleOutcome:
    return RUN if met else WAIT


def _failed(upstream: Tally, rule: str) -> RuleOutcome:
    reason = f"{rule}: {upstream.failures} of {upstream.total} upstream failed"
    return ends(UPSTREAM_FAILED, reason)


def _skip(reason: str) -> RuleOutcome:
    return ends(SKIPPED, reason)


def _without_removed(upstream: Tally, missing: int, map_index: int) -> RuleOutcome:
    """Run if nothing is missing; a mapped instance whose own upstream was removed goes with it."""
    if map_index < 0:
        return _met(met=missing <= 0)
    if upstream.removed and 0 < upstream.success <= map_index:
        return ends(REMOVED, "its mapped upstream was removed")
    return _met(met=missing - upstream.removed <= 0)


def _all_success(upstream: Tally, map_index: int) -> RuleOutcome:
    if upstream.failures:
        return _failed(upstream, "all_success")
    if upstream.skipped:
        return _skip("all_success: an upstream task was skipped")
    return _without_removed(upstream, upstream.total - upstream.success, map_index)


def _all_failed(upstream: Tally, map_index: int) -> RuleOutcome:
    if upstream.success or upstream.skipped:
        return _skip("all_failed: an upstream task did not fail")
    missing = upstream.total - upstream.failures
    return _met(met=missing - (upstream.removed if map_index >= 0 else 0) <= 0)


def _all_done(upstream: Tally, _: int) -> RuleOutcome:
    return _met(met=not upstream.unfinished)


def _all_done_setup_success(upstream: Tally, _: int) -> RuleOutcome:
    if upstream.unfinished:
        return WAIT
    if upstream.setups and upstream.setups_skipped >= upstream.setups:
        return _skip("all_done_setup_success: every set-up was skipped")
    if upstream.setups and not upstream.setups_success:
        reason = "all_done_setup_success: no set-up succeeded"
        return ends(UPSTREAM_FAILED, reason)
    return RUN


def _one_success(upstream: Tally, _: int) -> RuleOutcome:
    if upstream.success:
        return RUN
    if upstream.unfinished:
        return WAIT
    if upstream.skipped == upstream.total:
        return _skip("one_success: every upstream task was skipped")
    reason = "one_success: no upstream task succeeded"
    return ends(UPSTREAM_FAILED, reason)


def _one_failed(upstream: Tally, _: int) -> RuleOutcome:
    if upstream.failures:
        return RUN
    return WAIT if upstream.unfinished else _skip("one_failed: no upstream task failed")


def _one_done(upstream: Tally, _: int) -> RuleOutcome:
    if upstream.success or upstream.failed:
        return RUN
    return WAIT if upstream.unfinished else _skip("one_done: no upstream task ran to an end")


def _none_failed(upstream: Tally, map_index: int) -> RuleOutcome:
    if upstream.failures:
        return _failed(upstream, "none_failed")
    missing = upstream.total - upstream.success - upstream.skipped
    return _met(met=missing - (upstream.removed if map_index >= 0 else 0) <= 0)


def _none_failed_min_one_success(upstream: Tally, map_index: int) -> RuleOutcome:
    if upstream.failures:
        return _failed(upstream, "none_failed_min_one_success")
    if upstream.skipped == upstream.total:
        return _skip("none_failed_min_one_success: every upstream task was skipped")
    return _none_failed(upstream, map_index)


def _none_skipped(upstream: Tally, _: int) -> RuleOutcome:
    if upstream.skipped:
        return _skip("none_skipped: an upstream task was skipped")
    return _met(met=not upstream.unfinished)


def _all_skipped(upstream: Tally, _: int) -> RuleOutcome:
    if upstream.success or upstream.failures:
        return _skip("all_skipped: an upstream task was not skipped")
    return _met(met=upstream.skipped == upstream.total)


_RULES: Mapping[str, Callable[[Tally, int], RuleOutcome]] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done_setup_success,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_OR_SKIPPED: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.ALL_SKIPPED: _all_skipped,
}
