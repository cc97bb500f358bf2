"""What follows a failed try: golden table of Airflow 2.10.5, and the edges beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.spec.model import TaskSpec
from airflow_lite.spec.retry import RetryDecision, after_failure
from airflow_lite.states import TaskInstanceState
from fixtures.goldens import read_golden

GOLDEN = read_golden("retry_delay")
DAY_S = 86400.0


def ask(task, *, number=1, max_tries=99, force_fail=False, dag_id="etl", logical_us=0):
    return after_failure(
        task,
        key=TaskInstanceKey(dag_id, task.task_id, "run", number),
        logical_us=logical_us,
        max_tries=max_tries,
        force_fail=force_fail,
        max_delay_s=DAY_S,
    )


def microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (moment.days * 86400 + moment.seconds) * 1_000_000 + moment.microseconds


def test_delays_are_those_of_airflow() -> None:
    for values in GOLDEN["rows"]:
        row = dict(zip(GOLDEN["columns"], values, strict=True))
        task = TaskSpec(
            row["task_id"],
            retries=1,
            retry_delay_s=row["retry_delay_s"],
            retry_exponential_backoff=row["exponential"],
            max_retry_delay_s=row["max_retry_delay_s"],
        )
        verdict = ask(
            task,
            number=row["try_number"],
            dag_id=row["dag_id"],
            logical_us=microseconds(row["logical_date"]),
        )
        assert verdict == (TaskInstanceState.UP_FOR_RETRY, pytest.approx(row["seconds"])), row


@pytest.mark.parametrize(
    ("number", "max_tries", "state"),
    [(1, 2, "up_for_retry"), (2, 2, "up_for_retry"), (3, 2, "failed"), (1, 0, "failed")],
)
def test_tries_end_after_the_first_and_max_tries_more(number, max_tries, state) -> None:
    verdict = ask(TaskSpec("t", retries=2), number=number, max_tries=max_tries)
    assert verdict.state == state


def test_a_task_without_retries_fails_whatever_max_tries_says() -> None:
    assert ask(TaskSpec("t", retries=0), max_tries=5) == RetryDecision(TaskInstanceState.FAILED)


def test_force_fail_leaves_no_retry() -> None:
    verdict = ask(TaskSpec("t", retries=5), max_tries=5, force_fail=True)
    assert verdict == RetryDecision(TaskInstanceState.FAILED)


def test_backoff_never_overflows() -> None:
    task = TaskSpec("t", retries=1, retry_delay_s=1e9, retry_exponential_backoff=True)
    assert ask(task, number=100_000, max_tries=200_000).delay_s == DAY_S


@pytest.mark.parametrize("is_exponential", [False, True])
def test_no_delay_is_longer_than_a_moment_can_tell(is_exponential) -> None:
    task = TaskSpec(
        "t",
        retries=1,
        retry_delay_s=timedelta.max.total_seconds(),
        retry_exponential_backoff=is_exponential,
    )
    longest = timedelta(days=36_500).total_seconds()
    assert ask(task).delay_s <= longest
    assert ask(TaskSpec("t", retries=1, retry_delay_s=longest)).delay_s == longest
