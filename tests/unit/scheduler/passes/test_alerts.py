"""A run that fails is alerted of once, where `[alerts]` says so, in the transaction of its end."""

from __future__ import annotations

import pytest

from airflow_lite.states import TaskInstanceState as State


@pytest.fixture
def failed(make_rig, dag_of):
    """Give a function: a scheduler with these settings, and a run of this type that has failed."""

    def failed(run_type="manual", **options):
        rig = make_rig(scheduler__fallback_poll_s=1, **options)
        spec = dag_of({"a": [], "b": []})
        version = rig.save(spec)
        rig.trigger(spec, version, run_type=run_type)
        rig.start(outcome=lambda _: State.FAILED)
        rig.after(2)
        rig.loop.context.callbacks.kill()  # what is asked for is the test's, not what becomes of it
        return rig

    return failed


def test_a_run_that_fails_asks_for_one_alert(failed):
    rig = failed(alerts__on_failure_command="true")

    assert rig.callbacks() == [("alert", {"callback": "alert", "reason": "a, b failed"})]


@pytest.mark.parametrize(
    ("run_type", "options"), [("manual", {}), ("test", {"alerts__on_failure_command": "true"})]
)
def test_nobody_is_alerted_who_did_not_ask_or_follows_the_run(failed, run_type, options):
    assert failed(run_type, **options).callbacks() == []
