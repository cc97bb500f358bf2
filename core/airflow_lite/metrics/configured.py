"""The sinks that the settings of `[metrics]` ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError
from airflow_lite.metrics.sink import Sink, Sinks

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config


def open_sinks(config: Config) -> Sinks | None:
    """Return where figures go; None where nobody asked for them.

    Raises `ConfigError` where a package is missing that one needs.
    """
    sinks: list[Sink] = []
    port = config.getint("metrics", "prometheus_port")
    named = config.get("metrics", "prometheus_file")
    file = str(config.getpath("metrics", "prometheus_file")) if named else ""
    if port or file:
        sinks.append(_made("prometheus", "[metrics] prometheus_*", lambda: _prometheus(port, file)))
    if config.getboolean("metrics", "otel_on"):
        sinks.append(_made("otel", "[metrics] otel_on", lambda: _otel(config)))
    return Sinks(sinks) if sinks else None


def _prometheus(port: int, file: str) -> Sink:
    from airflow_lite.metrics.prometheus import Prometheus

    return Prometheus(port, file)


def _otel(config: Config) -> Sink:
    from airflow_lite.metrics.otel import OpenTelemetry

    return OpenTelemetry(config)


def _made(extra: str, setting: str, make: Callable[[], Sink]) -> Sink:
    try:
        return make()
    except ImportError as error:
        raise ConfigError(
            f"{setting} needs what is not installed ({error}). Run `pip install"
            f" 'airflow-lite[{extra}]'`, or leave the setting out."
        ) from None
