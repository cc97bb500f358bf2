"""What a task host takes from the class of the executor."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.executors.local import LocalExecutor, SequentialExecutor
from airflow_lite.worker.settings import HostSettings


def settings_of(executor, home):
    environ = {
        "AIRFLOW_LITE__CORE__EXECUTOR": executor,
        "AIRFLOW_LITE__SENTRY__SENTRY_ON": "True",
    }
    return HostSettings.read(Config(home, environ))


@pytest.mark.parametrize(
    ("name", "executor"),
    [
        ("LocalExecutor", LocalExecutor),
        ("SequentialExecutor", SequentialExecutor),
        (" LocalExecutor ", LocalExecutor),
    ],
)
@pytest.mark.parametrize("value", [True, False])
def test_the_flags_of_the_cores_executors_are_those_of_their_classes(
    tmp_path, monkeypatch, name, executor, value
):
    monkeypatch.setattr(executor, "change_sensor_mode_to_reschedule", value)
    monkeypatch.setattr(executor, "supports_sentry", value)

    settings = settings_of(name, tmp_path)

    assert settings.reschedules_sensors is value
    assert (settings.sentry is not None) is value


def test_only_where_one_task_runs_at_a_time_no_sensor_may_poke(tmp_path):
    found = {
        name: settings_of(name, tmp_path).reschedules_sensors
        for name in ("LocalExecutor", "SequentialExecutor")
    }
    assert found == {"LocalExecutor": False, "SequentialExecutor": True}


def test_an_executor_that_is_not_there_has_no_flags(tmp_path):
    settings = settings_of("NoSuchExecutor", tmp_path)

    assert (settings.reschedules_sensors, settings.sentry) == (False, None)


def test_for_one_attempt_the_executor_is_asked_only_what_matters(tmp_path, monkeypatch):
    asked = []

    def flag(name, flag, _config):
        asked.append(flag)
        return True

    monkeypatch.setattr("airflow_lite.plugins.executors.executor_flag", flag)
    environ = {"AIRFLOW_LITE__CORE__EXECUTOR": "own.Executor"}

    settings = HostSettings.read(Config(tmp_path, environ), is_for_one=True)

    assert (settings.reschedules_sensors, asked) == (None, [])
    assert settings.finds_rescheduling()
    assert asked == ["change_sensor_mode_to_reschedule"]
