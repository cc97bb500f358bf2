"""Figures for Prometheus: at a port of this machine, or in a file for a node's exporter."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import HTTPServer

    from airflow_lite.metrics.sink import Tags

logger = logging.getLogger(__name__)

_PREFIX = "airflow_"
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")


class Prometheus:
    """Keeps figures in a registry of its own, which a server shows and a file gets.

    `ti.finish` is `airflow_ti_finish_total`; what takes time is a summary in seconds.
    """

    def __init__(self, port: int, file: str) -> None:
        import prometheus_client

        # Else each counter has a second line, which nobody reads.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._client = prometheus_client
        self._registry = prometheus_client.CollectorRegistry()
        self._metrics: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._file = file
        self._server: HTTPServer | None = None
        if port:
            self._serve(port)

    def _serve(self, port: int) -> None:
        try:
            self._server, _ = self._client.start_http_server(
                port, addr="127.0.0.1", registry=self._registry
            )
        except OSError as error:
            logger.warning(
                "metrics are not shown at 127.0.0.1:%d: %s. Free the port, or choose another by"
                " [metrics] prometheus_port.",
                port,
                error.strerror,
            )

    def count(self, name: str, tags: Tags) -> None:
        """Count one more of `name`."""
        self._metric(self._client.Counter, name, tags).inc()

    def gauge(self, name: str, value: float, tags: Tags) -> None:
        """Take the value that `name` has now."""
        self._metric(self._client.Gauge, name, tags).set(value)

    def timing(self, name: str, seconds: float, tags: Tags) -> None:
        """Take how long something took."""
        self._metric(self._client.Summary, f"{name}_seconds", tags).observe(seconds)

    def _metric(self, kind: Callable[..., Any], name: str, tags: Tags) -> Any:
        with self._lock:
            metric = self._metrics.get(name)
            if metric is None:
                written = _PREFIX + _NO_NAME.sub("_", name)
                metric = kind(written, name, sorted(tags), registry=self._registry)
                self._metrics[name] = metric
        return metric.labels(**tags) if tags else metric

    def flush(self) -> None:
        """Write the file, in whole: whoever reads it never sees half of it."""
        if self._file:
            self._client.write_to_textfile(self._file, self._registry)

    def close(self) -> None:
        """Write the file once more, and let the port go."""
        self.flush()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
