"""Moments as tasks see them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pendulum
import pytest

from airflow_lite.clock import to_us
from airflow_lite.errors import AirflowException
from airflow_lite.worker.task.datetimes import TaskDateTime, moment

WHEN = datetime(2024, 3, 1, 6, 30, 0, 5, tzinfo=UTC)
WHEN_US = to_us(WHEN)


@pytest.fixture
def without_pendulum(monkeypatch):
    monkeypatch.delitem(sys.modules, "pendulum")


def test_a_task_that_uses_pendulum_gets_its_moments():
    found = moment(WHEN_US)
    assert isinstance(found, pendulum.DateTime)
    assert found == WHEN
    assert (pendulum.datetime(2024, 3, 5) - found).in_hours() == 89


def test_a_task_that_does_not_use_pendulum_gets_plain_moments(without_pendulum):
    found = moment(WHEN_US)
    assert type(found) is TaskDateTime
    assert found == WHEN
    assert str(found + timedelta(days=1)) == "2024-03-02 06:30:00.000005+00:00"
    assert "pendulum" not in sys.modules


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        (lambda found: found.subtract(days=1).to_date_string(), "2024-02-29"),
        (lambda found: str(found.in_timezone("Europe/Berlin")), "2024-03-01 07:30:00.000005+01:00"),
        (lambda found: found.format("YYYY/MM/DD"), "2024/03/01"),
        (lambda found: found.int_timestamp, 1709274600),
        (lambda found: (found + timedelta(days=1)).start_of("month").day, 1),
        (lambda found: found.replace(day=3).add(hours=18).day, 4),
    ],
)
def test_plain_moments_have_all_that_those_of_pendulum_have(without_pendulum, read, wanted):
    assert read(moment(WHEN_US)) == wanted


def test_every_name_of_pendulums_moments_is_there(without_pendulum):
    extra = {
        name
        for name in dir(pendulum.DateTime)
        if not name.startswith("_") and not hasattr(TaskDateTime, name)
    }
    found = moment(WHEN_US)
    not_of_one_moment = {"EPOCH", "create", "instance", "for_json"}
    assert {name for name in extra if not hasattr(found, name)} == not_of_one_moment


def test_where_pendulum_is_missing_its_names_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pendulum", None)
    found = TaskDateTime(2024, 3, 1, tzinfo=UTC)
    with pytest.raises(AirflowException) as raised:
        found.add(days=1)
    assert str(raised.value) == (
        "A date's 'add' is pendulum's, which is not installed where this task runs."
        " Install pendulum there."
    )
    assert not hasattr(found, "nothing")


def test_where_pendulum_is_missing_a_date_has_not_its_values(monkeypatch):
    monkeypatch.setitem(sys.modules, "pendulum", None)
    found = TaskDateTime(2024, 3, 1, tzinfo=UTC)
    assert getattr(found, "tz", None) is None
    with pytest.raises(AttributeError, match=r"A date's 'tz' is pendulum's, .* Install pendulum"):
        _ = found.tz


def test_moments_before_1970_are_right(without_pendulum):
    assert moment(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
