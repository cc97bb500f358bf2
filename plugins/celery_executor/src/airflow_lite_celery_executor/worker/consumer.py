"""The gate: what a worker's consumer does with each message before Celery looks at it."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from celery.exceptions import WorkerShutdown
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from airflow_lite.executors import first_line
from airflow_lite_celery_executor.app import make_queue
from airflow_lite_celery_executor.link import refusal
from airflow_lite_celery_executor.messages import RefusedMessage, read_run_message
from airflow_lite_celery_executor.worker.channels import check_channels, refuse_compression
from airflow_lite_celery_executor.worker.context import context_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds until the broker is tried again; so much longer each time, up to the longest.
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 10.0

logger = logging.getLogger(__name__)


#: Of a worker with quorum queues: it makes dozens of queues for tasks with a delay, of which we
#: have none.
_DELAYS = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class CheckingConsumer(Consumer):  # type: ignore[misc]
    """Lets through what a scheduler of this home has signed; the rest is put aside unread."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps of a consumer's start."""

        default_steps = tuple(step for step in Consumer.Blueprint.default_steps if step != _DELAYS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse_compression()
        super().__init__(*args, **kwargs)
        self._context = context_of(self.app)

    def start(self) -> None:
        """Consume until the worker ends; it does, where the broker refuses what it needs."""
        try:
            super().start()
        except self.channel_errors as error:
            logger.error("this worker ends, for the broker refuses it: %s", refusal(error))
            raise WorkerShutdown(os.EX_UNAVAILABLE) from error

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return the function that gets each message."""
        handle = super().create_task_handler(*args, **kwargs)
        connection = self.connection

        def check(message: Any) -> None:
            self._context.received += 1
            try:
                run = read_run_message(
                    message.body,
                    message.headers,
                    message.content_type,
                    message.content_encoding,
                    self._context.key,
                )
            except RefusedMessage as refusal:
                self._refuse(message, str(refusal))
                return
            message.headers = run.headers()  # those that came are not signed
            message.ack_log_error = partial(self._settle, connection, message.ack)
            message.reject_log_error = partial(self._settle, connection, message.reject)
            handle(message)

        return check

    def ensure_connected(self, connection: Any) -> Any:
        """Connect, for as long as that takes; that it takes long is told once."""
        check_channels(connection, self.hub)
        errors: list[BaseException] = []

        def tell(error: BaseException, _pause_s: float) -> None:
            if not errors:
                logger.warning(
                    "the broker at %s cannot be reached (%s); trying again until it can",
                    connection.as_uri(),
                    first_line(error),
                )
            errors.append(error)

        pauses = {"interval_start": _PAUSE_S, "interval_step": _PAUSE_S}
        made = connection.ensure_connection(
            tell, callback=self._wait, interval_max=_LONGEST_PAUSE_S, **pauses
        )
        if errors:
            logger.info("the broker at %s can be reached", connection.as_uri())
        self.first_connection_attempt = False
        return made

    def _wait(self) -> None:
        """Do what has to be done while there is no connection; raises once the worker ends."""
        self._context.liveness.touch()
        maybe_shutdown()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log the loss in one line, and close what is left of the connection."""
        logger.warning("the connection to the broker is lost (%s)", first_line(exc))
        with suppress(Exception):  # it is broken in whichever way
            self.connection.collect()

    def _settle(
        self,
        connection: Any,
        settle: Callable[..., None],
        _logger: logging.Logger,
        _errors: Any,
        *flags: bool,
        **options: bool,
    ) -> None:
        """Acknowledge or reject a message; where that fails, the event loop connects anew.

        The connection may look as if it worked on, but would never give the message's slot back.
        """
        if self.connection is connection:  # else the delivery is void
            settle(*flags, **options)

    def add_task_queue(self, queue: str, *args: Any, **options: Any) -> None:
        """Take tasks from a further queue, which is declared as everybody does."""
        queues = self.app.amqp.queues
        if queue not in queues:
            queues.select_add(make_queue(self.app, queue))
        super().add_task_queue(queue, *args, **options)
        self.pool.flow.consumes()

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Put a message aside that cannot even be taken apart."""
        self._refuse(message, f"it cannot be decoded: {exc}")

    def register_with_event_loop(self, hub: Any) -> None:
        """Let the pool know of this consumer; called again after each lost connection."""
        super().register_with_event_loop(hub)
        self.pool.serve(self)

    def _refuse(self, message: Any, reason: str) -> None:
        """Put a message aside; nothing of it is run, nor decoded any further."""
        reason = " ".join(reason.split())
        queue = str((message.delivery_info or {}).get("routing_key"))
        logger.warning("refused a message from queue %.100r: %s", queue, reason)
        self._context.refused += 1
        body = message.body
        data = body.encode("utf-8", "replace") if isinstance(body, str) else bytes(body or b"")
        self._context.reporter.put_aside(reason, queue, str(message.content_type)[:100], data)
        message.ack_log_error(logger, self.connection_errors)
