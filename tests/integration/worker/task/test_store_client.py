"""What tasks ask of the store is answered, also after an outage; what makes no sense is refused."""

from __future__ import annotations

import pytest

DAG = """
import time
from datetime import datetime
from pathlib import Path
from airflow_lite import DAG, PythonOperator

HERE = Path(__file__).parent.parent

def pull(ti):
    (HERE / "ready").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return ti.xcom_pull(task_ids="other")

def pull_in_threads(ti):
    from concurrent.futures import ThreadPoolExecutor

    numbers = [number % 8 for number in range(400)]
    for number in range(8):
        ti.xcom_push(f"k{number}", number)
    with ThreadPoolExecutor(8) as pool:
        pulled = list(
            pool.map(lambda n: ti.xcom_pull(task_ids="threads", key=f"k{n}"), numbers, timeout=100)
        )
    return [numbers.index(n) for n, found in zip(numbers, pulled, strict=True) if n != found]

def ask_past(ti):
    return ti._store.first_reschedule([1])

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    PythonOperator(task_id="other", python_callable=lambda: 7)
    PythonOperator(task_id="pulls", python_callable=pull)
    PythonOperator(
        task_id="nests", python_callable=lambda ti: ti.xcom_pull(task_ids=[["other"]])
    )
    PythonOperator(task_id="counts", python_callable=lambda ti: ti.xcom_pull(map_indexes=["1"]))
    PythonOperator(task_id="keys", python_callable=lambda ti: ti.xcom_pull(key=["a"]))
    PythonOperator(task_id="threads", python_callable=pull_in_threads)
    PythonOperator(task_id="asks", python_callable=ask_past)
"""


@pytest.fixture
def hosted(make_hosted):
    """A host that has run an attempt well, which pushed an XCom; `troubles` is what it tells."""
    hosted = make_hosted(DAG)
    hosted.troubles = []
    hosted.start(on_trouble=hosted.troubles.append)
    hosted.finish("other")
    return hosted


def rename(hosted, old, new):
    with hosted.store.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def test_a_task_that_asks_while_the_database_fails_is_answered_afterwards(hosted, wait_until):
    token = hosted.give("pulls")
    wait_until((hosted.home.folder / "ready").exists, "the task to start")
    rename(hosted, "xcom", "away")
    (hosted.home.folder / "go").touch()
    wait_until(lambda: hosted.troubles, "the host to notice")
    rename(hosted, "away", "xcom")
    hosted.wait(token)
    assert hosted.xcoms("pulls") == {"return_value": 7}


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("nests", "xcom_pull: each of task_ids must be a string, not ['other']."),
        ("counts", "xcom_pull: each of map_indexes must be a whole number, not '1'."),
        ("keys", "xcom_pull: key must be a string, not ['a']."),
    ],
)
def test_an_xcom_pull_that_names_no_xcom_fails_its_task_with_the_reason(hosted, task, reason):
    token = hosted.give(task)
    hosted.wait(token)
    assert hosted.attempt(token).cause == f"TypeError: {reason}"


def test_a_question_that_no_database_takes_fails_its_task_alone(hosted):
    token = hosted.give("asks")
    hosted.wait(token)
    assert hosted.row("asks").state == "failed"
    assert "The metadata database" in hosted.attempt(token).cause
    assert hosted.troubles == []


def test_threads_of_a_task_get_the_answers_to_their_own_questions(hosted):
    assert hosted.finish("threads").state == "success"
    assert hosted.xcoms("threads")["return_value"] == []
