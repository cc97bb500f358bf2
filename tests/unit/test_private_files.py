"""What the home holds is for its owner alone, and what others may write to is not trusted."""

from __future__ import annotations

import json
import os
import stat

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError, StoreError
from airflow_lite.plugins.discovery import cache
from airflow_lite.private_files import make_folder, open_private, who_else_writes, write_private


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_umask")
def test_folders_and_files_are_for_their_owner_whatever_the_umask(tmp_path):
    make_folder(tmp_path / "a" / "b")
    write_private(tmp_path / "a" / "b" / "file", "text")
    os.close(open_private(tmp_path / "other", os.O_WRONLY))

    assert {mode(tmp_path / "a"), mode(tmp_path / "a" / "b")} == {0o700}
    assert {mode(tmp_path / "a" / "b" / "file"), mode(tmp_path / "other")} == {0o600}


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o750)
    make_folder(tmp_path / "there" / "new")

    assert mode(tmp_path / "there") == 0o750


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="Not a directory"):
        make_folder(tmp_path / "file")
    with pytest.raises(OSError, match="Not a directory"):
        make_folder(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("bits", "who"),
    [(0o700, None), (0o755, None), (0o770, "its group"), (0o777, "every user")],
)
def test_it_is_known_who_else_may_write(tmp_path, bits, who):
    tmp_path.chmod(bits)

    assert who_else_writes(tmp_path) == who
    assert who_else_writes(tmp_path / "nothing") is None


def test_a_home_that_every_user_can_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o777)

    with pytest.raises(ConfigError) as error:
        Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)})
    assert str(error.value) == (
        f"Every user of this machine can write to the home {tmp_path}, and so run code as you."
        f" Run `chmod go-w {tmp_path}`, or set AIRFLOW_LITE_HOME to another folder."
    )


def test_a_configuration_that_every_user_can_write_to_is_refused(tmp_path):
    file = tmp_path / "airflow_lite.cfg"
    file.write_text("[core]\n")
    file.chmod(0o666)

    with pytest.raises(ConfigError, match="Every user of this machine can write to") as error:
        Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)})
    assert f"chmod go-w {file}" in str(error.value)


def test_a_database_that_every_user_can_write_to_is_refused(tmp_path):
    from airflow_lite.store.engine import open_store

    config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)})
    open_store(config).close()
    (tmp_path / "airflow_lite.db").chmod(0o666)

    with pytest.raises(StoreError, match="chmod 600"):
        open_store(config)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_no_database(tmp_path, make):
    from airflow_lite.store.engine import open_store

    make(tmp_path / "airflow_lite.db")
    with pytest.raises(StoreError, match="is not a regular file"):
        open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)}))


@pytest.mark.usefixtures("_umask")
def test_a_database_and_its_log_are_for_their_owner_alone(tmp_path):
    from airflow_lite.store.engine import open_store

    store = open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path / "home")}))
    with store.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE more (id INTEGER)")

    files = list((tmp_path / "home").iterdir())
    assert {file.name for file in files} >= {"airflow_lite.db", "airflow_lite.db-wal"}
    assert {mode(file) for file in files} == {0o600}
    store.close()


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path)


def test_a_cache_is_read_back_and_is_private(config):
    cache.write(config, "cache/x.json", 1, {"a": 1})

    assert cache.read(config, "cache/x.json", 1)["a"] == 1
    assert cache.read(config, "cache/x.json", 2) == {}
    assert mode(config.home / "cache") == 0o700
    assert mode(config.home / "cache" / "x.json") == 0o600


def _deep(path):
    path.write_text("[" * 100_000)


def _device(path):
    path.symlink_to("/dev/zero")


def _open(path):
    path.write_text(json.dumps({"format": 1}))
    path.chmod(0o666)


def _folder_open(path):
    path.write_text(json.dumps({"format": 1}))
    path.parent.chmod(0o777)


def _sparse(path):
    path.touch()
    os.truncate(path, 1 << 40)


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, _deep, _device, _open, _folder_open, _sparse]
)
def test_a_cache_that_is_no_file_of_ours_is_ignored(config, make):
    path = config.home / "cache" / "x.json"
    path.parent.mkdir()
    make(path)

    assert cache.read(config, "cache/x.json", 1) == {}
