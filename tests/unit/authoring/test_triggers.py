"""What deferred tasks wait for: the triggers of the core, made again from what they serialise to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_lite.authoring.triggers.base import (
    BaseTrigger,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)
from airflow_lite.authoring.triggers.file import FileTrigger
from airflow_lite.authoring.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
from airflow_lite.clock import utc_now
from airflow_lite.imports import import_string

PAST = datetime(2024, 1, 1, tzinfo=UTC)


def event_of(trigger):
    """Run a trigger to its first event."""

    return asyncio.run(anext(trigger.run()))


def again(trigger):
    """Make the trigger from what it serialises to, as where it is run."""
    path, arguments = trigger.serialize()
    return import_string(path)(**arguments)


def test_a_moment_is_told_in_utc():
    east = timezone(timedelta(hours=2))
    trigger = again(DateTimeTrigger(datetime(2024, 1, 1, 2, tzinfo=east)))
    assert event_of(trigger) == TriggerEvent(PAST)
    assert trigger.moment.tzinfo is UTC


def test_a_moment_is_not_told_before_it_has_come():
    moment = utc_now() + timedelta(milliseconds=20)
    assert event_of(DateTimeTrigger(moment)) == TriggerEvent(moment)
    assert utc_now() >= moment


def test_a_moment_may_end_the_task():
    event = event_of(again(DateTimeTrigger(PAST, end_from_trigger=True)))
    assert isinstance(event, TaskSuccessEvent)


@pytest.mark.parametrize(
    ("moment", "error", "message"),
    [
        ("2024-01-01", TypeError, "Expected datetime.datetime type for moment. Got <class 'str'>"),
        (datetime(2024, 1, 1), ValueError, "You cannot pass naive datetimes"),
    ],
)
def test_what_is_no_moment_is_refused_in_airflows_words(moment, error, message):
    with pytest.raises(error) as raised:
        DateTimeTrigger(moment)
    assert str(raised.value) == message


def test_a_span_becomes_a_moment_when_it_is_made():
    before = utc_now()
    path, arguments = TimeDeltaTrigger(timedelta(hours=1)).serialize()
    assert path.endswith(".DateTimeTrigger")
    assert before + timedelta(hours=1) <= arguments["moment"] <= utc_now() + timedelta(hours=1)


def test_a_file_is_told_once_it_is_there(tmp_path):
    trigger = again(FileTrigger(f"{tmp_path}/*.csv", poke_interval=0.001))

    async def appear():
        waiting = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        (tmp_path / "a.csv").touch()
        return await waiting

    assert asyncio.run(appear()) == TriggerEvent(payload=True)


def test_an_interval_goes_by_its_older_name_too():
    assert FileTrigger("f", poll_interval=3.0).poke_interval == 3.0


@pytest.mark.parametrize(
    ("kind", "state"),
    [(TaskSuccessEvent, "success"), (TaskFailedEvent, "failed"), (TaskSkippedEvent, "skipped")],
)
def test_an_event_that_ends_the_task_has_its_state_as_payload(kind, state):
    event = kind(xcoms={"a": 1})
    assert (event.payload, event.task_instance_state, event.xcoms) == (state, state, {"a": 1})


def test_a_trigger_shows_what_it_is_made_of():
    trigger = FileTrigger("f")
    path = "airflow_lite.authoring.triggers.file.FileTrigger"
    assert repr(trigger) == f"<{path} filepath=f recursive=False poke_interval=5.0>"


def test_a_trigger_needs_both_of_its_methods():
    class Half(BaseTrigger):
        def serialize(self):
            return "x.Half", {}

    with pytest.raises(TypeError, match="run"):
        Half()  # type: ignore[abstract]
