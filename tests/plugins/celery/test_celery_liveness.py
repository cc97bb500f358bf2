"""The file that says that a worker lives: touched with the broker away, too."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise

import pytest

from airflow_lite.executors import ConfigError
from airflow_lite_celery_executor.worker.liveness import TOUCH_S, LivenessFile


@pytest.fixture
def now(monkeypatch):
    moments = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: moments[-1])
    return moments


def test_the_file_is_touched_every_few_seconds_until_the_worker_has_ended(tmp_path, now):
    path = tmp_path / "alive"
    file = LivenessFile(str(path))
    file.start()
    touched = []
    for second in range(11):
        now.append(100.0 + second)
        os.utime(path, (0, 0))
        file.touch()
        if path.stat().st_mtime > 0:
            touched.append(second)
    assert touched[0] == 0
    assert all(later - earlier <= TOUCH_S for earlier, later in pairwise(touched))
    assert len(touched) < 6
    file.remove()
    assert not path.exists()


def test_a_file_that_cannot_be_made_is_told_before_the_worker_starts(tmp_path):
    path = tmp_path / "no" / "alive"
    with pytest.raises(ConfigError) as told:
        LivenessFile(str(path)).start()
    assert str(told.value) == (
        f"[celery] worker_liveness_file: {str(path)!r} cannot be written (No such file or"
        " directory). Name a file in a folder where the worker may write."
    )


def test_that_the_file_cannot_be_touched_is_logged_once(tmp_path, now, caplog):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = LivenessFile(str(folder / "alive"))
    file.start()
    (folder / "alive").unlink()
    folder.rmdir()
    for second in range(0, 60, 10):
        now.append(100.0 + second)
        file.touch()
    file.remove()
    (record,) = caplog.records
    assert record.getMessage() == f"{folder / 'alive'} cannot be touched: No such file or directory"


def test_without_a_file_nothing_is_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = LivenessFile("")
    file.start()
    file.touch()
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_touches_its_file_with_and_without_a_broker(
    home, own_servers, own_broker, wait_until
):
    workers = own_broker("redis")
    path = home.folder / "alive"
    home.environ["AIRFLOW_LITE__CELERY__WORKER_LIVENESS_FILE"] = str(path)
    os.kill(own_servers.pid("redis"), signal.SIGKILL)
    one = workers.start("one", "-c", "1", is_ready=False)

    def wait_for_touch():
        os.utime(path, (0, 0))
        wait_until(lambda: path.stat().st_mtime > 0, "the file to be touched")

    wait_until(lambda: "cannot be reached" in one.log.read_text(), "the broker to be missed")
    wait_for_touch()
    own_servers.up("redis")
    workers.wait_for(one)
    wait_for_touch()
    one.terminate()
    assert one.wait(60) == 0
    assert not path.exists()
