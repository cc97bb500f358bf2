"""`airflow-lite dask …`: a cluster by our commands, on loopback, ended by a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from airflow_lite_dask_executor import serving
from airflow_lite_testing.proxy import free_port
from fixtures.waits import DEADLINE_S

LISTENING = "0A"
LOOPBACK = "0100007F"


def listening(pids):
    """Return the local addresses, in hex, on which these processes listen (IPv4 and IPv6)."""
    inodes = set()
    for pid in pids:
        with suppress(FileNotFoundError):  # it ended
            for fd in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # it was that of a moment
                    target = os.readlink(fd)
                    if target.startswith("socket:["):
                        inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


def test_status_lists_workers_queues_and_what_runs(home, make_cluster):
    cluster = make_cluster()
    cluster.start_scheduler()
    cluster.start_worker("worker-1", "--nthreads", "3", "--queues", "gpu,big")
    cluster.start_worker("worker-2", "--nworkers", "2", "--nthreads", "1")
    cluster.wait_for_workers("worker-1", "worker-2")
    rows = home.json("dask", "status")
    assert sorted((row["threads"], tuple(row["queues"]), row["running"]) for row in rows) == [
        (1, (), 0),
        (1, (), 0),
        (3, ("big", "gpu"), 0),
    ]
    assert all(row["memory_mb"] > 0 and row["attempts"] == [] for row in rows)


def test_the_health_check_asks_every_worker(home, make_cluster, monkeypatch):
    from airflow_lite.config import Config
    from airflow_lite.hooks import HealthContext, WebPanelContext
    from airflow_lite.plugins.groups import load_group
    from airflow_lite_dask_executor.plugin import check_health, get_web_panels

    def configured():
        config = Config.load(home.environ)
        load_group("dask", config)
        return config

    def health():
        return check_health(HealthContext(configured(), 10.0))

    home.run("db", "migrate")
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(home.folder))
    make_cluster().up()
    assert health().message == "2 Dask workers see the DAG folder and the database."
    assert health().healthy
    (panel,) = get_web_panels(WebPanelContext(configured(), 10.0))
    assert [row["state"] for row in panel.rows] == ["ready", "ready"]
    assert {*panel.columns} <= {*panel.rows[0]}
    home.dags.rmdir()
    report = health()
    assert not report.healthy
    assert f"has no folder '{home.dags}'. Set [core] dags_folder there" in report.message
    home.environ["AIRFLOW_LITE__DASK__CLUSTER_ADDRESS"] = "127.0.0.1:1"
    home.environ["AIRFLOW_LITE__DASK__CONNECT_TIMEOUT_S"] = "1"
    assert health().message.startswith("No Dask scheduler answers at tcp://127.0.0.1:1 (")


def test_nothing_listens_beyond_this_machine(make_cluster, processes_left):
    make_cluster().up()
    assert listening(process.pid for process in processes_left()) == {LOOPBACK}


def test_a_whole_cluster_runs_in_the_foreground(home, make_cluster, wait_until):
    cluster = make_cluster()
    words = ("--port", str(cluster.port), "--workers", "2", "--nthreads", "3", "--queues", "gpu")
    process = cluster.start("cluster", "cluster", *words)
    said = f"Dask cluster at tcp://127.0.0.1:{cluster.port}: 2 Dask workers with 3 threads each\n"
    wait_until(lambda: said in cluster.output(), "the cluster")
    rows = home.json("dask", "status")
    assert [(row["threads"], row["queues"]) for row in rows] == [(3, ["gpu"])] * 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("command", ["cluster", "worker"])
def test_ctrl_c_ends_all_without_a_traceback(home, make_cluster, wait_until, command):
    cluster = make_cluster()
    if command == "worker":
        cluster.start_scheduler()
    where = f"127.0.0.1:{cluster.port}"
    words = ["--port", str(cluster.port)] if command == "cluster" else [where, "--nworkers", "2"]
    log = home.folder / "interrupted"
    with log.open("wb") as file:
        process = home.start(
            "dask", command, *words, stdout=file, stderr=file, start_new_session=True
        )
    wait_until(lambda: "2 Dask workers" in log.read_text(), "the workers")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(DEADLINE_S) == 0
    assert "Traceback" not in log.read_text(), log.read_text()


def test_workers_wait_for_their_scheduler_and_for_the_next_one(make_cluster, wait_until):
    cluster = make_cluster()
    worker = cluster.start_worker("worker-1", "--nthreads", "1")
    wait_until(lambda: "Looking for the Dask scheduler at" in cluster.output(), "the worker")
    for times in (1, 2):
        scheduler = cluster.start_scheduler()
        wait_until(
            lambda times=times: cluster.output().count("1 Dask worker with 1 thread at") == times,
            "the worker to find the scheduler",
        )
        scheduler.kill()
        scheduler.wait(DEADLINE_S)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(DEADLINE_S) == 0


def test_workers_look_again_where_no_scheduler_answers_what_they_ask(monkeypatch, capsys):
    async def work_for_one_that_says_nothing():
        from distributed.comm.core import listen

        stop = asyncio.Event()
        monkeypatch.setattr(serving, "_stop_on_signals", lambda: stop)
        async with listen("tcp://127.0.0.1:0", lambda comm: stop.wait()) as silent:
            crew = serving.Crew(silent.contact_address, workers=1, threads=1)
            working = asyncio.create_task(serving.serve_workers(crew))
            said = ""
            while said.count("Looking for") < 2:
                await asyncio.sleep(0)
                said += capsys.readouterr().out
            stop.set()
            await working
        return said

    monkeypatch.setattr(serving, "_START_S", 0.5)
    said = asyncio.run(asyncio.wait_for(work_for_one_that_says_nothing(), 60))
    assert "It does not answer: Nanny start timed out after 0.5s" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["worker"],
            "There is no Dask scheduler to work for. Give its ADDRESS, or set [dask] "
            "cluster_address.",
        ),
        (
            ["worker", "127.0.0.1:1", "--nworkers", "0"],
            "--nworkers is 0. Make it 1 or more.",
        ),
        (
            ["cluster", "--nthreads", "-1"],
            "--nthreads is -1. Make it 1 or more, or leave it out.",
        ),
        (
            ["status"],
            "[dask] cluster_address is empty: there is a cluster only while the scheduler runs. "
            "Set it, or export AIRFLOW_LITE__DASK__CLUSTER_ADDRESS.",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(home, words, message):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "DaskExecutor"
    done = home.run("dask", *words, exit_code=1)
    assert done.stderr == f"airflow-lite: error: {message}\n"


@pytest.mark.parametrize("command", ["scheduler", "cluster"])
def test_a_taken_port_is_told_in_one_line(home, command):
    import socket

    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "DaskExecutor"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = home.run("dask", command, "--port", str(port), exit_code=1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"airflow-lite: error: A Dask scheduler cannot listen on 127.0.0.1:{port}: "
    )
    assert "Address already in use" in last
    assert last.endswith(". Use another --port.")
    assert "Traceback" not in done.stderr


def test_a_cluster_that_does_not_answer_is_told_by_status(home):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "DaskExecutor"
    home.environ["AIRFLOW_LITE__DASK__CLUSTER_ADDRESS"] = "127.0.0.1:1"
    home.environ["AIRFLOW_LITE__DASK__CONNECT_TIMEOUT_S"] = "1"
    done = home.run("dask", "status", exit_code=1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("airflow-lite: error: No Dask scheduler answers at tcp://127.0.0.1:1 (")
    assert last.endswith(
        "Start it with `airflow-lite dask scheduler`, or mend [dask] cluster_address."
    )


def test_help_of_the_group_brings_no_dask(home):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "DaskExecutor"
    done = subprocess.run(
        [home.python, "-X", "importtime", "-m", "airflow_lite", "dask", "worker", "--help"],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert "--queues" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"dask", "distributed", "tornado", "asyncio"}


def knock(port):
    """Return what the log server of a port answers to who has no token; None if there is none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/log/none")
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


def test_a_worker_serves_the_logs_of_its_machine_while_it_runs(home, make_cluster, wait_until):
    port = free_port()
    home.environ["AIRFLOW_LITE__LOGGING__WORKER_LOG_SERVER_PORT"] = str(port)
    worker = make_cluster().start_worker("worker-1")
    log = home.folder / "worker-1.out"
    wait_until(lambda: "Looking for" in log.read_text(), "the worker to run")
    assert knock(port) == 403
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(DEADLINE_S) == 0
    assert knock(port) is None


def test_a_worker_serves_no_logs_where_it_is_told_so(home, make_cluster, wait_until):
    port = free_port()
    home.environ["AIRFLOW_LITE__LOGGING__WORKER_LOG_SERVER_PORT"] = str(port)
    make_cluster().start_worker("worker-1", "--skip-serve-logs")
    log = home.folder / "worker-1.out"
    wait_until(lambda: "Looking for" in log.read_text(), "the worker to run")
    assert knock(port) is None
