"""What the end of an attempt makes of its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_lite.config import Config
from airflow_lite.keys import RunCommand, TaskInstanceKey
from airflow_lite.processes.packing import packed, unpacked
from airflow_lite.processes.proc import describe_end
from airflow_lite.store.queued import Queued, StoredRun
from airflow_lite.worker.host.attempt import Attempt
from airflow_lite.worker.messages import TO_ZYGOTE, ForkAttempt, Outcome, RetryPolicy
from airflow_lite.worker.settings import HostSettings

TOKEN = "a" * 32
RUN = StoredRun(7, "d", "r", "manual", "running", 0, 0, 0, 0, 0, None, True, {"k": 1}, 0)


def _attempt(**changes):
    values = {
        "id": 3,
        "state": "queued",
        "attempt": TOKEN,
        "try_number": 1,
        "max_tries": 2,
        "try_started_us": None,
        "queued_us": 5,
        "operator": "X",
        "pool": "p",
        "pool_slots": 1,
        "queue": "q",
        "priority_weight": 1,
        "version_id": None,
        "next_method": None,
        "next_kwargs": None,
        "fileloc": "f.py",
        "run": RUN,
    }
    command = RunCommand(TaskInstanceKey("d", "t", "r", 1, -1, TOKEN))
    return Attempt(command, row=Queued(**{**values, **changes}))


@pytest.mark.parametrize(
    ("try_number", "try_started_us", "clears"), [(1, None, False), (2, None, True), (2, 9, False)]
)
def test_xcoms_go_at_the_first_claim_of_a_further_try_only(try_number, try_started_us, clears):
    claim = _attempt(try_number=try_number, try_started_us=try_started_us).claim()

    assert claim.clears_xcom is clears
    assert claim.xcom_of == ((7, "t", -1) if clears else None)


def test_a_task_that_goes_on_began_when_its_try_did_and_so_did_its_time():
    going_on = _attempt(try_started_us=2_000_000, next_method="m", next_kwargs="{}")
    request = going_on.request(HostSettings.read(Config(Path("/"))), 5_500_000)

    assert (request.start_us, request.passed_s) == (2_000_000, 3.5)
    assert (request.next_method, request.next_kwargs) == ("m", "{}")


def test_a_deferral_is_kept_with_the_end():
    outcome = Outcome(
        "deferred", next_at_us=8, trigger_spec="{}", next_method="m", next_kwargs='{"a":1}'
    )
    end = _attempt().ended(outcome, 9, 60.0)

    assert (end.state, end.outcome, end.next_at_us) == ("deferred", "deferred", 8)
    assert (end.trigger_spec, end.next_method, end.next_kwargs) == ("{}", "m", '{"a":1}')


@pytest.mark.parametrize(
    ("outcome", "tries", "state", "next_at_us"),
    [
        (Outcome("success"), 1, "success", None),
        (Outcome("skipped"), 1, "skipped", None),
        (Outcome("up_for_reschedule", next_at_us=77), 1, "up_for_reschedule", 77),
        (Outcome("failed"), 2, "up_for_retry", 1_000_000 + 30_000_000),
        (Outcome("failed"), 3, "failed", None),
        (Outcome("failed", force_fail=True), 1, "failed", None),
    ],
)
def test_a_failure_becomes_a_retry_while_tries_are_left(outcome, tries, state, next_at_us):
    attempt = _attempt(try_number=tries)
    attempt.policy = RetryPolicy(retries=2, retry_delay_s=30.0)
    ended = attempt.ended(outcome, 1_000_000, 86_400.0)

    assert (ended.state, ended.next_at_us, ended.outcome) == (state, next_at_us, outcome.state)


def test_a_skip_decision_goes_with_the_outcome_as_json():
    outcome = Outcome("success", skip_decision={"followed": ["a"]})

    assert _attempt().ended(outcome, 1, 1.0).skip_decision == '{"followed": ["a"]}'


def test_changes_of_datasets_go_with_the_outcome_and_whose_they_are():
    outcome = Outcome("success", changes=[["s3://a", '{"n": 1}', ["x"]]])
    attempt = _attempt()

    (change,) = attempt.ended(outcome, 1, 1.0).changes
    key = attempt.key

    assert change[:3] == ("s3://a", '{"n": 1}', ("x",))
    assert change[3:] == (key.dag_id, key.task_id, key.run_id, key.map_index)


def test_a_request_survives_the_way_to_the_child():
    import json

    settings = HostSettings(
        Path("/home"),
        Path("/logs"),
        "/dags",
        "host",
        "INFO",
        1,
        2,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        False,
    )
    request = _attempt().request(settings, 11)
    text = json.dumps(packed(ForkAttempt(request)))

    assert unpacked(json.loads(text), TO_ZYGOTE) == ForkAttempt(request)
    assert (request.start_us, request.try_started_us, request.token) == (11, 11, TOKEN)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "ended without reporting its outcome, exit code 0"),
        (-11, "killed by signal 11 (SIGSEGV)"),
        (-9, "killed by signal 9 (SIGKILL); the system may have been out of memory"),
        (-99, "killed by signal 99 (unknown signal)"),
    ],
)
def test_an_end_without_an_outcome_is_described(code, text):
    assert describe_end(code) == text
