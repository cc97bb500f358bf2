"""What a task host takes from the class of the executor."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.executors.local import LocalExecutor
from airflow_lite.worker.settings import HostSettings


def settings_of(executor, home):
    environ = {
        "AIRFLOW_LITE__CORE__EXECUTOR": executor,
        "AIRFLOW_LITE__SENTRY__SENTRY_ON": "True",
    }
    return HostSettings.read(Config(home, environ))


@pytest.mark.parametrize("name", ["LocalExecutor", "SequentialExecutor", " LocalExecutor "])
@pytest.mark.parametrize("value", [True, False])
def test_the_flags_of_the_cores_executors_are_those_of_their_classes(
    tmp_path, monkeypatch, name, value
):
    monkeypatch.setattr(LocalExecutor, "change_sensor_mode_to_reschedule", value)
    monkeypatch.setattr(LocalExecutor, "supports_sentry", value)

    settings = settings_of(name, tmp_path)

    assert settings.reschedules_sensors is value
    assert (settings.sentry is not None) is value


def test_an_executor_that_is_not_there_has_no_flags(tmp_path):
    settings = settings_of("NoSuchExecutor", tmp_path)

    assert (settings.reschedules_sensors, settings.sentry) == (False, None)
