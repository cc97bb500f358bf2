"""An environment of its own with unchanged providers of Airflow's, and the servers that they speak to."""

from __future__ import annotations

import http.server
import subprocess
import sys
import sysconfig
import threading
import venv
from pathlib import Path

import pytest

from fixtures.homes import Home

PROVIDERS = ("sqlite", "http", "postgres", "smtp", "ssh", "sftp", "slack", "amazon", "daskexecutor")
#: Servers that they speak to, and executors for Airflow 2 that are in no provider.
SERVERS = ("moto[s3]", "flask", "flask-cors")
EXECUTORS = ("airflow-aws-executors", "airflow-slurm-executor")
#: Without them, whatever was published since is tried, and pip may look for hours.
CONSTRAINTS = Path(__file__).with_name("constraints.txt")


@pytest.fixture(scope="module")
def with_providers(tmp_path_factory):
    """The Python of an environment over this one, with providers installed by the command."""
    folder = tmp_path_factory.mktemp("providers")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    below = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (type(folder)(site) / "_below.pth").write_text(below)
    home = Home(folder / "home", python=str(python))
    environ = home.environ | {"PIP_CONSTRAINT": str(CONSTRAINTS)}
    install = (python, "-m", "airflow_lite", "airflow-names", "install-provider", *PROVIDERS)
    assert output_of(install, environ).endswith(
        "Installed without Apache Airflow. `pip check` will say that they require apache-airflow,"
        " which is not installed: airflow-lite-airflow-names answers in its place.\n"
    )
    for words in (SERVERS, ("--no-deps", *EXECUTORS)):
        output_of((python, "-m", "pip", "install", "-q", *words), environ)
    return str(python)


def output_of(command, environ):
    """Return what a command printed that installs."""
    done = subprocess.run(
        command, env=environ, stdout=subprocess.PIPE, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, (command, done.stdout)
    return done.stdout


@pytest.fixture
def provider_home(with_providers, tmp_path, new_database):
    """A home whose commands run where providers are installed."""
    return Home(tmp_path / "home", new_database(), python=with_providers)


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(f'{{"path": "{self.path}"}}'.encode())

    def log_message(self, *arguments):
        print(*arguments, file=sys.stderr)


@pytest.fixture
def pages():
    """The port of a server that answers each GET with its path."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()
