"""What a pass costs the database: few statements, and none that reads what is long over."""

from __future__ import annotations

import re

import pytest

from airflow_lite.states import TaskInstanceState as State
from fixtures.query_plans import counted_commits, recorded_statements, table_scans

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


#: Statements of the stub, which claims and records as a host does, and those that begin what is written.
OF_STUB = re.compile(r"supervisor|accepted=|FROM dag_run LEFT|task_instance.operator|^BEGIN")


@pytest.fixture
def commits(rig):
    """Collect the commits of what was written, by the loop and the stub."""
    with counted_commits(rig.store) as found:
        yield found


def test_a_chain_takes_at_most_four_statements_and_a_commit_of_the_loop_per_task(
    rig, dag_of, statements, commits
):
    count = 40
    edges = {f"t{number}": [f"t{number + 1}"] for number in range(count - 1)}
    rig.begin(dag_of(edges))
    rig.settle(6)
    done = len(rig.executor.executed)
    statements.clear()
    commits.clear()
    rig.settle(10)
    tasks = len(rig.executor.executed) - done
    mine = [text for text, _ in statements if not OF_STUB.search(text)]
    assert tasks >= 9
    assert len(mine) <= 4 * (tasks + 1), mine
    assert len(commits) <= (1 + 2) * (tasks + 1)  # the stub's claim, and its outcome


@pytest.mark.makes_tables
def test_a_wide_dag_takes_as_many_statements_and_commits_however_many_tasks_it_has(
    make_rig, dag_of
):
    taken = []
    for width in (10, 300):
        rig = make_rig(core__parallelism=width, core__default_pool_task_slot_count=width)
        edges = dict.fromkeys([f"t{number}" for number in range(width)], ())
        run = rig.begin(dag_of(edges, max_active_tasks=width))
        with recorded_statements(rig.store) as statements, counted_commits(rig.store) as commits:
            rig.settle(6)
        assert rig.run_state(run) == "success"
        mine = [text for text, _ in statements if not OF_STUB.search(text)]
        taken.append((len(mine), len(commits)))
    assert taken[0] == taken[1]
