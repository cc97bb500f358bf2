"""Dynamic task mapping and deferral are not there, and whoever tries is told what to write."""

from __future__ import annotations

import pytest

from airflow_lite import (
    DAG,
    AirflowDagException,
    AirflowFailException,
    BashOperator,
    EmptyOperator,
    task,
    task_group,
)


@task
def echo(value):
    return value


@task_group
def grouped(value):
    echo(value)


@pytest.mark.parametrize(
    "use",
    [
        lambda: echo.expand(value=[1, 2]),
        lambda: echo.partial().expand(value=[1, 2]),
        lambda: echo.override(task_id="other").expand_kwargs([{"value": 1}]),
        lambda: echo([1]).map(str),
        lambda: echo([1]).zip(echo([2])),
        lambda: grouped.expand(value=[1]),
        lambda: BashOperator.partial(task_id="t").expand(bash_command=["a"]),
    ],
)
def test_mapping_is_refused_with_what_to_write_instead(fresh_home, use):
    with DAG("d", schedule=None), pytest.raises(AirflowDagException) as raised:
        use()
    assert str(raised.value) == (
        "Dynamic task mapping (expand, partial, map, zip) is not supported. Make a task for each"
        " value in a Python loop, or let one task loop over the values."
    )


def test_deferral_fails_the_task_for_good():
    with DAG("d", schedule=None):
        operator = EmptyOperator(task_id="t")
    with pytest.raises(AirflowFailException, match=r"Use a sensor with mode='reschedule'\."):
        operator.defer(trigger=object(), method_name="resume")
