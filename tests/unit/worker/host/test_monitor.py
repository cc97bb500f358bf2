from __future__ import annotations

import socket

import pytest

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.keys import RunCommand, TaskInstanceKey
from airflow_lite.parsing.pool import FileResult
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store.attempts import Supervisor
from airflow_lite.store.dag_saving import save_results
from airflow_lite.store.engine import open_store
from airflow_lite.store.queued import Queued, StoredRun
from airflow_lite.worker.host.attempt import Attempt, Phase
from airflow_lite.worker.host.ending import finish
from airflow_lite.worker.host.monitor import AttemptMonitor
from airflow_lite.worker.host.state import HostState
from airflow_lite.worker.host.task_line import TaskLine
from airflow_lite.worker.host.zygote_pool import ZygotePool
from airflow_lite.worker.messages import AttemptForked, Outcome, ReportOutcome, RetryPolicy
from airflow_lite.worker.settings import HostSettings
from airflow_lite.worker.task.line import Line
from airflow_lite.worker.zygote.start import BaseZygote

TOKEN = "a" * 32
#: A number that no process has.
NOBODY = 2**22 + 1
RUN = StoredRun(7, "d", "r", "manual", "running", 0, 0, 0, 0, 0, None, True, {}, 0)
ROW = Queued(3, "queued", TOKEN, 1, 1, None, 5, "X", "p", 1, "q", 1, None, None, None, "/f.py", RUN)


@pytest.fixture
def host_state(tmp_path):
    config = Config(tmp_path)
    store = open_store(config)
    spec = DagSpec("d", {"t": TaskSpec("t", retries=1, retry_delay_s=0.0)})
    with store.begin() as connection:
        save_results(connection, [FileResult("/f.py", "x", (spec,))], 1)
    yield HostState(HostSettings.read(config), store, who(), SystemClock())
    store.close()


@pytest.fixture
def monitor(host_state):
    ours, theirs = socket.socketpair()
    zygotes = ZygotePool(
        BaseZygote(ours, 0, 1024), host_state.settings, host_state, lambda *_: None, lambda *_: None
    )
    yield AttemptMonitor(host_state, zygotes)
    zygotes.close()
    theirs.close()


def who():
    return Supervisor("s" * 32, "task_host", "here", "boot", 1, 1)


def attempt(host_state, phase):
    command = RunCommand(TaskInstanceKey("d", "t", "r", 1, -1, TOKEN))
    found = host_state.attempts[TOKEN] = Attempt(command, phase=phase, row=ROW)
    return found


def test_a_failure_that_is_heard_before_the_fork_is_told_of_is_retried(host_state, monitor):
    finish(host_state, attempt(host_state, Phase.CLAIMED), Outcome("failed", "ValueError: quick"))
    monitor.forked(AttemptForked(TOKEN, NOBODY, RetryPolicy(retries=1, retry_delay_s=0.0)))
    (ended,) = host_state.batch.ended
    assert (ended.state, ended.cause) == ("up_for_retry", "ValueError: quick")


def test_what_a_child_reports_needs_no_stored_dag(host_state, monitor):
    """Reading one costs as much as the DAG is large, for every task that is quicker than the news
    of its fork."""
    host_state.store.close()
    host_state.store = None
    ours, theirs = socket.socketpair()
    quick = attempt(host_state, Phase.CLAIMED)
    quick.line = TaskLine(ours, host_state, lambda: None, 1 << 20)
    policy = RetryPolicy(retries=1, retry_delay_s=0.0)
    Line(theirs).send(ReportOutcome(Outcome("failed", "E"), policy, has_more=False))

    with theirs:
        monitor.hear_child(quick)

    assert [one.state for one in host_state.batch.ended] == ["up_for_retry"]


@pytest.mark.parametrize(
    ("pid", "policy"),
    [
        (1, RetryPolicy()),
        (-1, RetryPolicy()),
        (10**30, RetryPolicy()),
        (NOBODY, RetryPolicy(retry_delay_s=float("nan"))),
        (NOBODY, RetryPolicy(execution_timeout_s=float("inf"))),
    ],
)
def test_a_word_of_a_process_that_makes_no_sense_is_ignored(host_state, monitor, pid, policy):
    odd = attempt(host_state, Phase.CLAIMED)
    monitor.forked(AttemptForked(TOKEN, pid, policy))
    assert (odd.pid, odd.policy, odd.phase) == (None, None, Phase.CLAIMED)


def test_an_attempt_whose_zygote_died_before_the_fork_is_retried(host_state, monitor):
    attempt(host_state, Phase.CLAIMED)
    monitor.child_gone(TOKEN, None, "its zygote died")
    (ended,) = host_state.batch.ended
    assert (ended.state, ended.cause) == ("up_for_retry", "its zygote died")


@pytest.mark.parametrize("state", ["success", "skipped", "up_for_reschedule"])
def test_only_a_failure_that_is_heard_early_has_its_dag_read(host_state, monkeypatch, state):
    monkeypatch.setattr(type(host_state.store), "read", None)
    finish(host_state, attempt(host_state, Phase.CLAIMED), Outcome(state))
    (ended,) = host_state.batch.ended
    assert ended.state == state


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome("success", log_error="disk full"), "its log is cut: disk full"),
        (Outcome("skipped", "no", log_error="disk full"), "no; its log is cut: disk full"),
    ],
)
def test_a_cut_log_is_told_once_and_is_in_the_cause(host_state, caplog, outcome, cause):
    finish(host_state, attempt(host_state, Phase.RUNNING), outcome)

    (ended,) = host_state.batch.ended
    assert (ended.state, ended.cause) == (outcome.state, cause)
    (record,) = caplog.records
    assert record.getMessage().endswith(" is cut: disk full")
