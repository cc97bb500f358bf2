"""Write datasets.json: what Airflow 2.10.5 makes of URIs, conditions and changes of datasets.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python datasets.py OUTPUT_FOLDER
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

warnings.simplefilter("ignore")
A, B, C, D = "s3://a/", "b", "c", "d"
URIS = [
    "", " ", "é", "a/b", "A", "S3://user:pw@Bucket/Key//?b=2&a=1#f", "x-foo://A/", "airflow://x",
    "file:///tmp/x/", "s3://bucket", "//host/p/", "postgres://H:5432/db/t", "s3://b/k?x", "mailto:me",
]  # fmt: skip
CONDITIONS = {
    "[a]": [A],
    "[a, b]": [A, B],
    "a | b": "A | B",
    "a & b | c": "A & B | C",
    "(a | b) & (c | d)": "(A | B) & (C | D)",
    "a | b | c": "A | B | C",
    "a & b & c": "A & B & C",
    "[]": [],
}
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
#: Steps of each story: a change [URI, second, day of the source's interval or None], "pause",
#: "unpause", or "pass", where the scheduler looks.
STORIES = {
    "one": (["a"], [["a", 1, 1], "pass"]),
    "of no run": (["a"], [["a", 1, None], "pass"]),
    "both": (["a", "b"], [["a", 1, 3], "pass", ["b", 2, 1], "pass", ["a", 3, 4], "pass"]),
    "twice before a pass": (["a"], [["a", 1, 1], ["a", 2, 5], "pass", "pass"]),
    "while paused": (
        ["a"],
        [["a", 1, 1], "pass", "pause", ["a", 2, 2], "pass", "unpause", "pass", ["a", 3, 3], "pass"],
    ),
    "queued, then paused": (["a"], [["a", 1, 1], "pause", "pass", "unpause", "pass"]),
    "before the first": (["a"], ["pause", ["a", 1, 1], "unpause", "pass", ["a", 2, 2], "pass"]),
    "others": (["a"], [["b", 1, 1], "pass", ["a", 2, 2], "pass"]),
}


def condition_of(written):
    from airflow.datasets import Dataset, DatasetAll

    if isinstance(written, list):
        return DatasetAll(*map(Dataset, written))
    return eval(written, {"A": Dataset(A), "B": Dataset(B), "C": Dataset(C), "D": Dataset(D)})


def uri_of(text):
    from airflow.datasets import Dataset

    try:
        return Dataset(text).uri
    except ValueError as error:
        return {"error": str(error)}


def verdicts(condition):
    every = [A, B, C, D]
    subsets = itertools.chain(*(itertools.combinations(every, n) for n in range(5)))
    return {
        "expression": condition.as_expression(),
        "met_by": [
            [*some] for some in subsets if condition.evaluate({name: True for name in some})
        ],
    }


def story_of(name, uris, steps):
    """Play one story; return the runs: id, interval, and the changes (by their place) each is for."""
    from airflow import DAG
    from airflow.datasets import Dataset
    from airflow.datasets.manager import DatasetManager
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models import DagModel, DagRun
    from airflow.models.dataset import DatasetDagRunQueue, DatasetEvent
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.operators.empty import EmptyOperator
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

    prefix = name.replace(" ", "_").replace(",", "")
    own = lambda uri: Dataset(f"{prefix}/{uri}")  # noqa: E731
    consumer = DAG(f"{prefix}_consumer", schedule=[own(uri) for uri in uris], start_date=START)
    producer = DAG(f"{prefix}_producer", schedule=None, start_date=START)
    EmptyOperator(task_id="t", dag=consumer)
    EmptyOperator(task_id="t", dag=producer, outlets=[own(uri) for uri in "ab"])
    with create_session() as session:
        DAG.bulk_write_to_db([consumer, producer], session=session)
        for dag in (consumer, producer):
            SerializedDagModel.write_dag(dag, session=session)
            session.get(DagModel, dag.dag_id).is_paused = False
    runner = SchedulerJobRunner(Job())
    runner.dagbag.read_dags_from_db = True
    events = []
    for step in steps:
        with create_session() as session:
            model = session.get(DagModel, consumer.dag_id)
            if step in ("pause", "unpause"):
                model.is_paused = step == "pause"
            elif step == "pass":
                query, info = DagModel.dags_needing_dagruns(session)
                models = [
                    dag for dag in query if dag.dag_id == consumer.dag_id and dag.dag_id in info
                ]
                runner._create_dag_runs_dataset_triggered(models, info, session)
            else:
                uri, second, day = step
                ti = None
                if day is not None:
                    begin = START + timedelta(days=day)
                    run = producer.create_dagrun(
                        run_id=f"r{second}",
                        run_type=DagRunType.MANUAL,
                        execution_date=begin + timedelta(seconds=second),
                        data_interval=(begin, begin + timedelta(days=1)),
                        state=DagRunState.SUCCESS,
                        session=session,
                    )
                    ti = run.get_task_instance("t", session=session)
                made = DatasetManager.register_dataset_change(
                    task_instance=ti, dataset=own(uri), session=session
                )
                made.timestamp = START + timedelta(days=30, seconds=second)
                session.flush()
                new = DatasetDagRunQueue.created_at > START + timedelta(days=60)
                for queued in session.query(DatasetDagRunQueue).filter(new):
                    queued.created_at = made.timestamp
                events.append(made.id)
    with create_session() as session:
        runs = (
            session.query(DagRun).filter_by(dag_id=consumer.dag_id).order_by(DagRun.execution_date)
        )
        found = [
            {
                "run_id": run.run_id,
                "run_type": str(run.run_type),
                "interval": [
                    run.data_interval_start.isoformat(),
                    run.data_interval_end.isoformat(),
                ],
                "changes": sorted(events.index(event.id) for event in run.consumed_dataset_events),
            }
            for run in runs
        ]
        session.query(DatasetEvent).delete()
        session.query(DatasetDagRunQueue).delete()
    return {"waits_for": uris, "steps": steps, "runs": found}


def main(folder):
    import airflow

    subprocess.run(["airflow", "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
    answers = {
        "airflow": airflow.__version__,
        "uris": {text: uri_of(text) for text in URIS},
        "conditions": {
            name: verdicts(condition_of(written)) for name, written in CONDITIONS.items()
        },
        "stories": {name: story_of(name, *story) for name, story in STORIES.items()},
    }
    Path(folder, "datasets.json").write_text(
        json.dumps(answers, indent=1, ensure_ascii=False) + "\n"
    )


main(sys.argv[1])
