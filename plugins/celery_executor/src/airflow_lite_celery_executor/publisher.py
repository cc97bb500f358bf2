"""Sends attempts to the broker, many at once, and knows of each message whether it is there."""

from __future__ import annotations

import logging
import threading
from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from airflow_lite_celery_executor.app import make_queue
from airflow_lite_celery_executor.link import Linked, depth, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_celery_executor.messages import RunMessage

#: Most messages that go out together.
_BATCH = 256

logger = logging.getLogger(__name__)


class Letter:
    """A message for one attempt, on its way to a queue."""

    __slots__ = ("message", "priority", "queue")

    def __init__(self, message: RunMessage, queue: str, priority: int) -> None:
        self.message = message
        self.queue = queue
        self.priority = priority


class Receipts:
    """Which messages of a batch the broker has: none until the batch went out, then all."""

    def __init__(self) -> None:
        self._count = 0
        self._unsettled: dict[int, Letter] = {}
        self._settled: list[Letter] = []

    def expect(self, letter: Letter) -> None:
        """Note that a message was published."""
        self._count += 1
        self._unsettled[self._count] = letter

    def wait(self, _connection: Any, _timeout_s: float) -> None:
        """Wait until all messages are settled; raise what the connection raises meanwhile."""
        self._settle(self._count, multiple=True)

    def take(self) -> list[Letter]:
        """Return the messages that the broker has, each once."""
        settled, self._settled = self._settled, []
        return settled

    def _settle(self, number: int, multiple: bool) -> list[int]:  # noqa: FBT001 - a callback
        numbers = [number] if number in self._unsettled else []
        if multiple:
            numbers = [*takewhile(lambda each: each <= number, self._unsettled)]
        self._settled += [self._unsettled.pop(each) for each in numbers]
        return numbers


class Confirms(Receipts):
    """The same on a channel of RabbitMQ's, which confirms each message once it is safe there."""

    def __init__(self, channel: Any) -> None:
        super().__init__()
        self._rejected = 0
        channel.confirm_select()
        channel.events["basic_ack"].add(self._settle)
        channel.events["basic_nack"].add(self._reject)
        channel.events["basic_return"].add(self._return)

    def wait(self, connection: Any, timeout_s: float) -> None:
        """Wait for the confirmations: no longer than that for the next one."""
        while self._unsettled:
            connection.drain_events(timeout=timeout_s)
        if self._rejected:
            logger.warning(
                "RabbitMQ did not take %d messages, as if a queue were full; they are sent again",
                self._rejected,
            )
            self._rejected = 0

    def _reject(self, number: int, multiple: bool) -> None:  # noqa: FBT001 - a callback
        """Count messages that a queue has no room for; they are sent again as lost ones are."""
        self._rejected += len(self._settle(number, multiple))

    def _return(self, _error: Exception, _exchange: str, queue: str, _message: Any) -> None:
        raise ConnectionResetError(f"queue {queue!r} is gone, and is made again")


class Publisher(Linked):
    """Sends messages, many at once; one whose fate is unknown is sent again.

    It waits a moment for `listens`, so that somebody hears of the ends of what it sends.
    `on_published(tokens)` and `on_refused(token, reason)` are called on its thread.
    """

    name = "celery-publisher"
    purpose = "send tasks"

    def __init__(
        self,
        app: Any,
        key: bytes,
        timeout_s: float,
        *,
        listens: threading.Event,
        on_published: Callable[[list[str]], None],
        on_refused: Callable[[str, str], None],
    ) -> None:
        super().__init__(app)
        self._key = key
        self._listens = listens
        self._timeout_s = timeout_s
        self._on_published = on_published
        self._on_refused = on_refused
        self._letters: deque[Letter] = deque()
        self._doubtful: deque[tuple[list[Letter], int]] = deque()
        self._stops: deque[tuple[list[str], float | None]] = deque()
        self._is_idle = threading.Event()
        self._most = _BATCH

    def send(self, letters: list[Letter]) -> None:
        """Send messages soon; returns at once."""
        self._is_idle.clear()
        self._letters.extend(letters)
        self.bell.set()

    def send_if_lost(self, letters: list[Letter], count: int) -> None:
        """Send messages of a queue soon if it has fewer than `count`; returns at once.

        So what waits in a queue that nobody hears is not doubled again and again.
        """
        self._is_idle.clear()
        self._doubtful.append((letters, count))
        self.bell.set()

    def stop_attempts(self, tokens: list[str], grace_s: float | None = None) -> None:
        """Tell all workers to stop these attempts soon; returns at once."""
        self._is_idle.clear()
        self._stops.append((tokens, grace_s))
        self.bell.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is sent; False if that takes longer."""
        return self._is_idle.wait(timeout_s)

    def connect(self) -> Any:
        """Return a new connection that waits for no confirmation by itself: a batch does."""
        connection = super().connect()
        connection.transport_options.pop("confirm_publish", None)
        return connection

    def work(self, connection: Any) -> None:
        """Send what there is, and wait for more."""
        channel = connection.channel()  # nobody else's: confirmations are counted by it
        is_redis = connection.transport.driver_type == "redis"
        receipts = Receipts() if is_redis else Confirms(channel)
        with connection.Producer(channel, serializer="json", auto_declare=False) as producer:
            while True:
                self.bell.clear()
                self._send_stops(connection)
                self._look_for_lost(connection)
                if self._letters:
                    self._listens.wait(self._timeout_s)
                while self._letters:
                    self._send_batch(connection, producer, receipts)
                if not self._letters and not self._stops and not self._doubtful:
                    self._is_idle.set()
                    if self.is_closing.is_set():
                        return
                self.bell.wait()

    def _send_stops(self, connection: Any) -> None:
        while self._stops:
            tokens, grace_s = self._stops[0]
            arguments = {"tokens": tokens, "grace_s": grace_s}
            self.app.control.broadcast(
                "airflow_lite_stop", arguments=arguments, connection=connection
            )
            self._stops.popleft()

    def _look_for_lost(self, connection: Any) -> None:
        while self._doubtful:
            letters, count = self._doubtful[0]
            if depth(connection, letters[0].queue) < count:
                self._letters.extend(letters)
            else:
                self._on_published([letter.message.token for letter in letters])
            self._doubtful.popleft()

    def _send_batch(self, connection: Any, producer: Any, receipts: Receipts) -> None:
        """Send the next messages; after one that closes the channel, one by one to find it."""
        batch = list(self._letters)[: self._most]
        self._declare(connection, producer, batch)
        try:
            with producer.batch():
                for letter in batch:
                    receipts.expect(letter)
                    self._publish(producer, letter)
            receipts.wait(connection, self._timeout_s)
            self._most = min(self._most * 2, _BATCH)
        except connection.channel_errors as error:
            if self._most == 1:
                self._refuse(batch, error)
            self._most = 1
            raise
        finally:
            if settled := receipts.take():
                for letter in settled:
                    self._letters.remove(letter)
                self._on_published([letter.message.token for letter in settled])

    def _declare(self, connection: Any, producer: Any, batch: list[Letter]) -> None:
        for queue in dict.fromkeys(letter.queue for letter in batch):
            try:
                producer.maybe_declare(make_queue(self.app, queue))
            except connection.channel_errors as error:  # messages for other queues may go
                self._refuse([letter for letter in batch if letter.queue == queue], error)
                raise

    def _refuse(self, letters: list[Letter], error: BaseException) -> None:
        for letter in letters:
            self._letters.remove(letter)
            self._on_refused(letter.message.token, refusal(error))

    def _publish(self, producer: Any, letter: Letter) -> None:
        producer.publish(
            letter.message.body(self._key),
            exchange="",
            routing_key=letter.queue,
            headers=letter.message.headers(),
            priority=letter.priority,
            delivery_mode=2,
            mandatory=True,
            retry=False,
            timeout=self._timeout_s,
            correlation_id=letter.message.token,
        )
