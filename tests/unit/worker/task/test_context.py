"""`conf` in templates and callbacks."""

from __future__ import annotations

import pytest

from airflow_lite.errors import ConfigError
from airflow_lite.worker.task.context import Conf


def test_an_option_that_is_not_there_is_its_fallback_or_an_error(fresh_home):
    conf = Conf()
    assert conf.getint("core", "parallelism", fallback=-1) == conf.getint("core", "parallelism") > 0
    assert conf.get("webserver", "base_url", fallback="none") == "none"
    assert conf.getboolean("core", "load_examples", fallback=False) is False
    with pytest.raises(ConfigError):
        conf.get("webserver", "base_url")


def test_an_option_can_be_asked_for(fresh_home):
    assert Conf().has_option("core", "dags_folder")
    assert not Conf().has_option("webserver", "base_url")
