"""Requests to one API server, on pooled connections, each with a time-out of its own."""

from __future__ import annotations

import json
import os
import ssl
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from airflow_lite_k8s_executor.client.errors import (
    ApiError,
    ApiUnreachableError,
    ClusterConfigError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_lite_k8s_executor.client.cluster import Cluster
    from airflow_lite_k8s_executor.client.credentials import Identity

#: Connections that are kept for the next request.
_KEPT = 16
_UNAUTHORIZED, _OK = 401, 300
_USER_AGENT = "airflow-lite-k8s-executor"


class Timeouts(NamedTuple):
    """Seconds to connect, and until the next bytes come."""

    connect_s: float = 5.0
    read_s: float = 20.0


class KeepAlive(NamedTuple):
    """When the kernel asks whether a silent peer is there: seconds, seconds, times."""

    idle_s: int = 120
    interval_s: int = 30
    times: int = 6


DEFAULT_TIMEOUTS, DEFAULT_KEEP_ALIVE = Timeouts(), KeepAlive()


class Http:
    """Sends requests as whoever the credentials say, from any thread."""

    def __init__(
        self,
        cluster: Cluster,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        keep_alive: KeepAlive | None = DEFAULT_KEEP_ALIVE,
    ) -> None:
        self._cluster = cluster
        self._timeouts = timeouts
        self._keep_alive = keep_alive
        self._pool: Any = None
        self._pool_of: tuple[str | None, str | None] | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeouts: Timeouts | None = None,
    ) -> bytes:
        """Return the answer's body; raise `ApiError` or `ApiUnreachableError`."""
        with self.opened(method, path, query, body, content_type, timeouts) as answer:
            return self._read(answer)

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeouts: Timeouts | None = None,
    ) -> Iterator[Any]:
        """Give an answer of which only the head is read; it is closed with the block."""
        answer = self._send(method, path, query, body, content_type, timeouts)
        if answer.status == _UNAUTHORIZED:
            self._discard(answer)
            answer = self._send(method, path, query, body, content_type, timeouts, is_refused=True)
        try:
            if answer.status >= _OK:
                raise ApiError.read(
                    answer.status, self._read(answer), answer.headers.get("Retry-After")
                )
            yield answer
        finally:
            self._discard(answer)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Any,
        content_type: str,
        timeouts: Timeouts | None,
        *,
        is_refused: bool = False,
    ) -> Any:
        from urllib3.exceptions import HTTPError
        from urllib3.util import Timeout

        identity = self._cluster.credentials.identity(is_refused=is_refused)
        limits = timeouts or self._timeouts
        headers = {"Accept": "application/json", "User-Agent": _USER_AGENT, **identity.headers}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            return self._pool_for(identity).request(
                method,
                f"{self._cluster.server}{path}{_query(query)}",
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=Timeout(connect=limits.connect_s, read=limits.read_s),
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            raise ApiUnreachableError(self._described(error)) from error

    def _read(self, answer: Any) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            data: bytes = answer.read()
        except (HTTPError, OSError) as error:
            raise ApiUnreachableError(self._described(error)) from error
        return data

    @staticmethod
    def _discard(answer: Any) -> None:
        """Give the connection back if the answer was read to its end, else close it."""
        if answer.closed or getattr(answer, "length_remaining", None) == 0:
            answer.release_conn()
        else:
            answer.close()

    def lines(self, answer: Any) -> Iterator[bytes]:
        """Yield the lines of an answer as they come; raise `ApiUnreachableError`."""
        from urllib3.exceptions import HTTPError

        begun = b""
        try:
            for data in answer.stream(1 << 16, decode_content=True):
                *lines, begun = (begun + data).split(b"\n")
                yield from lines
        except (HTTPError, OSError) as error:
            raise ApiUnreachableError(self._described(error)) from error

    def close(self) -> None:
        """Close the connections; those in use are closed when they come back."""
        with self._lock:
            self._is_closed = True
            self._drop_pool()

    def _drop_pool(self) -> None:
        if self._pool is not None:
            self._pool.connection_from_url(self._cluster.server).close()
            self._pool.clear()
        self._pool = self._pool_of = None

    def _described(self, error: BaseException) -> str:
        reason = getattr(error, "reason", None) or error
        text = str(reason).rpartition(">: ")[2].strip() or type(error).__name__
        return f"{self._cluster.server}: {text}"

    def _pool_for(self, identity: Identity) -> Any:
        """Return connections for this certificate: another one needs others."""
        wanted = identity.certificate, identity.key
        with self._lock:
            if self._is_closed:
                raise OSError("the executor has ended")
            if self._pool is None or self._pool_of != wanted:
                self._drop_pool()
                self._pool, self._pool_of = self._make_pool(identity), wanted
            return self._pool

    def _make_pool(self, identity: Identity) -> Any:
        import urllib3

        cluster = self._cluster
        options: dict[str, Any] = {
            "maxsize": _KEPT,
            "socket_options": _socket_options(self._keep_alive),
            "num_pools": 1,
        }
        if cluster.server.startswith("https"):
            options["ssl_context"] = self._ssl_context(identity)
            if cluster.server_name:
                options["server_hostname"] = options["assert_hostname"] = cluster.server_name
        proxy = cluster.proxy or _proxy_of(cluster.server)
        if proxy:
            return urllib3.ProxyManager(proxy, **options)
        return urllib3.PoolManager(**options)

    def _ssl_context(self, identity: Identity) -> ssl.SSLContext:
        cluster = self._cluster
        try:
            context = ssl.create_default_context(cadata=cluster.ca)
            if identity.certificate and identity.key:
                with _files(identity.certificate, identity.key) as (certificate, key):
                    context.load_cert_chain(certificate, key)
        except (ssl.SSLError, ValueError) as error:
            raise ClusterConfigError(
                f"The certificates for {cluster.server} are of no use ({error})."
            ) from error
        # Authorities of clusters are often made without what RFC 5280 asks for.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if not cluster.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@contextmanager
def _files(*texts: str) -> Iterator[tuple[str, ...]]:
    """Have texts in files of ours alone for the block: OpenSSL reads no others."""
    with tempfile.TemporaryDirectory(prefix="airflow-lite-kubernetes-") as folder:
        paths = tuple(os.path.join(folder, str(number)) for number in range(len(texts)))
        for path, text in zip(paths, texts, strict=True):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(text)
        yield paths


def _query(query: Mapping[str, Any] | None) -> str:
    words = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
    return f"?{urlencode(words)}" if words else ""


def _proxy_of(server: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(server)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


def _socket_options(keep_alive: KeepAlive | None) -> list[tuple[int, int, int]]:
    import socket

    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    if keep_alive is not None:
        options += [
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keep_alive.idle_s),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, keep_alive.interval_s),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, keep_alive.times),
        ]
    return options
