"""`airflow.configuration.conf` answers as Airflow's does."""

from __future__ import annotations

import pytest

from airflow_lite.errors import ConfigError
from airflow_lite_airflow_names.offered.configuration import AirflowConfigParser


@pytest.mark.parametrize(
    ("old", "section", "name"),
    [
        ("BASE_LOG_FOLDER", "logging", "base_log_folder"),
        ("logging_level", "logging", "logging_level"),
        ("sql_alchemy_conn", "database", "sql_alchemy_conn"),
    ],
)
def test_a_setting_is_found_at_its_old_place_in_core(fresh_home, old, section, name):
    conf = AirflowConfigParser()
    assert conf.get("core", old) == conf.get(section, name)


def test_a_setting_that_there_is_not_is_an_error_or_the_fallback(fresh_home):
    conf = AirflowConfigParser()
    with pytest.raises(ConfigError, match=r"section/key \[core/nothing\] not found in config"):
        conf.get("core", "nothing")
    assert conf.get("core", "nothing", fallback="f") == "f"
    with pytest.raises(ConfigError, match="not found"):
        conf.get("email", "base_log_folder")
