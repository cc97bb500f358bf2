"""DAG files that use pendulum, as Airflow's own examples do."""

from __future__ import annotations

from datetime import UTC, datetime

import pendulum

from airflow_lite import DAG, BashOperator
from airflow_lite.clock import to_us
from airflow_lite.parsing.serialize import dag_spec

START_US = to_us(datetime(2023, 12, 31, 23, tzinfo=UTC))


def test_a_start_date_of_pendulum_counts_in_its_zone() -> None:
    with DAG("d", start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Berlin")) as dag:
        BashOperator(task_id="t", bash_command="true")
    spec = dag_spec(dag)
    assert (spec.start_date_us, spec.timezone) == (START_US, "Europe/Berlin")


def test_a_fixed_offset_of_pendulum_is_kept() -> None:
    start = pendulum.datetime(2024, 1, 1, tz=pendulum.FixedTimezone(3600))
    with DAG("d", start_date=start, schedule="@daily") as dag:
        BashOperator(task_id="t", bash_command="true")
    spec = dag_spec(dag)
    assert (spec.start_date_us, spec.timezone) == (START_US, "+01:00")


def test_durations_of_pendulum_are_durations() -> None:
    with DAG(
        "d",
        start_date=pendulum.datetime(2024, 1, 1),
        schedule=pendulum.duration(hours=6),
        dagrun_timeout=pendulum.duration(days=1),
    ) as dag:
        BashOperator(task_id="t", bash_command="true", retry_delay=pendulum.duration(minutes=2))
    spec = dag_spec(dag)
    assert (spec.schedule.delta_s, spec.schedule.summary) == (21_600, "6:00:00")
    assert spec.dagrun_timeout_s == 86_400
    assert spec.tasks["t"].retry_delay_s == 120


def test_a_span_between_two_dates_of_pendulum_is_a_duration() -> None:
    day = pendulum.datetime(2024, 1, 2) - pendulum.datetime(2024, 1, 1)
    with DAG("d", start_date=pendulum.datetime(2024, 1, 1), schedule=day) as dag:
        BashOperator(task_id="t", bash_command="true", retry_delay=day, execution_timeout=day)
    spec = dag_spec(dag)
    assert (spec.schedule.delta_s, spec.schedule.summary) == (86_400, "1 day, 0:00:00")
    assert (spec.tasks["t"].retry_delay_s, spec.tasks["t"].execution_timeout_s) == (86_400, 86_400)
