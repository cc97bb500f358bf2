"""The scheduler's connections to the broker, each on a thread of its own that keeps it alive."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite_celery_executor.app import Names, make_queue, safe_url
from airflow_lite_celery_executor.messages import RefusedMessage, read_hint

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_celery_executor.messages import Hint, RunMessage

#: Seconds until the broker is tried again; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 10.0
#: Seconds between two looks at whether to end, while nothing comes.
_TURN_S = 0.25
#: Most messages that go out together.
_BATCH = 256
#: Seconds that closing waits for a thread.
_CLOSE_S = 3.0

logger = logging.getLogger(__name__)


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or its name."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def establish(connection: Any) -> None:
    """Connect to whichever of its addresses answers; raise what the last one says if none does."""
    connection.ensure_connection(max_retries=max(len(connection.alt), 1), interval_start=0)


class Letter:
    """A message for one attempt, on its way to a queue."""

    __slots__ = ("message", "priority", "queue")

    def __init__(self, message: RunMessage, queue: str, priority: int) -> None:
        self.message = message
        self.queue = queue
        self.priority = priority


class Linked:
    """A thread that does its work on a connection, and makes another when that is lost.

    Whatever a subclass does is safe to do again.
    """

    name = "celery-link"
    purpose = ""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.is_closing = threading.Event()
        self.bell = threading.Event()
        self._is_loss_logged = False
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Start the thread; it connects by itself, for as long as that may take."""
        self._thread.start()

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """End the thread, once it has done what it has to do, but for no longer than that."""
        self.is_closing.set()
        self.bell.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def connect(self) -> Any:
        """Return a new connection, without heartbeats: nobody would send them while idle."""
        return self.app.connection_for_write(heartbeat=0)

    def work(self, connection: Any) -> None:
        """Work until closing; raise what the connection raises."""
        raise NotImplementedError(f"{type(self).__name__} has no work. Write it.")

    def _run(self) -> None:
        delay_s = _FIRST_RETRY_S
        while not self.is_closing.is_set():
            try:
                with self.connect() as connection:
                    establish(connection)
                    self._log_return()
                    delay_s = _FIRST_RETRY_S
                    self.work(connection)
            except Exception as error:  # of whichever library: the connection is of no use
                if self.is_closing.is_set():
                    return
                self._log_loss(error)
            self.is_closing.wait(delay_s)
            delay_s = min(delay_s * 2, _LONGEST_RETRY_S)

    def _log_loss(self, error: Exception) -> None:
        if not self._is_loss_logged:
            self._is_loss_logged = True
            logger.warning(
                "the broker at %s cannot be used to %s (%s); trying again until it can",
                safe_url(self.app),
                self.purpose,
                first_line(error),
            )

    def _log_return(self) -> None:
        if self._is_loss_logged:
            self._is_loss_logged = False
            logger.info("the broker at %s can be used to %s", safe_url(self.app), self.purpose)


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
        self._stops: deque[tuple[list[str], float | None]] = deque()
        self._is_idle = threading.Event()

    def send(self, letter: Letter) -> None:
        """Send a message soon; returns at once."""
        self._is_idle.clear()
        self._letters.append(letter)
        self.bell.set()

    def stop_attempts(self, tokens: list[str], grace_s: float | None = None) -> None:
        """Tell all workers to stop these attempts soon; returns at once."""
        self._is_idle.clear()
        self._stops.append((tokens, grace_s))
        self.bell.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is sent; False if that takes longer."""
        return self._is_idle.wait(timeout_s)

    def work(self, connection: Any) -> None:
        """Send what there is, and wait for more."""
        with connection.Producer(serializer="json", auto_declare=False) as producer:
            while True:
                self.bell.clear()
                self._send_all(connection, producer)
                if not self._letters and not self._stops:
                    self._is_idle.set()
                    if self.is_closing.is_set():
                        return
                self.bell.wait()

    def _send_all(self, connection: Any, producer: Any) -> None:
        while self._stops:
            tokens, grace_s = self._stops[0]
            arguments = {"tokens": tokens, "grace_s": grace_s}
            self.app.control.broadcast(
                "airflow_lite_stop", arguments=arguments, connection=connection
            )
            self._stops.popleft()
        if self._letters:
            self._listens.wait(self._timeout_s)
        while self._letters:
            batch = list(self._letters)[:_BATCH]
            if producer.supports_batch_publish:
                with producer.batch():
                    for letter in batch:
                        self._publish(producer, letter)
                self._take_out(batch)
            else:
                self._send_each(connection, producer, batch)

    def _send_each(self, connection: Any, producer: Any, batch: list[Letter]) -> None:
        sent: list[Letter] = []
        try:
            for letter in batch:
                self._publish(producer, letter)
                sent.append(letter)
        except connection.channel_errors as error:  # it refuses this queue: the others may go
            self._take_out(sent)
            sent = []
            self._letters.popleft()
            self._on_refused(letter.message.token, first_line(error))
            raise
        finally:
            self._take_out(sent)

    def _take_out(self, sent: list[Letter]) -> None:
        for _ in sent:
            self._letters.popleft()
        if sent:
            self._on_published([letter.message.token for letter in sent])

    def _publish(self, producer: Any, letter: Letter) -> None:
        producer.publish(
            letter.message.body(self._key),
            exchange="",
            routing_key=letter.queue,
            declare=[make_queue(letter.queue)],
            headers=letter.message.headers(),
            priority=letter.priority,
            delivery_mode=2,
            retry=False,
            timeout=self._timeout_s,
            confirm_timeout=self._timeout_s,
            correlation_id=letter.message.token,
        )


class HintListener(Linked):
    """Hears what workers tell of attempts: `on_hint(hint)` is called on its thread."""

    name = "celery-hints"
    purpose = "hear of tasks' ends"

    def __init__(
        self, app: Any, key: bytes, on_hint: Callable[[Hint], None], now: Callable[[], float]
    ) -> None:
        super().__init__(app)
        self._key = key
        self._on_hint = on_hint
        self._now = now
        #: Since when hints are heard, by `now`; None: they are not.
        self.listens_since: float | None = None
        #: Whether they are.
        self.listens = threading.Event()

    def connect(self) -> Any:
        """Return a new connection: a half-open one shows by its heartbeats."""
        return self.app.connection_for_read(heartbeat=self.app.conf.broker_heartbeat)

    def work(self, connection: Any) -> None:
        """Listen until closing."""
        import uuid

        from kombu import Queue

        name = f"{Names.of(self._key).hints}.{uuid.uuid4().hex}"
        exchange = hints_exchange(self._key)
        queue = Queue(name, exchange, durable=False, auto_delete=True, exclusive=True)
        with connection.Consumer([queue], callbacks=[self._hear], accept=["json"], no_ack=True):
            self._turn(connection, 0.01)  # Redis: subscribes only now
            self.listens_since = self._now()
            self.listens.set()
            try:
                while not self.is_closing.is_set():
                    self._turn(connection, _TURN_S)
            finally:
                self.listens.clear()
                self.listens_since = None

    def _turn(self, connection: Any, timeout_s: float) -> None:
        with suppress(TimeoutError):
            connection.drain_events(timeout=timeout_s)
        connection.heartbeat_check()

    def _hear(self, body: Any, _message: Any) -> None:
        try:
            hint = read_hint(body, self._key)
        except RefusedMessage as refusal:
            logger.warning("a hint about tasks is passed over: %s", refusal)
            return
        self._on_hint(hint)


def hints_exchange(key: bytes) -> Any:
    """Return the exchange by which workers tell all schedulers of their home."""
    from kombu import Exchange

    return Exchange(Names.of(key).hints, type="fanout", durable=False, delivery_mode=1)
