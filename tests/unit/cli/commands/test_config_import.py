"""`config import` writes what carries over, and keeps what the file had."""

from __future__ import annotations

import argparse
import json
import stat

import pytest

from airflow_lite.cli.commands.config_import import import_settings
from airflow_lite.config import Config
from airflow_lite.errors import UserError

CFG = """\
[core]
parallelism = 7
executor = LocalExecutor
xcom_backend = mine.Backend
mp_start_method = fork

[smtp]
smtp_host = mail.example.com
smtp_password = not-for-eyes
"""


def imported(file=None, *, dry_run=False, output="table"):
    args = argparse.Namespace(file=file, dry_run=dry_run, output=output, columns=None)
    assert import_settings(args) == 0


@pytest.fixture
def airflow_cfg(tmp_path, fresh_home, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW_LITE_NO_PLUGINS", "1")
    file = tmp_path / "airflow" / "airflow.cfg"
    file.parent.mkdir()
    file.write_text(CFG)
    return file


@pytest.fixture
def ours(tmp_path):
    return tmp_path / "home" / "airflow_lite.cfg"


def test_the_file_of_airflows_home_is_taken_over(airflow_cfg, ours, capsys):
    imported()
    config = Config.load()
    assert config.getint("core", "parallelism") == 7
    assert config.get("smtp", "smtp_host") == "mail.example.com"
    err = capsys.readouterr().err
    assert f"4 carried over, 0 refused, 2 no effect. 4 written to {ours}." in err
    assert stat.S_IMODE(ours.stat().st_mode) == 0o600


def test_a_dry_run_writes_nothing(airflow_cfg, ours, capsys):
    imported(str(airflow_cfg), dry_run=True)
    assert "4 would be written" in capsys.readouterr().err
    assert not ours.exists()


def test_a_second_time_nothing_is_left_to_write(airflow_cfg, ours, capsys):
    imported()
    before = ours.read_text()
    imported()
    assert "0 written" in capsys.readouterr().err
    assert ours.read_text() == before


def test_what_the_file_had_stays_as_it_was(airflow_cfg, ours):
    ours.parent.mkdir()
    ours.write_text("# mine\n[core]\n# few\nparallelism = 2\n\n[logging]\nlogging_level = DEBUG\n")
    imported()
    assert ours.read_text() == (
        "# mine\n[core]\nexecutor = LocalExecutor\n# few\nparallelism = 2\n"
        "\n[logging]\nlogging_level = DEBUG\n"
        "\n[smtp]\nsmtp_password = not-for-eyes\nsmtp_host = mail.example.com\n"
    )


def test_no_secret_is_printed(airflow_cfg, capsys):
    imported(dry_run=True, output="json")
    rows = {row["setting"]: row["value"] for row in json.loads(capsys.readouterr().out)}
    assert rows["[smtp] smtp_password"] == "***"
    assert rows["[core] executor"] == "LocalExecutor"


def test_settings_of_which_the_same_is_told_share_a_line(airflow_cfg, capsys):
    airflow_cfg.write_text("[webserver]\nbase_url = x\nworkers = 4\nworker_class = sync\n")
    imported()
    assert "[webserver] base_url and 2 more" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_told_in_a_line(airflow_cfg):
    with pytest.raises(UserError, match=r"/nowhere/airflow\.cfg cannot be read"):
        imported("/nowhere/airflow.cfg")
