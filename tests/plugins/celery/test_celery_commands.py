"""`airflow-lite celery …`: workers by our commands, and what is told of them."""

from __future__ import annotations

import os
import re
import subprocess
from base64 import b64encode
from http.client import HTTPConnection
from pathlib import Path

import pytest

from airflow_lite.config import Config
from airflow_lite.hooks import HealthContext, HealthReport, WebPanelContext
from airflow_lite.plugins.groups import load_group
from airflow_lite_celery_executor.plugin import check_health, get_web_panels
from airflow_lite_testing.proxy import free_port
from fixtures.processes import processes_of


def answer(home, name, wait_until):
    """Return the row of a worker in the listing, once it is there."""

    def row():
        rows = {each["worker_name"]: each for each in home.json("celery", "list-workers")}
        return rows.get(name)

    return wait_until(row, f"{name} to answer")


def test_workers_are_listed_with_queues_slots_and_faults(home, workers, broker, wait_until):
    workers.start("one", "-c", "3", "--queues", f"{broker.name},{broker.gpu}")
    row = answer(home, "celery@one", wait_until)
    assert row["queues"] == [broker.name, broker.gpu]
    assert (row["slots"], row["running"], row["refused"], row["faults"]) == (3, 0, 0, [])

    def told():
        rows = {each["queue"]: each for each in home.json("celery", "status")}
        return rows if rows[broker.gpu]["workers"] else None

    rows = wait_until(told, "the worker to answer")
    assert rows[broker.gpu]["workers"] == ["celery@one"]
    assert rows[broker.gpu]["versions"] == [row["version"]]
    assert rows[broker.gpu]["faults"] == []
    assert rows[broker.name]["state"] == "ready"
    broker.clean(broker.gpu)


def test_a_second_worker_of_the_same_name_does_not_start(home, workers):
    workers.start("one", "-c", "1")
    second = workers.start("one", "-c", "1", is_ready=False)
    assert second.wait(60) == 1
    assert second.log.read_text().splitlines()[-1] == (
        "airflow-lite: error: A worker that is named celery@one runs already, and each would take"
        " commands for the other. Give this one another name with --celery-hostname, such as one@%h, or"
        " leave that out."
    )


def test_queues_come_and_go_while_a_worker_runs(home, workers, broker, wait_until):
    workers.start("one", "-c", "1")
    for command, queues in (
        ("add-queue", [broker.name, broker.gpu]),
        ("remove-queue", [broker.name]),
    ):
        home.run("celery", command, "-q", broker.gpu, "-H", "celery@one")
        assert answer(home, "celery@one", wait_until)["queues"] == queues
    broker.clean(broker.gpu)


def test_eight_slots_cost_no_processes_and_a_worker_at_rest_60_mb_and_a_hundredth_of_a_core(
    home, workers, wait_until
):
    alive = home.folder / "alive"
    worker = workers.start(
        "one", "-c", "8", environ={"AIRFLOW_LITE__CELERY__WORKER_LIVENESS_FILE": str(alive)}
    )
    processes = processes_of(home.folder)
    assert len(processes) <= 3  # the worker, its task host, and what forks tasks
    text = Path(f"/proc/{worker.pid}/smaps_rollup").read_text()
    (pss_kb,) = re.findall(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    assert int(pss_kb) <= 60_000

    def wait_for_touch():
        os.utime(alive, (0, 0))
        wait_until(lambda: alive.stat().st_mtime > 0, "the file to be touched")
        return alive.stat().st_mtime, sum(cpu_s(one.pid) for one in processes)

    wait_for_touch()  # whatever starting has left to do
    (since, before_s), *_, (until, after_s) = [wait_for_touch() for _ in range(4)]
    assert after_s - before_s <= (until - since) / 100


def cpu_s(pid):
    """Return the CPU seconds of all threads of a process."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def test_workers_end_when_they_are_told_to(home, workers):
    one, two = workers.start("one", "-c", "1"), workers.start("two", "-c", "1")
    home.run("celery", "shutdown-worker", "-H", "celery@one")
    assert one.wait(60) == 0
    done = home.run("celery", "shutdown-worker", "-H", "celery@one", exit_code=1)
    assert done.stderr == (
        "airflow-lite: error: No worker 'celery@one' answers. List them with `airflow-lite celery"
        " list-workers`.\n"
    )
    home.run("celery", "shutdown-all-workers", exit_code=1)  # nobody says yes
    assert two.poll() is None
    home.run("celery", "shutdown-all-workers", "--yes")
    assert two.wait(60) == 0


def test_a_worker_runs_in_the_background_until_it_is_stopped(home, workers, wait_until):
    home.run("db", "migrate")
    home.run("celery", "worker", "--daemon", "-c", "1", "--celery-hostname", "hidden")
    answer(home, "celery@hidden", wait_until)
    second = home.run("celery", "worker", "--daemon", exit_code=1)
    assert f"Read {home.folder}/celery-worker.log." in second.stderr
    assert "was told to stop" in home.run("celery", "stop").stdout
    wait_until(lambda: not (home.folder / "celery-worker.pid").exists(), "it to end")
    done = home.run("celery", "stop", exit_code=1)
    assert done.stderr == (
        f"airflow-lite: error: No worker runs by {home.folder}/celery-worker.pid. `airflow-lite"
        " celery list-workers` shows those that do.\n"
    )


def test_a_worker_takes_more_at_once_when_it_is_told_to(home, workers, wait_until):
    from airflow_lite_celery_executor.looking import looking

    workers.start("one", "-c", "2")
    config = Config.load(home.environ)
    load_group("celery", config)
    with looking(config) as view:
        for command, number, slots in (("pool_grow", 3, 5), ("pool_shrink", 4, 1)):
            answers = view.ask(command, ["celery@one"], 5.0, n=number)
            assert "ok" in answers["celery@one"], answers
            assert answer(home, "celery@one", wait_until)["slots"] == slots


def test_the_health_check_asks_every_worker(home, workers, broker):
    def configured():
        config = Config.load(home.environ)
        load_group("celery", config)
        return config

    def health():
        return check_health(HealthContext(configured(), 10.0))

    home.run("db", "migrate")
    assert health().message == (
        "No Celery worker with this home's celery.key answers. Start one with `airflow-lite celery"
        " worker`."
    )
    workers.start("one", "-c", "1")
    assert health() == HealthReport(True, "The broker and 1 Celery worker answer.")
    queues, those = get_web_panels(WebPanelContext(configured(), 10.0))
    assert [row["worker_name"] for row in those.rows] == ["celery@one"]
    assert {*queues.columns} <= {*queues.rows[0]}
    home.dags.rmdir()
    report = health()
    assert not report.healthy
    assert f"celery@one has no folder '{home.dags}': set [core] dags_folder there" in report.message
    home.dags.mkdir()
    home.environ["AIRFLOW_LITE__OPERATORS__DEFAULT_QUEUE"] = broker.gpu
    assert f"no worker takes tasks from queue '{broker.gpu}'" in health().message
    home.environ["AIRFLOW_LITE__CELERY__BROKER_URL"] = "redis://:secret@127.0.0.1:1/0"
    assert health().message.startswith("No broker answers at redis://:**@127.0.0.1:1/0 (")


def get(port, headers):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/workers", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_flower_is_shown_to_those_who_have_its_password(home, workers, wait_until):
    port, log = free_port(), home.folder / "flower.out"
    home.environ["AIRFLOW_LITE__CELERY__FLOWER_BASIC_AUTH"] = "user:word"
    with log.open("wb") as file:
        process = home.start(
            "celery", "flower", "--port", str(port), stdout=file, stderr=subprocess.STDOUT
        )
    wait_until(lambda: "Visit me at" in log.read_text(), "Flower")
    assert get(port, {}) == 401
    assert get(port, {"Authorization": f"Basic {b64encode(b'user:word').decode()}"}) == 200
    process.terminate()
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["worker", "-c", "0"], "--concurrency is 0. Make it 1 or more."),
        (
            ["worker", "-a", "2,4"],
            "--autoscale is '2,4'. Make it two numbers, the larger one first: 16,4.",
        ),
        (["add-queue", "-q", " , ", "-H", "x"], "--queues names no queue."),
        (
            ["worker", "-q", "a,amq.b"],
            "--queues names 'amq.b': names that begin with amq. are the broker's own. Give it"
            " another.",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(home, redis_url, words, message):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "CeleryExecutor"
    home.environ["AIRFLOW_LITE__CELERY__BROKER_URL"] = redis_url
    done = home.run("celery", *words, exit_code=1)
    assert done.stderr == f"airflow-lite: error: {message}\n"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://a:b@127.0.0.1:1//"])
def test_a_broker_that_does_not_answer_is_told_in_one_line(home, url):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "CeleryExecutor"
    home.environ["AIRFLOW_LITE__CELERY__BROKER_URL"] = url
    done = home.run("celery", "status", exit_code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("airflow-lite: error: No broker answers at ")
    assert line.endswith("Start it, or mend [celery] broker_url.")


def test_a_worker_without_the_key_of_another_machines_scheduler_does_not_start(home):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "CeleryExecutor"
    home.environ["AIRFLOW_LITE__CELERY__BROKER_URL"] = "redis://broker.invalid:6379/0"
    done = home.run("celery", "worker", "--skip-serve-logs", exit_code=1)
    assert f"There is no {home.folder}/celery.key here. Copy celery.key" in done.stderr


def test_help_of_the_group_brings_no_celery(home):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "CeleryExecutor"
    done = subprocess.run(
        [home.python, "-X", "importtime", "-m", "airflow_lite", "celery", "worker", "--help"],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--autoscale" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"celery", "kombu", "redis", "amqp", "asyncio"}
