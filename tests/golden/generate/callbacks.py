"""Write callbacks.json: what Airflow 2.10.5 makes of notifiers, lists of callbacks and failures.

Run as `generate/semantics` is: python callbacks.py OUTPUT_FOLDER
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "semantics"), str(Path(__file__).parents[1])]

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.notifications.basenotifier import BaseNotifier
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from bench import MOMENT, boom, make_dag, one_pass, python, run_to_end, skip, start_run
from callback_cases import notifier_answers

#: The callbacks of a task.
CALLED = ("on_execute", "on_success", "on_failure", "on_retry", "on_skipped")

#: Label -> the limit of the DAG, and its runs in the order in which they end: the day, and how.
LIMITS = {
    "none": (0, [(0, "failed"), (1, "failed"), (2, "failed")]),
    "one": (1, [(0, "success"), (1, "failed")]),
    "two": (2, [(0, "failed"), (1, "failed")]),
    "two, not in a row": (2, [(0, "failed"), (1, "success"), (2, "failed"), (3, "failed")]),
    "two, by date": (2, [(3, "failed"), (1, "failed"), (2, "failed")]),
    "two, the newest is a success": (2, [(5, "success"), (1, "failed"), (2, "failed")]),
    "two, a newer one runs": (2, [(5, "runs"), (1, "failed"), (2, "failed")]),
    "two, one timed out": (2, [(0, "failed"), (1, "timed out"), (2, "failed")]),
    "three": (3, [(0, "failed"), (1, "failed"), (2, "failed")]),
}


def calls_of(name, seen):
    """Return three callbacks, of which the second raises."""

    def first(context):
        seen.append(f"{name} 1")

    def second(context):
        seen.append(f"{name} 2")
        raise ValueError("a callback")

    def third(context):
        seen.append(f"{name} 3")

    return [first, second, third]


def lists(session) -> dict[str, object]:
    """Which callbacks of lists are called, in which order; the second of each list raises."""
    found = {}
    calls = {"success": lambda **_: None, "failure": boom, "skipped": skip}
    for outcome, call in calls.items():
        for retries in (0, 1):
            seen: list[str] = []
            of_task = {name: calls_of(name, seen) for name in CALLED}
            of_dag = {name: calls_of(f"dag {name}", seen) for name in ("on_success", "on_failure")}
            with make_dag(
                f"lists_{outcome}_{retries}",
                **{f"{name}_callback": functions for name, functions in of_dag.items()},
            ) as dag:
                python(
                    "t",
                    call,
                    retries=retries,
                    retry_delay=timedelta(seconds=0),
                    **{f"{name}_callback": functions for name, functions in of_task.items()},
                )
            run_to_end(dag, start_run(dag, session), session)
            found[f"{outcome}, {retries} retries"] = seen
    return found


def run_as_scheduled(dag, run, session) -> None:
    """Run to the end as the scheduler does, whose session has the run whose state it sets."""
    run_id, state = run.run_id, run.state
    while state == DagRunState.RUNNING:
        run = session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id=run_id).one()
        one_pass(dag, run, session)
        state = run.state


def limits(session) -> dict[str, object]:
    """After which of its runs a DAG is paused."""
    found = {}
    for label, (limit, runs) in LIMITS.items():
        outcomes = dict(runs)

        def call(dag_run, outcomes=outcomes, **_):
            if outcomes[(dag_run.execution_date - MOMENT).days] != "success":
                raise ValueError("boom")

        dag_id = f"limit_{label.replace(' ', '_').replace(',', '')}"
        with make_dag(dag_id, max_consecutive_failed_dag_runs=limit) as dag:
            python("t", call)
        paused = []
        for day, outcome in runs:
            run = start_run(dag, session, day=day)
            if outcome == "timed out":  # as the scheduler ends such a run
                run.set_state(DagRunState.FAILED)
                session.commit()
            elif outcome != "runs":
                run_as_scheduled(dag, run, session)
            session.expire_all()
            paused.append(session.get(DagModel, dag_id).is_paused)
        found[label] = {"limit": limit, "runs": runs, "paused": paused}
    return found


def main(folder: str) -> None:
    with create_session() as session:
        data = {
            "notifiers": notifier_answers(BaseNotifier, make_dag),
            "lists": lists(session),
            "limits": limits(session),
        }
    sections = [
        f" {json.dumps(name)}: {{\n"
        + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in section.items())
        + "\n }"
        for name, section in data.items()
    ]
    Path(folder, "callbacks.json").write_text("{\n" + ",\n".join(sections) + "\n}\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    main(sys.argv[1])
