"""`dags list-runs`: what it says of columns."""

from __future__ import annotations

COLUMNS = "dag_id, run_id, state, execution_date, start_date, end_date"


def test_a_column_that_there_is_not_is_told_without_a_run_too(home):
    wrong = home.run("dags", "list-runs", "--columns", "nothing", exit_code=1)
    half = home.run("dags", "list-runs", "--columns", "run_id,nothing")

    assert wrong.stdout == ""
    assert wrong.stderr.splitlines()[-1] == (
        f"airflow-lite: error: There is no column 'nothing'. There are: {COLUMNS}."
    )
    assert half.stdout == "No data found\n"
    assert half.stderr == (
        "Error: Ignoring the following invalid columns: ['nothing']."
        f" List of valid columns: {COLUMNS}\n"
    )
