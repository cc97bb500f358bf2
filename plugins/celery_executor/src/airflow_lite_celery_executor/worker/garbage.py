"""What is at a broker and is no message at all: it must not reach what cannot bear it."""

from __future__ import annotations

import logging
from typing import Any

from kombu.compression import encoders, register
from kombu.transport import redis

#: What taking an item apart raises that is no message.
_ODD = (ValueError, KeyError, TypeError, AttributeError)

logger = logging.getLogger(__name__)


class _Checking:
    """Of a channel to Redis: drops an item of a queue which is no message."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except _ODD as error:
            kind = type(error).__name__
            logger.warning("dropped an item of a queue that is no message: %s: %.200s", kind, error)
            return None


class CheckingChannel(_Checking, redis.Channel):  # type: ignore[misc]
    """A channel to a Redis at a known address."""


class CheckingSentinelChannel(_Checking, redis.SentinelChannel):  # type: ignore[misc]
    """A channel to the Redis that Sentinels name."""


def check_channels(connection: Any) -> None:
    """Have the channels of a connection that is not made yet bear what is no message."""
    transport = connection.transport
    if isinstance(transport, redis.SentinelTransport):
        transport.Channel = CheckingSentinelChannel
    elif transport.driver_type == "redis":
        transport.Channel = CheckingChannel


def refuse_compression() -> None:
    """Unpack nothing in this process: a small message could become a huge one."""
    for content_type in encoders():
        register(_refuse, _refuse, content_type)


def _refuse(_data: Any) -> Any:
    raise ValueError("it is compressed")
