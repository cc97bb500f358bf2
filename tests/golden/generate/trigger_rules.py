"""Write trigger_rules.json: what Airflow 2.10.5's TriggerRuleDep decides.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python trigger_rules.py OUTPUT_FOLDER

Each row names how many upstream tasks are in which state ("none" = not finished) and, by
trigger rule, the outcome in one pass of the scheduler:
    run              the rule is met, the task is scheduled
    wait             nothing is decided yet, or never (the row of a rule that can not be met)
    upstream_failed, skipped, removed
                     the task instance takes this state without running
"setup" rows: `setups` and `works` are direct upstream tasks; a set-up is a `.as_setup()` task.
"indirect_setup" rows: setup >> work >> task and setup >> task's scope, the set-up being no
direct upstream; only the set-up constraint and the rule decide.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from airflow import DAG
from airflow.models.taskinstance import TaskInstance
from airflow.operators.empty import EmptyOperator
from airflow.ti_deps.dep_context import DepContext
from airflow.ti_deps.deps.trigger_rule_dep import TriggerRuleDep
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.trigger_rule import TriggerRule
from airflow.utils.types import DagRunType

STATES = ("success", "failed", "skipped", "upstream_failed", "removed", "none")
SETUP_STATES = ("success", "failed", "skipped", "upstream_failed", "none")
RULES = tuple(rule.value for rule in TriggerRule)
MOMENT = datetime(2024, 1, 1, tzinfo=timezone.utc)
LARGEST = 4


class Bench:
    """One real DAG run with a task for every rule, and the upstream tasks that they share."""

    def __init__(self, session, dag_id: str, setups: int, works: int) -> None:
        self.session = session
        with DAG(dag_id, start_date=MOMENT, schedule=None) as dag:
            self.upstream = [
                EmptyOperator(task_id=f"setup_{number}").as_setup() for number in range(setups)
            ] + [EmptyOperator(task_id=f"work_{number}") for number in range(works)]
            for rule in RULES:
                self.upstream >> EmptyOperator(task_id=f"rule_{rule}", trigger_rule=rule)
        self.start(dag)

    def start(self, dag: DAG) -> None:
        self.dag = dag
        dag.sync_to_db(session=self.session)
        self.run = dag.create_dagrun(
            run_type=DagRunType.MANUAL,
            execution_date=MOMENT,
            data_interval=(MOMENT, MOMENT),
            state=DagRunState.RUNNING,
            session=self.session,
        )
        self.instances = {
            ti.task_id: ti for ti in self.run.get_task_instances(session=self.session)
        }
        for instance in self.instances.values():
            instance.task = dag.get_task(instance.task_id)

    def decide(self, states: Iterable[str]) -> dict[str, str]:
        finished = []
        for task, state in zip(self.upstream, states):
            instance = self.instances[task.task_id]
            instance.state = None if state == "none" else TaskInstanceState(state)
            if state != "none":
                finished.append(instance)
        return {rule: self.outcome(rule, finished) for rule in RULES}

    def outcome(self, rule: str, finished: list[TaskInstance]) -> str:
        instance = self.instances[f"rule_{rule}"]
        instance.state = None
        context = DepContext(flag_upstream_failed=True, finished_tis=list(finished))
        statuses = list(
            TriggerRuleDep().get_dep_statuses(
                ti=instance, session=self.session, dep_context=context
            )
        )
        # The scheduler leaves out what has a state by now, even where the rule says "met", as
        # none_failed_min_one_success does when all are skipped.
        if instance.state is not None:
            return str(instance.state.value)
        return "run" if all(status.passed for status in statuses) else "wait"


class IndirectBench(Bench):
    """setup >> work >> task, where the set-up's teardown comes after the task."""

    def __init__(self, session, dag_id: str) -> None:
        self.session = session
        with DAG(dag_id, start_date=MOMENT, schedule=None) as dag:
            setup = EmptyOperator(task_id="setup").as_setup()
            work = EmptyOperator(task_id="work")
            teardown = EmptyOperator(task_id="teardown")
            self.upstream = [setup, work]
            setup >> work
            for rule in RULES:
                work >> EmptyOperator(task_id=f"rule_{rule}", trigger_rule=rule) >> teardown
            teardown.as_teardown(setups=setup)
        self.start(dag)


def counts(states: Iterable[str]) -> dict[str, int]:
    counted = Counter(states)
    return {state: counted[state] for state in STATES if counted[state]}


def plain_rows(session) -> list[dict[str, object]]:
    rows = []
    for size in range(1, LARGEST + 1):
        bench = Bench(session, f"plain_{size}", 0, size)
        for states in itertools.combinations_with_replacement(STATES, size):
            rows.append({"upstream": counts(states), "outcome": bench.decide(states)})
    return rows


def setup_rows(session) -> list[dict[str, object]]:
    rows = []
    for setups, works in ((1, 0), (1, 1), (2, 0), (2, 1)):
        bench = Bench(session, f"setup_{setups}_{works}", setups, works)
        for one in itertools.combinations_with_replacement(SETUP_STATES, setups):
            for two in itertools.combinations_with_replacement(SETUP_STATES, works):
                outcome = bench.decide((*one, *two))
                rows.append({"setups": counts(one), "works": counts(two), "outcome": outcome})
    return rows


def indirect_rows(session) -> list[dict[str, object]]:
    bench = IndirectBench(session, "indirect")
    return [
        {"setup": setup, "work": work, "outcome": bench.decide((setup, work))}
        for setup in SETUP_STATES
        for work in SETUP_STATES
    ]


def alias_rows() -> dict[str, str]:
    """The rule that an operator really bears, where it is another than was asked for."""
    made = {rule: EmptyOperator(task_id="x", trigger_rule=rule).trigger_rule for rule in RULES}
    return {rule: str(real) for rule, real in made.items() if str(real) != rule}


def check_groups(rows: list[dict[str, object]], same_as: dict[str, str]) -> None:
    """A rule that is another's alias decides the same; its column can be left out."""
    for row in rows:
        for alias, real in same_as.items():
            assert row["outcome"].pop(alias) == row["outcome"][real], (row, alias)


def grouped(outcome: dict[str, str]) -> dict[str, list[str]]:
    """Turn rule -> outcome round, for a smaller file: outcome -> rules."""
    groups: dict[str, list[str]] = {}
    for rule, result in outcome.items():
        groups.setdefault(result, []).append(rule)
    return groups


def write(path: Path, data: dict[str, object]) -> None:
    """One row a line."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines = ",\n".join(
                "  " + json.dumps({**row, "outcome": grouped(row["outcome"])}) for row in value
            )
            parts.append(f" {json.dumps(key)}: [\n{lines}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    with create_session() as session:
        plain, setup, indirect = plain_rows(session), setup_rows(session), indirect_rows(session)
        session.rollback()
    same_as = alias_rows()
    for rows in (plain, setup, indirect):
        check_groups(rows, same_as)
    data = {
        "airflow": "2.10.5",
        "rules": list(RULES),
        "same_as": same_as,
        "plain": plain,
        "setup": setup,
        "indirect_setup": indirect,
    }
    write(output / "trigger_rules.json", data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
