from __future__ import annotations

import re
from contextlib import nullcontext

import pytest

from airflow_lite_testing.case import (
    NOT_APPLICABLE_PROPERTY,
    NOT_JUDGED_PROPERTY,
    Level,
    NotApplicable,
    NotJudged,
    case,
    cases_of,
)
from airflow_lite_testing.conformance import ExecutorConformance


class Suite:
    subject = "anything"

    def __init__(self):
        self.noted = {}

    def note(self, name, value):
        self.noted[name] = value

    def time_for_a_case(self):
        return nullcontext()

    @case("basic.one.applies")
    def test_applies(self):
        """It must
        hold.
        """
        self.noted["ran"] = True

    @case("faults.two.needs-what-is-not-there", lambda _: "it has no tail")
    def test_needs(self):
        raise AssertionError("a case that does not apply ran")

    @case("optional.three.finds-out-late")
    def test_finds_out(self):
        raise NotApplicable("it says nothing")

    @case("faults.five.cannot-tell")
    def test_cannot_tell(self):
        raise NotJudged("nothing ever started")

    @case("basic.four.fails")
    def test_fails(self):
        raise AssertionError("it does not hold")


def test_a_case_that_applies_runs_and_notes_nothing():
    suite = Suite()
    suite.test_applies()
    assert suite.noted == {"ran": True}


@pytest.mark.parametrize(
    ("method", "reason"),
    [("test_needs", "it has no tail"), ("test_finds_out", "it says nothing")],
)
def test_a_case_that_does_not_apply_passes_with_its_reason(method, reason):
    suite = Suite()
    getattr(suite, method)()
    assert suite.noted == {NOT_APPLICABLE_PROPERTY: reason}


def test_a_rule_that_does_not_hold_fails():
    suite = Suite()
    with pytest.raises(AssertionError, match="it does not hold"):
        suite.test_fails()
    assert suite.noted == {}


def test_a_rule_that_cannot_be_judged_fails_with_the_reason():
    suite = Suite()
    with pytest.raises(AssertionError, match="^not judged, because nothing ever started$"):
        suite.test_cannot_tell()
    assert suite.noted == {NOT_JUDGED_PROPERTY: "because nothing ever started"}


def test_cases_are_listed_by_id_with_their_rules():
    assert list(cases_of(Suite)) == sorted(cases_of(Suite))
    assert cases_of(Suite)["basic.one.applies"] == "test_applies"
    assert Suite.test_applies.case.rule == "It must hold."
    assert Suite.test_applies.case.level is Level.BASIC


def test_an_id_of_no_level_is_refused():
    with pytest.raises(ValueError, match="is not a valid Level"):
        case("advanced.one.two")(lambda self: None)


def test_every_test_of_the_kit_is_a_case_with_an_id_of_three_words_and_a_rule():
    methods = [name for name in dir(ExecutorConformance) if name.startswith("test_")]
    cases = cases_of(ExecutorConformance)
    assert sorted(cases.values()) == sorted(methods)
    for case_id, name in cases.items():
        assert re.fullmatch(r"[a-z-]+\.[a-z-]+\.[a-z0-9-]+", case_id)
        rule = getattr(ExecutorConformance, name).case.rule
        assert rule.endswith("."), (case_id, rule)


def test_every_level_has_cases():
    assert {case_id.partition(".")[0] for case_id in cases_of(ExecutorConformance)} == set(Level)
