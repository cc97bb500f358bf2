"""Serving the application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import uvicorn

from airflow_lite.errors import UserError
from airflow_lite_web.connections import WAIT_S, Connection, Server, Waiting

if TYPE_CHECKING:
    import asyncio

    from starlette.applications import Starlette

    from airflow_lite_web.access.limiter import Limiter
    from airflow_lite_web.settings import Settings

#: Requests at once, live pages among them; more are told to come again.
_MOST_REQUESTS = 1_000
#: Seconds for which requests may go on at the end.
_END_S = 3


def make_server(app: Starlette, settings: Settings, limiter: Limiter) -> uvicorn.Server:
    """Return the server; raise `UserError` for files of TLS that cannot be used."""
    certificate, key = settings.tls or (None, None)
    waiting = Waiting()

    def may_sleep(lonely_s: float) -> bool:
        # The next process knows nothing of the failed sign-ins that this one counts.
        return 0 < settings.sleep_after_s <= lonely_s and not limiter.is_counting

    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=cast("type[asyncio.Protocol]", partial(Connection, waiting)),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_REQUESTS,
        timeout_keep_alive=int(WAIT_S),
        timeout_graceful_shutdown=_END_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:
        raise UserError(
            f"[web] tls_certificate and tls_key cannot be used: {error.strerror or error}."
        ) from None
    return Server(config, waiting, may_sleep)
