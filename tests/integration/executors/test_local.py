"""LocalExecutor takes over what was queued for a scheduler that is dead, and ends at once."""

from __future__ import annotations

import os
import signal

import pytest

from airflow_lite.api.executor.task_instance import TaskInstance
from airflow_lite.executors.local import LocalExecutor
from airflow_lite.states import TaskInstanceState
from fixtures.processes import processes_of

DAG = """
import os
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def run(ti):
    with open(os.path.join(os.environ["AIRFLOW_LITE_HOME"], "starts"), "a") as file:
        file.write(f"{ti.task_id} {ti.try_number}\\n")

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    for name in ("queued", "other", "running"):
        PythonOperator(task_id=name, python_callable=run)
"""


@pytest.fixture
def hosted(make_hosted):
    return make_hosted(DAG)


@pytest.fixture
def executor(hosted):
    made = LocalExecutor()
    made.configure(hosted.config)
    made.start()
    yield made
    made.end()


def instance(task_id, token, state, try_number=1):
    return TaskInstance("hosted", task_id, "run", try_number, attempt=token, state=state)


def test_queued_attempts_run_under_their_tokens_and_all_others_are_returned(
    hosted, executor, wait_until
):
    token = hosted.queue("queued", try_number=2)
    queued = instance("queued", token, TaskInstanceState.QUEUED, try_number=2)
    running = instance("running", "1" * 32, TaskInstanceState.RUNNING)
    nameless = instance("other", "", TaskInstanceState.QUEUED)
    assert executor.try_adopt_task_instances([running, queued, nameless]) == [running, nameless]
    assert executor.has_task(queued)
    wait_until(lambda: hosted.row("queued").state == "success", "the adopted attempt")
    assert (hosted.row("queued").attempt, hosted.row("queued").try_number) == (token, 2)
    wait_until(lambda: drained(executor, queued), "the event of its end")
    assert hosted.lines("starts") == ["queued 2"]
    assert not executor.has_task(queued)


def test_an_adopted_attempt_takes_a_slot(hosted, executor):
    before = executor.slots_available
    executor.try_adopt_task_instances(
        [instance("queued", hosted.queue("queued"), TaskInstanceState.QUEUED)]
    )
    assert executor.slots_available == before - 1


def test_an_adopted_attempt_that_is_queued_no_more_is_given_back(hosted, executor, wait_until):
    token = hosted.queue("queued")
    hosted.mark("queued", "failed")
    gone = instance("queued", token, TaskInstanceState.QUEUED)
    executor.try_adopt_task_instances([gone])
    state, reason = wait_until(lambda: drained(executor, gone), "the event of its end")
    assert (state, reason) == (TaskInstanceState.FAILED, "the task host did not claim it")
    assert hosted.lines("starts") == []


def drained(executor, ti):
    executor.heartbeat()
    return executor.get_event_buffer().get(ti.key)


def test_the_end_waits_for_no_host_that_has_yet_to_start(hosted, executor):
    pid = executor._host.pid
    os.kill(pid, signal.SIGSTOP)  # whatever it would still have to import
    executor.end()
    assert pid not in {process.pid for process in processes_of(hosted.config.home)}
