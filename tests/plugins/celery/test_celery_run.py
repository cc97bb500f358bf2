"""DAGs run through real workers and brokers, with the states that they have everywhere."""

from __future__ import annotations

from airflow_lite.config import Config
from airflow_lite.hooks import HealthContext
from airflow_lite.plugins.groups import load_group
from airflow_lite_celery_executor.plugin import check_health
from fixtures.databases import SETTING
from fixtures.goldens import run_conformance_dag

QUEUES = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("queues", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="anywhere", bash_command="true")
    BashOperator(task_id="on_gpu", bash_command="true", queue={gpu!r}, priority_weight=9)
"""


def test_the_conformance_dag_ends_as_under_airflow(home, new_postgres, workers):
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    home.environ[SETTING] = new_postgres()
    home.run("db", "migrate")
    workers.start("first", "-c", "4")
    workers.start("second", "-c", "4")
    run_conformance_dag(home, "CeleryExecutor")


def test_a_task_whose_queue_no_worker_serves_says_so_and_waits_for_one(
    home, workers, broker, wait_until
):
    home.dag("queues", QUEUES.format(gpu=broker.gpu))
    home.run("db", "migrate")
    workers.start("one", "-c", "1")

    def states():
        return dict(home.execute("SELECT task_id, state FROM task_instance"))

    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "queues", "-r", "r")
        wait_until(lambda: states().get("anywhere") == "success", "the other task to end")
        assert (
            f"It waits in queue {broker.gpu!r}, and no worker has it: no worker takes tasks from"
            f" it. Start one with `airflow-lite celery worker --queues {broker.gpu}`"
        ) in home.run("tasks", "logs", "queues", "on_gpu", "r").stdout
        rows = {row["queue"]: row for row in home.json("celery", "status")}
        assert (rows[broker.gpu]["state"], rows[broker.gpu]["waiting"]) == ("no worker", 1)
        config = Config.load(home.environ)
        load_group("celery", config)
        report = check_health(HealthContext(config, 10.0))
        assert report is not None
        assert not report.healthy
        assert report.message == (
            f"no worker takes tasks from queue {broker.gpu!r}: start one with"
            f" `airflow-lite celery worker --queues {broker.gpu}`"
        )
        workers.start("two", "-c", "1", "--queues", broker.gpu)
        wait_until(lambda: states().get("on_gpu") == "success", "a worker to take it")
    broker.clean(broker.gpu)
