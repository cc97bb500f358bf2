"""Figures by OpenTelemetry, to a collector that takes OTLP by HTTP."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.metrics.sink import Tags

#: Seconds that the collector may take, at the end too.
_TIMEOUT_S = 5


class OpenTelemetry:
    """Sends figures under Airflow's names, in a thread of OpenTelemetry's own."""

    def __init__(self, config: Config) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource

        host, port = config.get("metrics", "otel_host"), config.getint("metrics", "otel_port")
        scheme = "https" if config.getboolean("metrics", "otel_ssl_active") else "http"
        service = config.get("metrics", "otel_service")
        resource = Resource.create({"service.name": service, "host.name": config.hostname})
        exporter = OTLPMetricExporter(
            endpoint=f"{scheme}://{host}:{port}/v1/metrics", timeout=_TIMEOUT_S
        )
        reader = PeriodicExportingMetricReader(
            exporter,
            export_interval_millis=config.getint("metrics", "otel_interval_milliseconds"),
            export_timeout_millis=_TIMEOUT_S * 1000,
        )
        self._provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._meter = self._provider.get_meter("airflow_lite")
        self._prefix = config.get("metrics", "otel_prefix")
        self._lock = threading.Lock()
        self._instruments: dict[str, Any] = {}
        self._gauges: dict[str, dict[frozenset[tuple[str, str]], float]] = {}

    def count(self, name: str, tags: Tags) -> None:
        """Count one more of `name`."""
        self._instrument(name, "create_counter").add(1, dict(tags))

    def gauge(self, name: str, value: float, tags: Tags) -> None:
        """Keep the value that `name` has now: it is asked for when it is sent."""
        with self._lock:
            values = self._gauges.setdefault(name, {})
            values[frozenset(tags.items())] = float(value)
        self._instrument(name, "create_observable_gauge", callbacks=[lambda _: self._seen(name)])

    def _seen(self, name: str) -> Iterator[Any]:
        from opentelemetry.metrics import Observation

        with self._lock:
            values = dict(self._gauges[name])
        for tags, value in values.items():
            yield Observation(value, dict(tags))

    def timing(self, name: str, seconds: float, tags: Tags) -> None:
        """Take how long something took."""
        self._instrument(name, "create_histogram", unit="s").record(seconds, dict(tags))

    def _instrument(self, name: str, create: str, **options: Any) -> Any:
        with self._lock:
            if name not in self._instruments:
                full = f"{self._prefix}.{name}" if self._prefix else name
                self._instruments[name] = getattr(self._meter, create)(full, **options)
            return self._instruments[name]

    def flush(self) -> None:
        """Do nothing: its thread sends every `otel_interval_milliseconds`."""

    def close(self) -> None:
        """Send what was taken, and end the thread."""
        self._provider.shutdown(timeout_millis=_TIMEOUT_S * 1000)
