"""`/metrics` passes on what a scheduler shows to Prometheus, where that is on."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from airflow_lite.metrics.prometheus import Prometheus
from airflow_lite_testing.proxy import free_port
from airflow_lite_web.access.users import Role
from fixtures.waits import DEADLINE_S
from plugins.web.conftest import Web


@pytest.fixture
def get(tmp_path):
    """Give a function that asks for `/metrics` with these settings, as a viewer or a stranger."""
    webs = []

    def get(role=Role.VIEWER, **settings):
        overrides = {("metrics", name): value for name, value in settings.items()}
        web = Web(tmp_path / "home", overrides=overrides)
        webs.append(web)
        return web.client(role).get("/metrics")

    yield get
    for web in webs:
        web.store.close()


def test_where_no_metrics_are_kept_it_says_how_they_are(get):
    answer = get()

    assert answer.status_code == 404
    assert answer.text.startswith("No metrics are kept. Set [metrics] prometheus_port or")


def test_a_stranger_sees_no_figures(get, tmp_path):
    assert get(None, prometheus_file=str(tmp_path / "f.prom")).status_code == 401


def test_it_passes_on_what_is_at_the_port(get):
    port = free_port()
    shown = Prometheus(port, "")
    shown.count("ti.finish", {"state": "success"})
    answer = get(prometheus_port=str(port))
    shown.close()

    assert 'airflow_ti_finish_total{state="success"} 1.0' in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_it_passes_on_what_is_in_the_file(get, tmp_path):
    file = tmp_path / "figures.prom"
    file.write_text("airflow_pools 1\n")

    assert get(prometheus_file=str(file)).text == "airflow_pools 1\n"


@pytest.mark.parametrize("setting", ["prometheus_port", "prometheus_file"])
def test_where_no_scheduler_shows_any_it_says_so(get, tmp_path, setting):
    value = str(free_port()) if setting == "prometheus_port" else str(tmp_path / "none")
    answer = get(**{setting: value})

    assert answer.status_code == 503
    assert answer.text.startswith("There are no metrics now: no scheduler shows any at ")


def test_what_something_else_answers_at_the_port_is_passed_on_to_nobody(get):
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:  # knows no method: 501
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        answer = get(prometheus_port=str(other.server_port))
        thread.join(DEADLINE_S)

    assert answer.status_code == 503
    assert answer.text.endswith("(the answer is 501).\n")
