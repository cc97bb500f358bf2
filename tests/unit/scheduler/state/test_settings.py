"""Numbers that do not fit together are refused before anything starts."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.scheduler.state.settings import Settings


def read(tmp_path, **options):
    environ = {f"AIRFLOW_LITE__SCHEDULER__{name.upper()}": str(v) for name, v in options.items()}
    return Settings.read(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), **environ}))


def test_the_defaults_fit(tmp_path):
    assert read(tmp_path).beat_timeout_s == 10.0


def test_beats_must_come_three_times_in_their_timeout(tmp_path):
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, beat_interval_s=5, beat_timeout_s=10)
    assert str(refused.value) == (
        "[scheduler] beat_interval_s is 5 and beat_timeout_s is 10."
        " Make the timeout at least three intervals."
    )


@pytest.mark.parametrize("name", ["fallback_poll_s", "beat_interval_s", "task_queued_timeout"])
@pytest.mark.parametrize("value", [0, -1, "nan"])
def test_what_must_be_positive_is(tmp_path, name, value):
    with pytest.raises(
        ConfigError, match=rf"^\[scheduler\] {name} is .* \(from env var\)\. Make it "
    ):
        read(tmp_path, **{name: value})


def test_no_grace_is_a_grace(tmp_path):
    assert read(tmp_path, shutdown_grace_s=0).shutdown_grace_s == 0.0
    with pytest.raises(ConfigError, match=r"shutdown_grace_s is '-1' .*\. Make it 0 to 86400\."):
        read(tmp_path, shutdown_grace_s=-1)
