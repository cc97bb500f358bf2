"""RabbitMQ's quorum queues: they have neither priorities of ours nor a prefetch count of all."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.plugins.groups import load_group
from airflow_lite_celery_executor.looking import looking

DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def gated(ti):
    with open(os.path.join(HOME, "started"), "a") as file:
        file.write(f"{{ti.task_id}}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    for number in range(4):
        PythonOperator(
            task_id=f"t{{number}}",
            python_callable=gated,
            queue={gpu!r} if number == 3 else "default",
        )
"""
WRONG = (
    "this worker ends, for the broker refuses it: Queue.declare: (406) PRECONDITION_FAILED -"
    " inequivalent arg 'x-"
)


@pytest.mark.parametrize("broker", ["quorum-rabbitmq"], indirect=True)
def test_tasks_of_quorum_queues_hold_their_slots_and_no_more(home, workers, broker, wait_until):
    home.dag("d", DAG.format(gpu=broker.gpu).replace('"default"', repr(broker.name)))
    home.run("db", "migrate")
    workers.start("one", "-c", "1")
    config = Config.load(home.environ)
    load_group("celery", config)

    def started():
        path = home.folder / "started"
        return path.read_text().split() if path.exists() else []

    def ask(command, **arguments):
        with looking(config) as view:
            return view.ask(command, ["celery@one"], 5.0, **arguments).get("celery@one", {})

    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "d", "-r", "r")
        wait_until(lambda: len(started()) == 1, "a task to begin")
        wait_until(lambda: ask("airflow_lite_status").get("is_paused"), "the worker to pause")
        home.run("celery", "add-queue", "-q", broker.gpu, "-H", "celery@one")
        assert wait_until(lambda: ask("airflow_lite_status"), "it to answer")["is_paused"]
        ask("pool_grow", n=1)
        wait_until(lambda: len(started()) == 2, "the next one")
        workers.start("two", "-c", "1")
        (home.folder / "gate").touch()
        home.run("dags", "trigger", "d", "-r", "s", "--wait", "--timeout", "60")
    assert home.execute("SELECT DISTINCT state FROM task_instance") == [("success",)]
    assert sorted(started()) == sorted([f"t{number}" for number in range(4)] * 2)
    with broker.connect() as connection:
        for name in (broker.name, broker.gpu):
            broker.queue(name)(connection.default_channel).queue_declare()  # that is their type
        assert "Traceback" not in workers.output()
    broker.clean(broker.gpu)


@pytest.mark.parametrize("kinds", [("classic", "quorum"), ("quorum", "classic")])
@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_queue_of_another_type_is_told_in_one_line(home, workers, broker, kinds):
    made, wanted = kinds
    broker.is_quorum = made == "quorum"
    with broker.connect() as connection:
        broker.queue()(connection.default_channel).declare()
    home.environ["AIRFLOW_LITE__CELERY__TASK_DEFAULT_QUEUE_TYPE"] = wanted
    worker = workers.start("one", "-c", "1", is_ready=False)
    assert worker.wait(60) == 69
    (line,) = [line for line in worker.log.read_text().splitlines() if "406" in line]
    assert WRONG in line
    assert line.endswith(
        "The queue was made in another way. Set [celery] task_default_queue_type to the same"
        " everywhere, or have `rabbitmqctl delete_queue` remove the queue once it is empty"
    )
    assert "Traceback" not in worker.log.read_text()
