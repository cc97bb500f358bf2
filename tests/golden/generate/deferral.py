"""Write deferral.json: how the DAGs of deferral_dags.py end under Airflow 2.10.5.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python deferral.py OUTPUT_FOLDER

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
DAGS = FOLDER / "dags"
DAGS.mkdir()
for name in ("deferral_dags.py", "deferral_triggers.py"):
    shutil.copy(HERE.parent / name, DAGS)
(FOLDER / "file").touch()
BIN = Path(sys.executable).parent
os.environ.update(
    PATH=f"{BIN}:{os.environ['PATH']}",  # the executor calls `airflow`
    CONFORMANCE_DIR=str(FOLDER),
    AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__EXECUTOR="SequentialExecutor",
    AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL="1",
    AIRFLOW_CONN_FS_DEFAULT="fs://",
)

from airflow.models import DagRun  # noqa: E402
from airflow.models.xcom import XCom  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402

AIRFLOW = str(BIN / "airflow")


DAG_IDS = ("deferral", "deferral_mapped")


def is_over(dag_id: str) -> bool:
    with create_session() as session:
        runs = DagRun.find(dag_id=dag_id, session=session)
        return bool(runs) and str(runs[0].state) in {"success", "failed"}


def end_of(dag_id: str) -> dict[str, object]:
    """Return [state, try, XComs by key, notes] of each instance, by task and index."""
    with create_session() as session:
        (run,) = DagRun.find(dag_id=dag_id, session=session)
        found: dict[str, object] = {"dag_run": str(run.state)}
        for ti in sorted(run.get_task_instances(session=session), key=lambda ti: ti.key):
            index = f"[{ti.map_index}]" if ti.map_index >= 0 else ""
            rows = session.query(XCom).filter(
                XCom.dag_id == dag_id,
                XCom.run_id == run.run_id,
                XCom.task_id == ti.task_id,
                XCom.map_index == ti.map_index,
            )
            xcoms = {row.key: row.value for row in rows}
            notes = FOLDER / f"deferral_{ti.task_id}"
            lines = notes.read_text().splitlines() if notes.exists() else []
            shown = sorted(lines) if index else lines
            found[f"{ti.task_id}{index}"] = [str(ti.state), ti.try_number, xcoms, shown]
        return found


def main(output: Path) -> None:
    log = (FOLDER / "log").open("w")
    processes = [
        subprocess.Popen([AIRFLOW, name], stdout=log, stderr=log)
        for name in ("scheduler", "triggerer")
    ]
    try:
        subprocess.run([AIRFLOW, "dags", "reserialize"], check=True, stdout=log, stderr=log)
        for dag_id in DAG_IDS:
            subprocess.run([AIRFLOW, "dags", "unpause", dag_id], check=True, stdout=log)
            subprocess.run([AIRFLOW, "dags", "trigger", dag_id], check=True, stdout=log)
        while not all(map(is_over, DAG_IDS)):
            time.sleep(1)
        time.sleep(5)  # callbacks of what its triggers ended
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    data = {"airflow": "2.10.5", "ends": {dag_id: end_of(dag_id) for dag_id in DAG_IDS}}
    (output / "deferral.json").write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
