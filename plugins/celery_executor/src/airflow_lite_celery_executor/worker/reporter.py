"""Tells schedulers of attempts, and puts refused messages aside; on a connection of its own."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_celery_executor.app import Names
from airflow_lite_celery_executor.link import Linked, hints_exchange
from airflow_lite_celery_executor.messages import Hint

if TYPE_CHECKING:
    from collections.abc import Callable

    from kombu import Queue

#: Most events of attempts that wait to be told; the oldest are dropped, since they are hints.
_MOST_EVENTS = 20_000
#: Seconds between two messages that tell of all attempts that are here.
_BEAT_S = 4.0
#: Most attempts in one message.
_BATCH = 500
#: Most messages that are kept in the queue of refused ones, and most bytes of each.
_MOST_REFUSED, _MOST_BYTES = 1000, 512


class _Refused(NamedTuple):
    reason: str
    queue: str
    content_type: str
    body: bytes


class Reporter(Linked):
    """Sends what it is told, for as long as the broker can be reached; nobody waits for it."""

    name = "celery-reporter"
    purpose = "tell of tasks' ends"

    def __init__(self, app: Any, key: bytes, worker: str, timeout_s: float) -> None:
        super().__init__(app)
        self._key = key
        self._worker = worker
        self._timeout_s = timeout_s
        self._events: deque[tuple[str, str]] = deque(maxlen=_MOST_EVENTS)
        self._refused: deque[_Refused] = deque(maxlen=_MOST_REFUSED)
        #: Returns the tokens of all attempts that are here; called on this object's thread.
        self.present: Callable[[], list[str]] = list
        self._next_beat = 0.0
        self._has_told_some = False

    def runs(self, token: str) -> None:
        """Tell that an attempt runs."""
        self._tell("running", token)

    def ended(self, token: str) -> None:
        """Tell that an attempt has ended, and its outcome is recorded."""
        self._tell("ended", token)

    def not_claimed(self, token: str) -> None:
        """Tell that an attempt was not this worker's to claim."""
        self._tell("not_claimed", token)

    def put_aside(self, reason: str, queue: str, content_type: str, body: bytes) -> None:
        """Keep the beginning of a refused message in the queue of refused ones."""
        self._refused.append(_Refused(reason, queue, content_type, body[:_MOST_BYTES]))
        self.bell.set()

    def _tell(self, kind: str, token: str) -> None:
        self._events.append((kind, token))
        self.bell.set()

    def work(self, connection: Any) -> None:
        """Send what there is, and wait for more."""
        with connection.Producer(serializer="json", auto_declare=False) as producer:
            exchange = hints_exchange(self._key)(producer.channel)
            exchange.declare()
            while True:
                self.bell.clear()
                self._send_events(producer, exchange.name)
                self._send_beat(producer, exchange.name)
                self._send_refused(producer)
                if self.is_closing.is_set():
                    return
                self.bell.wait(_BEAT_S)

    def _send_events(self, producer: Any, exchange: str) -> None:
        while self._events:
            events = list(self._events)[:_BATCH]
            tokens: dict[str, list[str]] = {"running": [], "ended": [], "not_claimed": []}
            for kind, token in events:
                tokens[kind].append(token)
            hint = Hint(self._worker, **tokens)
            self._publish(producer, hint.body(self._key), exchange=exchange, routing_key="")
            for _ in events[: len(self._events)]:
                self._events.popleft()

    def _send_beat(self, producer: Any, exchange: str) -> None:
        """Tell of all that is here, and once of nothing after that; after all events of it."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _BEAT_S
        present = self.present()
        if present or self._has_told_some:
            hint = Hint(self._worker, [], [], [], present)
            self._publish(producer, hint.body(self._key), exchange=exchange, routing_key="")
            self._has_told_some = bool(present)

    def _send_refused(self, producer: Any) -> None:
        while self._refused:
            queue = refused_queue(self._key)(producer.channel)
            if queue.queue_declare().message_count >= _MOST_REFUSED:
                self._refused.clear()
                return
            letter = self._refused.popleft()
            fields = {**letter._asdict(), "body": b64encode(letter.body).decode()}
            body = {**fields, "worker": self._worker, "time_s": time.time()}
            self._publish(producer, body, exchange="", routing_key=queue.name)

    def _publish(self, producer: Any, body: dict[str, Any], **where: str) -> None:
        timeouts = {"timeout": self._timeout_s, "confirm_timeout": self._timeout_s}
        producer.publish(body, retry=False, **timeouts, **where)


def refused_queue(key: bytes) -> Queue:
    """Return the queue of messages that workers refused: nobody consumes it."""
    from kombu import Queue

    return Queue(Names.of(key).refused, durable=True)
