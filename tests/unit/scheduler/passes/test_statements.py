"""What a pass costs the database: few statements, and none that reads what is long over."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from airflow_lite.states import TaskInstanceState as State

#: Tables that do not grow with what was run: reading all of them is no scan of history.
SMALL = {"pool", "dag", "job", "anon_1", "CONSTANT"}

#: Indexes over the rows that are not over yet.
PARTIAL = ("task_instance_active", "dag_run_unfinished", "callback_request_open")


@pytest.fixture
def statements(rig):
    """Collect every statement with its parameters, from the loop's thread."""
    found = []

    def note(_connection, _cursor, text, parameters, _context, many):
        found.append((text, parameters[0] if many else parameters))

    sa.event.listen(rig.store.engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(rig.store.engine, "before_cursor_execute", note)


def scans(rig, statements):
    """Return the steps of the statements' plans that read a whole table."""
    found = set()
    with rig.store.read() as connection:
        for text, parameters in dict(statements).items():
            if not re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE)", text):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
            for *_, step in plan:
                table = re.match(r"SCAN (\w+)", step)
                uses_part = any(index in step for index in PARTIAL)
                if table and table[1] not in SMALL and not uses_part:
                    found.add((step, text))
    return found


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
    assert scans(rig, statements) == set()


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
