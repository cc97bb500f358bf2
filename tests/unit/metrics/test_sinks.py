"""Figures reach Prometheus and an OpenTelemetry collector under Airflow's names."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.metrics.configured import open_sinks
from airflow_lite.metrics.prometheus import Prometheus
from airflow_lite.metrics.sink import Sinks

TAGS = {"dag_id": "d", "task_id": "t"}


def tell(sink):
    for _ in range(2):
        sink.count("ti.start", TAGS)
    sink.gauge("executor.open_slots", 3, {"status": "open", "name": "Local"})
    sink.timing("dagrun.duration.success", 1.5, {"dag_id": "d"})


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_prometheus_is_told_at_a_port_of_this_machine_and_in_a_file(tmp_path, free_port):
    sink = Prometheus(free_port, str(tmp_path / "metrics.prom"))
    tell(sink)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics") as answer:
        shown = answer.read().decode()
    sink.close()

    lines = [line for line in shown.splitlines() if not line.startswith("#")]
    assert lines == [
        'airflow_ti_start_total{dag_id="d",task_id="t"} 2.0',
        'airflow_executor_open_slots{name="Local",status="open"} 3.0',
        'airflow_dagrun_duration_success_seconds_count{dag_id="d"} 1.0',
        'airflow_dagrun_duration_success_seconds_sum{dag_id="d"} 1.5',
    ]
    assert (tmp_path / "metrics.prom").read_text() == shown
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", free_port))


def test_a_port_that_is_taken_is_told_and_harms_nothing(caplog, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sink = Prometheus(port, str(tmp_path / "metrics.prom"))
    tell(sink)
    sink.close()

    assert f"metrics are not shown at 127.0.0.1:{port}: Address already in use." in caplog.text
    assert (tmp_path / "metrics.prom").exists()


#: What a collector was sent: path and body.
TAKEN: list[tuple[str, bytes]] = []


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        TAKEN.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    TAKEN.clear()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def config_of(tmp_path, **settings):
    names = {f"AIRFLOW_LITE__METRICS__{name.upper()}": str(v) for name, v in settings.items()}
    return Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), **names})


def test_a_collector_gets_what_was_told_at_the_end_at_the_latest(tmp_path, collector):
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

    sinks = open_sinks(config_of(tmp_path, otel_on=True, otel_port=collector.server_port))
    assert sinks is not None
    tell(sinks)
    sinks.close()

    path, body = TAKEN[-1]
    request = metrics_service_pb2.ExportMetricsServiceRequest.FromString(body)
    (of_resource,) = request.resource_metrics
    service = {a.key: a.value.string_value for a in of_resource.resource.attributes}
    metrics = {m.name: m for scope in of_resource.scope_metrics for m in scope.metrics}
    assert (path, service["service.name"]) == ("/v1/metrics", "Airflow")
    assert metrics["airflow.ti.start"].sum.data_points[0].as_int == 2
    assert metrics["airflow.executor.open_slots"].gauge.data_points[0].as_double == 3
    assert metrics["airflow.dagrun.duration.success"].histogram.data_points[0].sum == 1.5
    (point,) = metrics["airflow.ti.start"].sum.data_points
    assert {a.key: a.value.string_value for a in point.attributes} == TAGS


def test_nothing_is_loaded_where_nobody_asked(tmp_path):
    assert open_sinks(config_of(tmp_path)) is None


@pytest.mark.parametrize(
    ("setting", "module", "extra"),
    [
        ({"prometheus_port": 1}, "prometheus_client", "prometheus"),
        ({"otel_on": True}, "opentelemetry.sdk.metrics", "otel"),
    ],
)
def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch, setting, module, extra):
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(
        ConfigError, match=rf"Run `pip install 'airflow-lite\[{extra}\]'`, or leave"
    ):
        open_sinks(config_of(tmp_path, **setting))


def test_what_a_sink_raises_is_logged_once_and_the_others_are_told(caplog, tmp_path):
    class Broken:
        def __getattr__(self, name):
            raise ValueError(name)

    other = Prometheus(0, str(tmp_path / "metrics.prom"))
    sinks = Sinks([Broken(), other])
    tell(sinks)
    sinks.close()

    assert caplog.text.count("metrics: Broken: ValueError: count") == 1
    assert "airflow_ti_start_total" in (tmp_path / "metrics.prom").read_text()
