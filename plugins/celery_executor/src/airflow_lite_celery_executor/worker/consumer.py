"""The gate: what a worker's consumer does with each message before Celery looks at it."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from celery.worker.consumer import Consumer

from airflow_lite_celery_executor.link import first_line
from airflow_lite_celery_executor.messages import RefusedMessage, read_run_message
from airflow_lite_celery_executor.worker.context import context_of
from airflow_lite_celery_executor.worker.garbage import check_channels, refuse_compression

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class CheckingConsumer(Consumer):  # type: ignore[misc]
    """Lets through what a scheduler of this home has signed; the rest is put aside unread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse_compression()
        super().__init__(*args, **kwargs)
        self._context = context_of(self.app)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return the function that gets each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def check(message: Any) -> None:
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
            handle(message)

        return check

    def ensure_connected(self, connection: Any) -> Any:
        """Connect, for as long as that takes."""
        check_channels(connection)
        return super().ensure_connected(connection)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log the loss in one line, and close what is left of the connection."""
        logger.warning("the connection to the broker is lost (%s)", first_line(exc))
        with suppress(Exception):  # it is broken in whichever way
            self.connection.collect()

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
