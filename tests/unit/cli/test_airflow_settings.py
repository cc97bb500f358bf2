"""What becomes of the settings of an airflow.cfg."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_lite.cli import airflow_settings
from airflow_lite.cli.airflow_settings import (
    CARRIED,
    REFUSED,
    WITHOUT_EFFECT,
    judged,
    read_airflow_cfg,
)
from airflow_lite.config import Config, ConfigOption
from airflow_lite.errors import UserError

GOLDEN = Path(__file__).parents[2] / "golden" / "options.json"


def one(section, name, value, config=None):
    [setting] = judged({(section, name): value}, config or Config("/home/of/tests"))
    return setting


def test_what_airflow_sets_and_airflow_lite_has_is_carried_over():
    setting = one("core", "parallelism", "7")
    assert setting == ("core", "parallelism", "7", CARRIED, "")


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("core", "parallelism", "32"),
        ("core", "dagbag_import_timeout", "30.0"),
        ("core", "dags_are_paused_at_creation", "false"),
        ("email", "email_backend", "airflow.utils.email.send_email_smtp"),
    ],
)
def test_what_holds_here_already_needs_no_setting(section, name, value):
    setting = one(section, name, value)
    assert (setting.verdict, setting.note) == (CARRIED, "It is so already.")


def test_a_value_that_cannot_be_is_refused_with_the_reason():
    setting = one("core", "parallelism", "many")
    assert setting.verdict == REFUSED
    assert "Make it a number" in setting.note


def test_what_is_set_here_already_is_left_as_it_is():
    config = Config("/home/of/tests", {}, {"core": {"parallelism": "3"}})
    setting = one("core", "parallelism", "7", config)
    assert (setting.verdict, setting.note) == (REFUSED, "It is set here already (from file).")


@pytest.mark.parametrize("section", ["core", "database"])
def test_airflows_own_database_is_never_taken(section):
    setting = one(section, "sql_alchemy_conn", "postgresql://airflow@db/airflow")
    assert setting.verdict == REFUSED
    assert "database of its own" in setting.note


def test_a_setting_that_airflow_has_moved_is_found_where_it_is_now():
    setting = one("core", "dag_concurrency", "5")
    assert setting[:4] == ("core", "max_active_tasks_per_dag", "5", CARRIED)


def test_a_plugins_setting_is_carried_over_where_the_plugin_is_installed():
    option = ConfigOption("kubernetes_executor", "namespace", "default", "")
    config = Config("/home/of/tests", plugin_options=(option,))
    assert one("kubernetes", "namespace", "etl", config).verdict == CARRIED
    without = one("kubernetes", "namespace", "etl")
    assert without.verdict == WITHOUT_EFFECT
    assert "[kubernetes_executor]" in without.note


@pytest.mark.parametrize(
    ("section", "name", "told"),
    [
        ("webserver", "base_url", "settings of its own in [web]"),
        ("core", "xcom_backend", "XComs are in the database"),
        ("core", "fernet_key_cmd", "Set fernet_key itself"),
        ("core", "no_such_thing", "There is no such setting"),
    ],
)
def test_what_has_no_effect_is_told_with_what_serves(section, name, told):
    setting = one(section, name, "x")
    assert setting.verdict == WITHOUT_EFFECT
    assert told in setting.note


def test_every_name_of_the_tables_is_one_of_airflows():
    sections = json.loads(GOLDEN.read_text())
    options = {(section, name) for section, names in sections.items() for name in names}
    keys = {key for key in airflow_settings._INSTEAD if isinstance(key, tuple)}
    named = {key for key in airflow_settings._INSTEAD if isinstance(key, str)}
    assert keys <= options
    assert named <= sections.keys() | {"dask", "elasticsearch"}  # the sections of providers


def test_values_are_read_as_airflow_reads_them(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA", "/srv/data")
    file = tmp_path / "airflow.cfg"
    file.write_text("[Core]\ndags_folder = $DATA/dags\n[email]\nsubject_template = 100%%\n")
    assert read_airflow_cfg(file) == {
        ("core", "dags_folder"): "/srv/data/dags",
        ("email", "subject_template"): "100%",
    }


@pytest.mark.parametrize("content", [None, b"no section = 1", b"\xff\xfe"])
def test_a_file_that_is_none_is_told_in_a_line(tmp_path, content):
    file = tmp_path / "airflow.cfg"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"airflow\.cfg"):
        read_airflow_cfg(file)
