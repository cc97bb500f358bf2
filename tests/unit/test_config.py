"""Paths in settings: `~` is a home folder, or the setting is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_lite.config import Config
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
