"""Tasks that wait without a process, and DAGs that start others, on a real cluster."""

from __future__ import annotations

from fixtures.chained_ends import run_chained_dags
from fixtures.deferred_ends import prepare_deferral_dags, run_deferral_dags


def test_dags_that_start_others_end_as_under_airflow(home, make_cluster, wait_until, findings):
    make_cluster().up()
    run_chained_dags(home, "DaskExecutor", wait_until)
    assert findings() == []


def test_deferred_tasks_end_as_under_airflow(home, make_cluster, wait_until, findings):
    prepare_deferral_dags(home)
    make_cluster().up()
    run_deferral_dags(home, "DaskExecutor", ["deferral", "deferral_mapped"], wait_until)
    assert findings() == []
