"""Write chained.json: how the DAGs of chained_dags.py end under Airflow 2.10.5.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2' psycopg2-binary
with a PostgreSQL database of its own, since a task of it waits while others run, and call
    export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=postgresql+psycopg2://...
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python chained.py OUTPUT_FOLDER

Its scheduler and triggerer run them, each in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(tempfile.mkdtemp())
shutil.copy(HERE.parent / "chained_dags.py", FOLDER)
BIN = Path(sys.executable).parent
os.environ.update(
    PATH=f"{BIN}:{os.environ['PATH']}",  # the executor calls `airflow`
    AIRFLOW__CORE__DAGS_FOLDER=str(FOLDER),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__EXECUTOR="LocalExecutor",
    AIRFLOW__CORE__PARALLELISM="8",
)

from airflow.models import DagRun  # noqa: E402
from airflow.models.xcom import XCom  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402

AIRFLOW = str(BIN / "airflow")
#: Keys of XComs whose value is another one each time.
TIMES = {"trigger_logical_date_iso"}
#: What starts, and how many runs there are of each DAG in the end.
TRIGGERED = ("chained_starter", "chained_sensors", "chained_producer")
RUNS = {
    **dict.fromkeys(TRIGGERED, 1),
    "chained_started": 7,
    "chained_consumer": 1,
    "chained_by_alias": 1,
    "chained_never": 0,
}


def are_over(dag_id: str) -> bool:
    with create_session() as session:
        runs = DagRun.find(dag_id=dag_id, session=session)
        ended = [run for run in runs if str(run.state) in {"success", "failed"}]
        return len(ended) >= RUNS[dag_id]


def end_of(dag_id: str) -> list[dict[str, object]]:
    """Return of each run its id (without a time), type, state, and [state, try, XComs] by task."""
    with create_session() as session:
        found = []
        for run in DagRun.find(dag_id=dag_id, session=session):
            tasks = {}
            for ti in run.get_task_instances(session=session):
                rows = session.query(XCom).filter(
                    XCom.dag_id == dag_id,
                    XCom.run_id == run.run_id,
                    XCom.task_id == ti.task_id,
                    XCom.map_index == ti.map_index,
                )
                xcoms = {row.key: "a time" if row.key in TIMES else row.value for row in rows}
                name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
                tasks[name] = [str(ti.state), ti.try_number, xcoms]
            run_id = run.run_id.partition("__")[0]
            row = {"run_id": run_id, "type": str(run.run_type), "state": str(run.state)}
            found.append({**row, "tasks": tasks})
        return sorted(found, key=lambda row: row["run_id"])


def main(output: Path) -> None:
    log = (FOLDER / "log").open("w")
    subprocess.run([AIRFLOW, "dags", "reserialize"], check=True, stdout=log, stderr=log)
    for dag_id in RUNS:
        subprocess.run([AIRFLOW, "dags", "unpause", dag_id], check=True, stdout=log)
    processes = [
        subprocess.Popen([AIRFLOW, name], stdout=log, stderr=log)
        for name in ("scheduler", "triggerer")
    ]
    try:
        for dag_id in TRIGGERED:
            words = [AIRFLOW, "dags", "trigger", dag_id, "-r", "r"]
            subprocess.run(words, check=True, stdout=log)
        while not all(map(are_over, RUNS)):
            time.sleep(1)
        time.sleep(10)  # runs that should not be made
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    data = {"airflow": "2.10.5", "ends": {dag_id: end_of(dag_id) for dag_id in RUNS}}
    (output / "chained.json").write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
