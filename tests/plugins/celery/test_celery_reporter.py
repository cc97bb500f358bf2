"""What workers tell schedulers of attempts: at once, or gathered where nobody waits for it."""

from __future__ import annotations

import threading

import kombu
import pytest

from airflow_lite_celery_executor.worker.reporter import Reporter


class Bell(threading.Event):
    """A bell that rings all the time."""

    def wait(self, timeout=None):
        assert timeout is not None
        return True


class Moment(threading.Event):
    """The closing of a reporter, in whose first wait another attempt ends; then it closes."""

    reporter: Reporter

    def wait(self, timeout=None):
        assert timeout is not None
        self.reporter.ended("b")
        self.reporter.has_more = lambda: False
        self.set()
        return True


class Heard(Reporter):
    """A reporter whose messages are kept, and whose bell rings for the first attempt's end."""

    def __init__(self, *, has_more):
        super().__init__(None, b"k" * 32, "celery@one", 5.0)
        self.told: list[list[str]] = []
        self.bell, self.is_closing = Bell(), Moment()
        self.is_closing.reporter = self
        self.has_more = self._has_more if has_more else self._close

    def _has_more(self):
        self.ended("a")
        return True

    def _close(self):
        self.ended("a")
        self.is_closing.set()
        return False

    def _publish(self, producer, body, **where):
        assert producer is not None
        assert where
        if body["ended"]:
            self.told.append(body["ended"])


@pytest.mark.parametrize(("has_more", "told"), [(True, [["a", "b"]]), (False, [["a"]])])
def test_ends_are_gathered_only_while_slots_have_more_to_do(has_more, told):
    reporter = Heard(has_more=has_more)
    reporter._next_beat = float("inf")
    with kombu.Connection("memory://") as connection:
        reporter.work(connection)
    assert reporter.told == told
