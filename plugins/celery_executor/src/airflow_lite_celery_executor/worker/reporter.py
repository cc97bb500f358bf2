"""Tells schedulers of attempts, and puts refused messages aside; on a connection of its own."""

from __future__ import annotations

import time
import uuid
from base64 import b64encode
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_celery_executor.app import Names
from airflow_lite_celery_executor.link import Linked, depth, hints_exchange
from airflow_lite_celery_executor.messages import Beat, Hint

if TYPE_CHECKING:
    from collections.abc import Callable

    from kombu import Queue

#: Most events of attempts that wait to be told; the oldest are dropped, since they are hints.
_MOST_EVENTS = 20_000
#: Seconds between two messages that tell of all attempts that are here.
_BEAT_S = 4.0
#: Seconds for which ends are gathered while slots have more to do here: nobody waits for them.
_GATHER_S = 0.05
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
        self._process = uuid.uuid4().hex[:12]
        self._timeout_s = timeout_s
        self._events: deque[tuple[str, str]] = deque(maxlen=_MOST_EVENTS)
        self._refused: deque[_Refused] = deque(maxlen=_MOST_REFUSED)
        #: Returns what the worker tells of itself; called on this object's thread.
        self.look: Callable[[], Beat] = Beat
        #: Is given that, and how to ask for a queue's depth; the same thread.
        self.watch: Callable[[Beat, Callable[[str], int]], None] | None = None
        #: Returns whether more attempts are here than can run; called on this object's thread.
        self.has_more: Callable[[], bool] = lambda: False
        self._next_beat = 0.0
        self._full_until = 0.0  # a moment: what is refused before it is counted, and not kept

    def connect(self) -> Any:
        """Return a new connection; each message by a client of its own would cost twice as much."""
        from airflow_lite_celery_executor.worker.channels import keep_clients

        connection = super().connect()
        keep_clients(connection)
        return connection

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
                self._send_beat(connection, producer, exchange.name)
                self._send_refused(producer)
                if self.is_closing.is_set():
                    self._publish_beat(producer, exchange.name, self.look()._replace(slots=0))
                    return
                self.bell.wait(_BEAT_S)
                if self.has_more():
                    self.is_closing.wait(_GATHER_S)

    def _send_events(self, producer: Any, exchange: str) -> None:
        while self._events:
            events = list(self._events)[:_BATCH]
            tokens: dict[str, list[str]] = {"running": [], "ended": [], "not_claimed": []}
            for kind, token in events:
                tokens[kind].append(token)
            hint = Hint(self._worker, tokens["running"], tokens["ended"], tokens["not_claimed"])
            self._publish(producer, hint.body(self._key), exchange=exchange, routing_key="")
            for _ in events[: len(self._events)]:
                self._events.popleft()

    def _send_beat(self, connection: Any, producer: Any, exchange: str) -> None:
        """Tell of all that is here, after all events of it."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _BEAT_S
        beat = self.look()
        self._publish_beat(producer, exchange, beat)
        if self.watch is not None:
            self.watch(beat, partial(depth, connection))

    def _publish_beat(self, producer: Any, exchange: str, beat: Beat) -> None:
        hint = Hint(self._worker, [], [], [], beat._replace(process=self._process))
        self._publish(producer, hint.body(self._key), exchange=exchange, routing_key="")

    def _send_refused(self, producer: Any) -> None:
        """Put aside as many as there is room for; a flood must not cost a look at it for each."""
        if not self._refused:
            return
        if time.monotonic() >= self._full_until:
            queue = refused_queue(self._key)(producer.channel)
            for _ in range(_MOST_REFUSED - queue.queue_declare().message_count):
                if not self._refused:
                    return
                self._put_aside(producer, queue.name, self._refused.popleft())
            self._full_until = time.monotonic() + _BEAT_S
        self._refused.clear()

    def _put_aside(self, producer: Any, queue: str, letter: _Refused) -> None:
        fields = {**letter._asdict(), "body": b64encode(letter.body).decode()}
        body = {**fields, "worker": self._worker, "time_s": time.time()}
        self._publish(producer, body, exchange="", routing_key=queue)

    def _publish(self, producer: Any, body: dict[str, Any], **where: str) -> None:
        timeouts = {"timeout": self._timeout_s, "confirm_timeout": self._timeout_s}
        producer.publish(body, retry=False, **timeouts, **where)


def refused_queue(key: bytes) -> Queue:
    """Return the queue of messages that workers refused: nobody consumes it."""
    from kombu import Queue

    return Queue(Names.of(key).refused, durable=True)
