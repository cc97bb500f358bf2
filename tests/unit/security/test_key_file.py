"""A key that processes of several machines share."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.worker import shared_key

OPTION = ("core", "pickle_secret_key", "shared.key")


def test_it_is_made_in_the_home_once(tmp_path):
    config = Config(tmp_path)
    key = shared_key(config, *OPTION, is_made=True)
    assert shared_key(config, *OPTION, is_made=False) == key
    assert (tmp_path / "shared.key").stat().st_mode & 0o777 == 0o600


def test_the_option_stands_before_the_file(tmp_path):
    made = shared_key(Config(tmp_path), *OPTION, is_made=True)
    configured = Config(tmp_path, overrides={OPTION[:2]: "k" * 32})
    assert shared_key(configured, *OPTION, is_made=True) == b"k" * 32 != made


def test_where_none_may_be_made_it_is_told_where_to_copy_it_from(tmp_path):
    with pytest.raises(ConfigError) as caught:
        shared_key(Config(tmp_path), *OPTION, is_made=False)
    assert str(caught.value) == (
        f"There is no {tmp_path}/shared.key here. Copy shared.key from the scheduler's home, or"
        " set [core] pickle_secret_key to the same value there and here."
    )
