"""Paths in settings: `~` is a home folder, or the setting is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_lite.config import Config, ConfigOption
from airflow_lite.errors import ConfigError

FOLDER = "AIRFLOW_LITE__CORE__DAGS_FOLDER"


def test_a_path_in_the_users_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = Config.load({"AIRFLOW_LITE_HOME": "~/home", FOLDER: "~/dags"})
    assert config.home == tmp_path / "home"
    assert config.getpath("core", "dags_folder") == tmp_path / "dags"


def test_a_relative_path_is_one_of_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), FOLDER: "dags"})
    assert config.getpath("core", "dags_folder") == Path(tmp_path, "dags")


def test_a_home_folder_that_nobody_knows_is_refused_and_not_made_in_the_working_directory(tmp_path):
    with pytest.raises(ConfigError, match=r"^~no_such_user/x is in the home .* AIRFLOW_LITE_HOME "):
        Config.load({"AIRFLOW_LITE_HOME": "~no_such_user/x"})
    config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), FOLDER: "~no_such_user/dags"})
    with pytest.raises(ConfigError, match=r"Make \[core\] dags_folder a path without ~"):
        config.getpath("core", "dags_folder")


def test_space_around_a_value_is_none_of_it_in_the_environment_as_in_the_file(tmp_path):
    """What a Secret or a file says ends in a line end, more often than not."""
    url = "postgresql://airflow@example.com/airflow"
    (tmp_path / "airflow_lite.cfg").write_text(f"[database]\nsql_alchemy_conn = {url} \n")
    name = "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"
    for environ in ({}, {name: f" {url}\n"}):
        config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), **environ})
        assert config.get("database", "sql_alchemy_conn") == url


def _numbers():
    from airflow_lite._config_options import RANGES

    return sorted(RANGES)


def test_every_number_of_the_core_has_a_range_that_its_default_is_in():
    from airflow_lite._config_options import OPTIONS

    numbers = {(section, name) for section, name, default, _ in OPTIONS if _is_number(default)}

    assert numbers <= set(_numbers())
    assert set(_numbers()) <= {option[:2] for option in OPTIONS}
    Config("/home").check()


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("key", _numbers(), ids=".".join)
@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "1e999", "-2", "1e18", "many", "0x1", "9" * 5000]
)
def test_a_number_outside_of_its_range_is_refused_when_a_scheduler_starts(key, value):
    with pytest.raises(ConfigError) as error:
        Config("/home", overrides={key: value}).check()
    assert str(error.value).startswith(
        f"[{key[0]}] {key[1]} is {value[:60]!r} (from override). Make it "
    )


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_no_option_of_a_plugin_is_endless(value):
    option = ConfigOption("mine", "wait_s", value, "")
    with pytest.raises(ConfigError, match="Make it a number"):
        Config("/home", plugin_options=(option,)).getfloat("mine", "wait_s")


def test_a_wrong_truth_value_is_refused_when_a_scheduler_starts():
    config = Config("/home", overrides={("scheduler", "use_job_schedule"): "perhaps"})
    with pytest.raises(ConfigError, match="Make it true or false"):
        config.check()
