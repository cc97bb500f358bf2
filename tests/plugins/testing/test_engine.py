from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from airflow_lite_testing import needs
from airflow_lite_testing.engine import Engine, installed_engine
from airflow_lite_testing.local_engine import LocalEngine
from airflow_lite_testing.reference_executor import ReferenceExecutor
from airflow_lite_testing.remote_engine import SOCKET_VARIABLE, RemoteEngine, Server, ask
from airflow_lite_testing.subject import subject_of
from fixtures.waits import DEADLINE_S


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    folder = tmp_path / "kit_engines-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: kit-engines\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[airflow_lite.testing.v1]\nKitExecutor = kit_engines:make\n"
    )
    (tmp_path / "kit_engines.py").write_text(
        "from airflow_lite_testing.remote_engine import RemoteEngine\n\n\n"
        "def make():\n    return RemoteEngine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_an_installed_engine_is_found_by_the_executors_name(distribution):
    engine = installed_engine("KitExecutor")
    assert isinstance(engine, RemoteEngine)
    assert isinstance(engine, Engine)


def test_an_executor_without_an_engine_has_none(distribution):
    assert installed_engine("NobodysExecutor") is None


def test_what_cannot_be_stopped_is_no_engine():
    class Half:
        def start(self, environ):
            return {}

    assert not isinstance(Half(), Engine)


def test_an_engine_need_not_do_everything_and_the_cases_about_the_rest_do_not_apply():
    local = subject_of(ReferenceExecutor, LocalEngine())
    assert isinstance(local.engine, Engine)
    assert needs.workers(local) is None
    assert needs.link(local) == "its Engine has no cut and restore"
    assert needs.stalling(local) == "its Engine has no stall and restore"

    remote = subject_of(ReferenceExecutor, RemoteEngine())
    assert needs.workers(remote) is None
    assert needs.link(remote) is None
    assert needs.stalling(remote) is None


def test_without_an_engine_no_case_about_its_faults_applies():
    reference = subject_of(ReferenceExecutor)
    assert needs.workers(reference) == needs.link(reference) == needs.engine(reference)
    assert needs.stalling(reference) == needs.engine(reference)


@pytest.mark.parametrize("name", ["LocalExecutor", "SequentialExecutor"])
def test_the_executors_of_the_core_have_an_engine(name):
    assert isinstance(installed_engine(name), LocalEngine)


@pytest.fixture
def temporary(monkeypatch):
    """A folder for temporary files whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_the_engine_ends_with_whoever_started_it(temporary, wait_until):
    starts = (
        "from airflow_lite_testing.remote_engine import RemoteEngine, ask, SOCKET_VARIABLE\n"
        "from pathlib import Path\n"
        "engine = RemoteEngine()\n"
        "path = engine.start({})[SOCKET_VARIABLE]\n"
        "ask(Path(path), {'run': ['sleep', '1000'], 'token': 'one'})\n"
        "print(engine._server.pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starts], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout
        server = int(starter.stdout.readline())
        starter.kill()
    wait_until(lambda: not _group_lives(server), "the engine and what it runs to end")
    assert list(temporary.iterdir()) == []


def test_a_stalled_engine_accepts_and_answers_only_once_it_is_restored(temporary):
    engine = RemoteEngine()
    path = Path(engine.start({})[SOCKET_VARIABLE])
    try:
        engine.stall()
        with pytest.raises(TimeoutError):
            ask(path, {"poll": ["one"]}, 0.2)
        engine.restore()
        assert ask(path, {"poll": ["one"]}) == {"one": "lost"}
    finally:
        engine.stop()
    assert list(temporary.iterdir()) == []


def test_an_engine_that_is_started_by_hand_takes_nothing_along_but_its_socket(temporary):
    (temporary / "kept").touch()
    words = [sys.executable, "-m", "airflow_lite_testing.remote_engine", temporary / "socket"]
    hand = f"import subprocess as s; s.call({[*map(str, words)]!r}, stdin=s.DEVNULL); print('on')"
    done = subprocess.run(
        [sys.executable, "-c", hand],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        start_new_session=True,
    )
    assert done.stdout == "on\n", done.stderr
    assert [path.name for path in temporary.iterdir()] == ["kept"]


def _group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_server_calls_an_unknown_token_lost_and_kills_nothing_for_it():
    server = Server()
    assert server.answer({"poll": ["one"]}) == {"one": "lost"}
    assert server.answer({"kill": ["one"]}) == {}
