"""Write conformance_states.json: how conformance_dag.py ends under Airflow 2.10.5.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
with its bin folder first in PATH, and call
    AIRFLOW_HOME=$(mktemp -d) python conformance.py OUTPUT_FOLDER
A real scheduler with SequentialExecutor runs the DAG; it takes some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TRIGGER = {
    "run_id": "conformance_run",
    "logical_date": "2024-02-29T12:34:56+00:00",
    "conf": {"who": "world", "greeting": "hi"},
}
RENDERED = ("bash", "pull", "make_numbers")
DEADLINE_S = 900


def call(*words: str) -> None:
    subprocess.run(["airflow", *words], check=True)


def prepare(home: Path) -> None:
    (home / "dags").mkdir(parents=True)
    (home / "counts").mkdir()
    shutil.copy(Path(__file__).parents[1] / "conformance_dag.py", home / "dags")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["CONFORMANCE_DIR"] = str(home / "counts")
    call("db", "migrate")
    call("dags", "reserialize")
    call("dags", "unpause", "conformance", "-y")
    call(
        "dags", "trigger", "conformance",
        "--run-id", TRIGGER["run_id"],
        "--exec-date", TRIGGER["logical_date"],
        "--conf", json.dumps(TRIGGER["conf"]),
    )  # fmt: skip


def run_to_end() -> None:
    scheduler = subprocess.Popen(["airflow", "scheduler"], stdout=subprocess.DEVNULL)
    try:
        wait_for_end(time.monotonic() + DEADLINE_S)
    finally:
        scheduler.send_signal(signal.SIGTERM)
        scheduler.wait(60)


def wait_for_end(deadline: float) -> None:
    while find_run().state not in ("success", "failed"):
        assert time.monotonic() < deadline, "the run has not ended"
        time.sleep(2)


def find_run():
    from airflow.models.dagrun import DagRun

    return DagRun.find(run_id=TRIGGER["run_id"])[0]


def task_rows() -> dict[str, dict[str, object]]:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XCom
    from airflow.utils.session import create_session

    rows: dict[str, dict[str, object]] = {}
    with create_session() as session:
        for ti in sorted(find_run().get_task_instances(), key=lambda ti: ti.task_id):
            row: dict[str, object] = {
                "state": str(ti.state),
                "try_number": ti.try_number,
                "max_tries": ti.max_tries,
            }
            mine = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id}
            xcoms = session.query(XCom).filter_by(**mine).order_by(XCom.key)
            row["xcom"] = {found.key: stable(found.value) for found in xcoms}
            if ti.task_id in RENDERED:
                fields = session.query(RenderedTaskInstanceFields).filter_by(**mine).one()
                row["rendered"] = {
                    key: value for key, value in fields.rendered_fields.items() if value
                }
            rows[ti.task_id] = row
    return rows


def stable(value: object) -> object:
    """Sort what Airflow stores in the order of a set: the tasks that a short circuit skipped."""
    if isinstance(value, dict) and list(value) == ["skipped"]:
        return {"skipped": sorted(value["skipped"])}
    return value


def main(output: Path) -> None:
    prepare(Path(os.environ["AIRFLOW_HOME"]))
    run_to_end()
    rows = task_rows()
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
    head = {"airflow": "2.10.5", "trigger": TRIGGER, "dag_run_state": str(find_run().state)}
    text = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    (output / "conformance_states.json").write_text(f'{{\n{text} "tasks": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
