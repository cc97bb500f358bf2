"""Where the server listens, and what must hold before it does."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from airflow_lite.errors import UserError

if TYPE_CHECKING:
    from airflow_lite_web.settings import Settings


def check_address(settings: Settings, *, without_tls: bool) -> None:
    """Raise `UserError` where tokens and pages would cross a network in plain text."""
    is_safe = settings.is_loopback or settings.tls is not None or settings.proxy_user_header
    if not is_safe and not without_tls:
        raise UserError(
            f"Other machines reach {settings.host}, and tokens would cross the network as anybody"
            " there can read them. Set [web] tls_certificate and tls_key, or listen on 127.0.0.1"
            " behind a proxy that has TLS; or add --without-tls."
        )


def listen(settings: Settings) -> socket.socket:
    """Return the listening socket; raise `UserError`."""
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror  # below 0: of a name
        raise UserError(
            f"Cannot listen on {settings.host}, port {settings.port}: {reason}."
            " Choose another with `airflow-lite web --port`, or for `airflow-lite standalone`, too,"
            " with [web] port (AIRFLOW_LITE__WEB__PORT)."
        ) from None
    listener.set_inheritable(True)
    return listener


def address_of(settings: Settings, listener: socket.socket) -> str:
    """Return the address to open in a browser."""
    scheme = "http" if settings.tls is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}/"
