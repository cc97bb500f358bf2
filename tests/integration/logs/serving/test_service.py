"""When the log server runs: from the first knock, until nobody asks or its starter is gone."""

from __future__ import annotations

import os
import re
import socket
from http.client import HTTPConnection
from pathlib import Path

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.logs.serving.serve_logs import serve_logs
from airflow_lite.logs.serving.service import LogService
from airflow_lite_testing.processes import is_alive
from fixtures.waits import DEADLINE_S

DAG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("says", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="hello", bash_command="echo said so")
"""
SERVED = re.compile(r"logs are served at http://127\.0\.0\.1:(\d+)")


def test_nothing_runs_until_somebody_asks_and_nothing_after(make_served, wait_until):
    served = make_served(idle_s=2.0)
    assert served.service.server_pid is None

    assert served.ask(served.token())[0] == 200
    first = served.service.server_pid
    assert first is not None
    wait_until(lambda: served.service.server_pid is None, "the server to end")
    assert not is_alive(first)

    assert served.ask(served.token())[0] == 200
    assert served.service.server_pid not in {None, first}


def test_it_listens_on_loopback_alone_unless_told_otherwise(make_served):
    assert make_served().service._listener.getsockname()[0] == "127.0.0.1"
    everywhere = make_served(worker_log_server_host="0.0.0.0")
    assert everywhere.service._listener.getsockname()[0] == "0.0.0.0"
    assert everywhere.ask(everywhere.token())[0] == 200


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "worker_log_server_port",
            "99999",
            r"^\[logging\] worker_log_server_port is '99999' .*\. Make it 0 to 65535",
        ),
        ("worker_log_server_port", "x", r"^\[logging\] worker_log_server_port is 'x'"),
        (
            "worker_log_server_host",
            " ",
            r"^\[logging\] worker_log_server_host is empty\. Make it 127\.0\.0\.1",
        ),
    ],
)
def test_options_that_cannot_be_are_errors(tmp_path, name, value, message):
    with pytest.raises(ConfigError, match=message):
        LogService(Config(tmp_path, file={"logging": {name: value}}))


def test_a_server_that_fails_is_told_and_not_started_again_at_once(make_served, wait_until, caplog):
    served = make_served()
    (served.config.home / "logs.key").write_text("")  # no secret: the server cannot begin
    with socket.create_connection(("127.0.0.1", served.port)):
        wait_until(lambda: "ended with exit code 1" in caplog.text, "the server to fail")
    assert "the log server ended with exit code 1; not started again for 1 s" in caplog.text

    (served.config.home / "logs.key").unlink()
    assert served.ask(served.token())[0] == 200


@pytest.mark.parametrize("what", ["socket.socketpair", "Child.start"])
def test_a_server_that_cannot_be_started_is_told_and_no_error(tmp_path, monkeypatch, caplog, what):
    def fail(*_words, **_options):
        raise OSError(24, "Too many open files")

    service = LogService(Config(tmp_path, file={"logging": {"worker_log_server_port": "0"}}))
    service.start()
    with socket.create_connection(("127.0.0.1", service.port)), monkeypatch.context() as patch:
        patch.setattr(f"airflow_lite.logs.serving.service.{what}", fail)
        service.poll()
        service.poll()
    assert (
        caplog.text.count(
            "the log server cannot be started: Too many open files; not started again for 1 s"
        )
        == 1
    )
    assert service.server_pid is None
    service.close()


def test_a_port_that_is_taken_is_told_once_and_taken_when_it_is_free(tmp_path, caplog):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        service = LogService(
            Config(tmp_path, file={"logging": {"worker_log_server_port": str(port)}})
        )
        service.start()
        service._again_at = 0.0
        service.poll()
    assert (
        caplog.text.count(f"logs are not served at 127.0.0.1:{port}: Address already in use.") == 1
    )
    assert service.port is None

    service._again_at = 0.0
    service.poll()
    assert service.port == port
    service.close()


def test_a_command_on_a_worker_s_machine_serves_its_logs_for_its_own_time(make_served):
    other = make_served()
    with serve_logs(other.config) as port:
        assert port not in {None, other.port}
        connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        connection.request(
            "GET", f"/log/{other.path}", headers={"Authorization": f"Bearer {other.token()}"}
        )
        assert connection.getresponse().read().startswith(b"one\n")
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert other.service.server_pid is None


# ---------------------------------------------------------------- as the scheduler's child


def server_of(home):
    """Return the pids of log servers of this home."""
    mark = f"AIRFLOW_LITE_HOME={home.folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                b"airflow_lite.logs.serving.server" in (entry / "cmdline").read_bytes()
                and mark in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def knock(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    connection.request("GET", "/log/none")
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture
def port_of(wait_until):
    """Return the port on which a scheduler says that it serves logs."""
    return lambda scheduler: int(
        wait_until(lambda: SERVED.search(scheduler.output()), "logs to be served")[1]
    )


def test_a_scheduler_serves_the_logs_of_its_tasks(home, port_of, wait_until):
    home.dag("says", DAG)
    home.environ["AIRFLOW_LITE__CORE__HOSTNAME"] = "127.0.0.1"
    with home.scheduler() as scheduler:
        port = port_of(scheduler)
        home.run("dags", "trigger", "says", "-r", "one", "--wait")
        assert server_of(home) == []
        assert knock(port) == 403  # it is started

        home.environ["AIRFLOW_LITE__LOGGING__WORKER_LOG_SERVER_PORT"] = str(port)
        home.environ["AIRFLOW_LITE__LOGGING__BASE_LOG_FOLDER"] = str(home.folder / "none")
        home.environ["AIRFLOW_LITE__CORE__HOSTNAME"] = "another"
        assert "said so" in home.run("tasks", "logs", "says", "hello", "one").stdout
        assert len(server_of(home)) == 1
    wait_until(lambda: not server_of(home), "the server to end with the scheduler")


def test_no_server_outlives_a_scheduler_that_is_killed(home, port_of, wait_until):
    with home.scheduler() as scheduler:
        port = port_of(scheduler)
        assert knock(port) == 403
        (server,) = server_of(home)
        scheduler.kill()
    wait_until(lambda: not is_alive(server), "the server to end")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_that_answers_slowly_does_not_outlive_its_scheduler(home, port_of, wait_until):
    from airflow_lite.config import Config
    from airflow_lite.logs.serving.token import sign, signing_key

    path = "dag_id=d/run_id=r/task_id=t/attempt=1.log"
    log = home.folder / "logs" / path
    log.parent.mkdir(parents=True)
    log.touch()
    os.truncate(log, 1 << 28)
    with (
        home.scheduler() as scheduler,
        socket.create_connection(("127.0.0.1", port_of(scheduler)), timeout=DEADLINE_S) as reader,
    ):
        token = sign(signing_key(Config.load(home.environ)), path, 30)
        reader.sendall(
            f"GET /log/{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        assert reader.recv(12) == b"HTTP/1.1 200"  # and no more is taken
        assert scheduler.stop() == 0
    wait_until(lambda: not server_of(home), "the server to end")


def test_skip_serve_logs_listens_on_nothing(home):
    done = home.run(
        "--executor", "LocalExecutor", "scheduler", "--skip-serve-logs", "--num-runs", "1"
    )
    assert "logs are" not in done.stderr


def test_an_executor_that_serves_no_logs_has_none_served(home):
    done = home.run("--executor", "DebugExecutor", "scheduler", "--num-runs", "1")
    assert "logs are" not in done.stderr


@pytest.mark.parametrize("module", ["uvicorn", "starlette"])
def test_without_the_extra_one_line_says_so_and_the_scheduler_goes_on(home, tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    home.environ["PYTHONPATH"] = str(tmp_path)

    done = home.run("--executor", "LocalExecutor", "scheduler", "--num-runs", "1")
    assert "logs are" not in done.stderr  # nobody else could ask by the loopback

    home.environ["AIRFLOW_LITE__LOGGING__WORKER_LOG_SERVER_HOST"] = "0.0.0.0"
    done = home.run("--executor", "LocalExecutor", "scheduler", "--num-runs", "1")
    (line,) = [line for line in done.stderr.splitlines() if "logs are" in line]
    assert line.endswith(
        f"logs are not served to other machines: there is no {module} (pip install 'airflow-lite[server]')"
    )
    assert "scheduler stopped" in done.stderr


def test_a_scheduler_goes_on_where_the_port_is_taken(home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        home.environ["AIRFLOW_LITE__LOGGING__WORKER_LOG_SERVER_PORT"] = str(port)
        done = home.run("--executor", "LocalExecutor", "scheduler", "--num-runs", "2")
    assert (
        done.stderr.count(f"logs are not served at 127.0.0.1:{port}: Address already in use.") == 1
    )
    assert "scheduler stopped" in done.stderr
