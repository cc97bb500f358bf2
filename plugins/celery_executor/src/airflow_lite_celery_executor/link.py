"""The scheduler's connections to the broker, each on a thread of its own that keeps it alive."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import first_line
from airflow_lite_celery_executor.app import Names, safe_url
from airflow_lite_celery_executor.messages import RefusedMessage, read_hint

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_celery_executor.messages import Hint

#: Seconds until the broker is tried again; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 10.0
#: Seconds between two looks at whether to end, while nothing comes.
_TURN_S = 0.25
#: Seconds that closing waits for a thread.
_CLOSE_S = 3.0

logger = logging.getLogger(__name__)


def establish(connection: Any) -> None:
    """Connect to whichever of its addresses answers; raise what the last one says if none does."""
    connection.ensure_connection(max_retries=max(len(connection.alt), 1), interval_start=0)


def refusal(error: BaseException) -> str:
    """Return what RabbitMQ refused, and what to do about it where that is known."""
    line = first_line(error)
    if "inequivalent arg" not in line:
        return line
    return (
        f"{line}. The queue was made in another way. Set [celery] task_default_queue_type to the"
        " same everywhere, or have `rabbitmqctl delete_queue` remove the queue once it is empty"
    )


def depth(connection: Any, queue: str) -> int:
    """Return how many messages wait in a queue; 0 where there is no such queue."""
    channel = connection.channel()
    is_passive = connection.transport.driver_type != "redis"  # there a queue is its messages
    try:
        return int(channel.queue_declare(queue=queue, passive=is_passive).message_count)
    except connection.channel_errors:
        return 0
    finally:
        connection.maybe_close_channel(channel)


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
