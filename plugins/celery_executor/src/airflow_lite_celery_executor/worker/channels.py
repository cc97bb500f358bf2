"""What a worker's channels do otherwise than kombu's: bear what is no message, and talk less."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from time import time
from typing import TYPE_CHECKING, Any

from kombu.compression import encoders, register
from kombu.transport import redis, virtual
from kombu.utils.json import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What taking an item apart raises that is no message.
_ODD = (ValueError, KeyError, TypeError, AttributeError)

logger = logging.getLogger(__name__)


class BatchingQoS(redis.QoS):  # type: ignore[misc]
    """Notes in Redis what was taken and what is done with, in one round trip for both.

    An acknowledgement goes with the next message that is taken, or when the event loop turns. One
    that is lost brings a message of an attempt that is not queued any more, and does no harm.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._done: list[str] = []

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message that is taken."""
        where = message.delivery_info
        raw = message._raw  # noqa: SLF001 - as kombu's own method
        taken = dumps([raw, where["exchange"], where["routing_key"]])
        pipe = self.channel.sync_client().pipeline(transaction=False)
        pipe.zadd(self.unacked_index_key, {delivery_tag: time()})
        pipe.hset(self.unacked_key, delivery_tag, taken)
        self._execute(pipe)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Have a message that is done with forgotten soon."""
        if not self._done:
            # A timer: those of a lost connection are forgotten, and do not fail in vain.
            self.channel.connection.hub.call_later(0, self.flush)
        self._done.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def flush(self) -> None:
        """Have what is done with forgotten now."""
        if self._done:
            self._execute(self.channel.sync_client().pipeline(transaction=False))

    def _execute(self, pipe: Any) -> None:
        done = self._done[:]
        if done:
            pipe.zrem(self.unacked_index_key, *done)
            pipe.hdel(self.unacked_key, *done)
        pipe.execute()
        del self._done[: len(done)]

    def restore_unacked_once(self, *args: Any, **kwargs: Any) -> None:
        """Put back what was taken and is not done with: the channel is closed."""
        with suppress(*self.channel.connection_errors):
            self.flush()
        super().restore_unacked_once(*args, **kwargs)


class _Keeping:
    """Of a channel to Redis: has one client for one command after the other."""

    _client_of_pool: tuple[Any, Any] = (None, None)

    def sync_client(self) -> Any:
        """Return a client for one command after the other: to make one takes long."""
        pool, client = self._client_of_pool
        if client is None or pool is not self.pool:  # type: ignore[attr-defined]
            client = self._create_client()  # type: ignore[attr-defined]
            self._client_of_pool = self.pool, client  # type: ignore[attr-defined]
        return client

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """Give a client for one command."""
        yield client or self.sync_client()


class KeepingChannel(_Keeping, redis.Channel):  # type: ignore[misc]
    """A channel to a Redis at a known address."""


class KeepingSentinelChannel(_Keeping, redis.SentinelChannel):  # type: ignore[misc]
    """A channel to the Redis that Sentinels name."""


class _Checking(_Keeping):
    """Also drops an item of a queue which is no message."""

    QoS = BatchingQoS

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except _ODD as error:
            kind = type(error).__name__
            logger.warning("dropped an item of a queue that is no message: %s: %.200s", kind, error)
            return None


class CheckingChannel(_Checking, redis.Channel):  # type: ignore[misc]
    """The same, for what a worker consumes."""


class CheckingSentinelChannel(_Checking, redis.SentinelChannel):  # type: ignore[misc]
    """The same, for what a worker consumes."""


def check_channels(connection: Any, hub: Any) -> None:
    """Have ours be the channels of a connection that is not made yet; `hub` is the event loop."""
    transport = connection.transport
    transport.hub = hub
    if isinstance(transport, redis.SentinelTransport):
        transport.Channel = CheckingSentinelChannel
    elif transport.driver_type == "redis":
        transport.Channel = CheckingChannel


def keep_clients(connection: Any) -> None:
    """Have ours be the channels of a connection that is not made yet, and only sends."""
    transport = connection.transport
    if isinstance(transport, redis.SentinelTransport):
        transport.Channel = KeepingSentinelChannel
    elif transport.driver_type == "redis":
        transport.Channel = KeepingChannel


def refuse_compression() -> None:
    """Unpack nothing in this process: a small message could become a huge one."""
    for content_type in encoders():
        register(_refuse, _refuse, content_type)


def _refuse(_data: Any) -> Any:
    raise ValueError("it is compressed")
