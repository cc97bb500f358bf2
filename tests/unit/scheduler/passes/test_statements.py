"""What a pass costs the database: few statements, and none that reads what is long over."""

from __future__ import annotations

import re

import pytest

from airflow_lite.states import TaskInstanceState as State
from fixtures.query_plans import recorded_statements, table_scans

#: Tables that do not grow with what was run: reading all of them is no scan of history.
SMALL = {"pool", "dag", "job", "anon_1", "CONSTANT"}


@pytest.fixture
def statements(rig):
    """Collect every statement with its parameters, from the loop's thread."""
    with recorded_statements(rig.store) as found:
        yield found


@pytest.mark.sqlite
def test_no_statement_of_the_loop_reads_a_whole_table_of_history(rig, dag_of, statements):
    from airflow_lite.spec.timetable import schedule_spec

    first = lambda key: State.FAILED if key.try_number == 1 else State.SUCCESS  # noqa: E731
    settings = {"retries": 1, "retry_delay_s": 1.0, "depends_on_past": True}
    spec = dag_of(
        {"a": ["b"]},
        of_task={"a": settings},
        schedule=schedule_spec("@hourly"),
        start_date_us=rig.clock.now_us(),
    )
    rig.begin(spec, outcome=first)
    rig.settle()
    for _ in range(3):
        rig.clock.advance(3600)
        rig.settle()
    rig.executor.outcome = lambda _: None
    rig.clock.advance(3600)
    rig.settle(4)
    rig.executor.die()
    rig.after(6)
    scans = table_scans(rig.store, dict(statements).items())
    assert {scan for scan in scans if scan[0] not in SMALL} == set()


def test_a_chain_takes_at_most_five_statements_of_the_loop_per_task(rig, dag_of, statements):
    count = 40
    edges = {f"t{number}": [f"t{number + 1}"] for number in range(count - 1)}
    rig.begin(dag_of(edges))
    rig.settle(6)
    done = len(rig.executor.executed)
    claims = re.compile(r"supervisor|accepted=|FROM dag_run LEFT|task_instance.operator|BEGIN")
    statements.clear()
    rig.settle(10)
    tasks = len(rig.executor.executed) - done
    mine = [text for text, _ in statements if not claims.search(text)]
    assert tasks >= 9
    assert len(mine) <= 5 * (tasks + 1), mine
