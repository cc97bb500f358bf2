"""The secret that signs requests for logs: made once, for its owner alone."""

from __future__ import annotations

import os
import re
import threading

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.logs.serving.token import signing_key


def test_it_is_made_at_first_use_for_its_owner_alone(tmp_path):
    home = tmp_path / "home"
    before = os.umask(0)
    try:
        key = signing_key(Config(home))
    finally:
        os.umask(before)

    assert len(key) == 32
    assert (home / "logs.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == ["logs.key"]
    assert signing_key(Config(home)) == key
    assert signing_key(Config(tmp_path / "another")) != key


def test_processes_that_make_it_at_once_end_with_the_same(tmp_path):
    found, start = [], threading.Barrier(8)

    def ask():
        start.wait()
        found.append(signing_key(Config(tmp_path)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_option_takes_its_place_and_makes_no_file(tmp_path):
    one, other = (
        Config(tmp_path / name, file={"webserver": {"secret_key": "s" * 16}}) for name in "ab"
    )

    assert signing_key(one) == signing_key(other)
    assert not (tmp_path / "a").exists()


def test_a_secret_that_is_none_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^\[webserver\] secret_key has 3 characters\. Make it at least 16: "
    ):
        signing_key(Config(tmp_path, file={"webserver": {"secret_key": "abc"}}))

    path = tmp_path / "logs.key"
    path.write_text("")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no key. Remove the file: the next start makes"):
        signing_key(Config(tmp_path))


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    signing_key(Config(tmp_path))
    (tmp_path / "logs.key").chmod(0o640)

    with pytest.raises(ConfigError, match="only its owner can read and write: chmod 600 "):
        signing_key(Config(tmp_path))


def test_a_home_where_it_cannot_be_made_is_told(tmp_path):
    (tmp_path / "home").write_text("")

    with pytest.raises(
        ConfigError,
        match=f"^{re.escape(str(tmp_path))}/home/logs.key cannot be read: Not a directory",
    ):
        signing_key(Config(tmp_path / "home"))
