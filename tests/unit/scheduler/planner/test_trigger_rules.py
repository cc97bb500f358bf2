"""Trigger rules against the table of Airflow 2.10.5's own decisions."""

from __future__ import annotations

import pytest

from airflow_lite.scheduler.planner.trigger_rules import RuleOutcome, Tally, decide
from airflow_lite.states import TaskInstanceState, TriggerRule
from fixtures.goldens import read_golden

GOLDEN = read_golden("trigger_rules")


def tally(works: dict[str, int], setups: dict[str, int] | None = None) -> Tally:
    made = Tally()
    for counts, is_setup in ((works, False), (setups or {}, True)):
        for state, number in counts.items():
            made.add(
                None if state == "none" else TaskInstanceState(state), number, is_setup=is_setup
            )
    return made


def outcome(verdict: RuleOutcome) -> str:
    return "run" if verdict.runs else str(verdict.state or "wait")


def check(row: dict, upstream: Tally, setups: Tally | None = None) -> None:
    expected = {rule: found for found, rules in row["outcome"].items() for rule in rules}
    expected |= {rule: expected[real] for rule, real in GOLDEN["same_as"].items()}
    assert {rule: outcome(decide(rule, upstream, setups)) for rule in expected} == expected, row
    assert set(expected) == {str(rule) for rule in TriggerRule}


def test_rules_decide_as_airflow_on_every_mix_of_upstream_states() -> None:
    for row in GOLDEN["plain"]:
        check(row, tally(row["upstream"]))


def test_rules_decide_as_airflow_with_setups_directly_upstream() -> None:
    for row in GOLDEN["setup"]:
        check(row, tally(row["works"], row["setups"]))


def test_rules_decide_as_airflow_with_a_setup_further_up() -> None:
    for row in GOLDEN["indirect_setup"]:
        check(row, tally({row["work"]: 1}), tally({}, {row["setup"]: 1}))


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_a_task_with_nothing_upstream_runs(rule) -> None:
    assert decide(rule, Tally()).runs


def test_every_state_that_is_set_comes_with_its_reason() -> None:
    for row in GOLDEN["plain"]:
        for rule in TriggerRule:
            verdict = decide(rule, tally(row["upstream"]))
            assert verdict.runs or verdict.reason


@pytest.mark.parametrize(
    ("counts", "map_index", "expected"),
    [
        ({"success": 2, "removed": 1}, 1, "run"),
        ({"success": 2, "removed": 1}, 2, "removed"),
        ({"success": 2, "removed": 1}, -1, "wait"),
    ],
)
def test_a_mapped_instance_goes_with_its_removed_upstream(counts, map_index, expected) -> None:
    assert outcome(decide("all_success", tally(counts), None, map_index)) == expected
