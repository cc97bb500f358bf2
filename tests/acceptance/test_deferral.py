"""Tasks that wait without a process end as they do in Airflow, with the same tries and XComs."""

from __future__ import annotations

import pytest

from fixtures.chained_ends import run_chained_dags
from fixtures.deferred_ends import prepare_deferral_dags, run_deferral_dags

EXECUTORS = ["LocalExecutor", "SequentialExecutor", "DebugExecutor"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_waits_without_a_process_ends_as_under_airflow(executor, home, wait_until, findings):
    prepare_deferral_dags(home)
    run_deferral_dags(home, executor, ["deferral", "deferral_mapped"], wait_until)
    assert findings() == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_dags_that_start_others_end_as_under_airflow(executor, home, wait_until, findings):
    """Where one task runs at a time, none that waits for others may keep them from running."""
    run_chained_dags(home, executor, wait_until)
    assert findings() == []
