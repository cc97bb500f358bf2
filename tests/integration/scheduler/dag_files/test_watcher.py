"""DAG files that come, change, break and go, and the store that follows them."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.processes.doorbell import Doorbell
from airflow_lite.scheduler.dag_files.now import process_now
from airflow_lite.scheduler.dag_files.watcher import DagFiles
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import dags, variables
from airflow_lite.store.engine import Store, open_store
from fixtures.waits import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOURCE = "from airflow_lite import DAG, EmptyOperator\n"
SOURCE += "with DAG('{id}', schedule=None):\n    EmptyOperator(task_id='{task}')\n"


class MovedClock(SystemClock):
    """The system's clock, moved forward by `hours`."""

    hours = 0.0

    def now_us(self) -> int:
        return super().now_us() + round(self.hours * 3_600_000_000)

    def monotonic(self) -> float:
        return super().monotonic() + self.hours * 3600


@pytest.fixture
def config(tmp_path: Path) -> Config:
    home = tmp_path / "home"
    (home / "dags").mkdir(parents=True)
    environ = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_LITE__CORE__DAGBAG_IMPORT_TIMEOUT": "3",
        "AIRFLOW_LITE_HOME": str(home),
    }
    return Config(home=home, environ=environ)


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    opened = open_store(config)
    yield opened
    opened.close()


def write(config: Config, name: str, dag_id: str, task: str = "a") -> Path:
    path = config.home / "dags" / f"{name}.py"
    path.write_text(SOURCE.format(id=dag_id, task=task))
    return path


def tasks(store: Store, dag_id: str) -> list[str] | None:
    with store.read() as connection:
        found = dags.latest_spec(connection, dag_id)
        active = dags.file_of(connection, dag_id) is not None
    return list(found[1].tasks) if found and active else None


def errors(store: Store) -> list[str]:
    with store.read() as connection:
        return [file.error or "" for file in dags.import_errors(connection)]


def test_new_changed_and_vanished_files_reach_the_store(config: Config, store: Store) -> None:
    path = write(config, "one", "first")
    assert [saved.changed for saved in process_now(config, store)] == [("first",)]
    assert process_now(config, store) == []
    write(config, "one", "first", task="another_task")
    assert [saved.changed for saved in process_now(config, store)] == [("first",)]
    assert tasks(store, "first") == ["another_task"]
    path.unlink()
    assert [saved.vanished for saved in process_now(config, store)] == [("first",)]
    assert tasks(store, "first") is None


def test_a_file_that_breaks_keeps_its_last_good_dag(config: Config, store: Store) -> None:
    path = write(config, "one", "first")
    process_now(config, store)
    path.write_text("# airflow dag\nimport sys\nsys.exit(1)\n")
    process_now(config, store)
    assert tasks(store, "first") == ["a"]
    assert errors(store)[0].startswith("The file calls sys.exit(1) (line 3).")
    write(config, "one", "first", task="mended")
    process_now(config, store)
    assert (tasks(store, "first"), errors(store)) == (["mended"], [])


def test_a_file_is_parsed_again_when_a_variable_that_it_read_has_changed(
    config: Config, store: Store
) -> None:
    cipher = Cipher(config)
    (config.home / "dags" / "asks.py").write_text(
        "from airflow_lite import DAG, EmptyOperator, Variable\n"
        "with DAG('asks', schedule=None):\n"
        "    EmptyOperator(task_id=Variable.get('name', 'none'))\n"
    )
    write(config, "one", "first")
    process_now(config, store)
    assert tasks(store, "asks") == ["none"]
    assert process_now(config, store) == []
    for text in ("north", "south"):
        with store.begin() as connection:
            variables.put(connection, cipher, {"name": text, "other": text})
        assert [saved.path.rpartition("/")[2] for saved in process_now(config, store, "asks")] == [
            "asks.py"
        ]
        assert tasks(store, "asks") == [text]
        assert process_now(config, store) == []


@pytest.mark.parametrize("column", ["dag_id", "fileloc"])
def test_a_dag_whose_row_makes_no_sense_keeps_no_file_from_being_looked_at(
    config: Config, store: Store, column: str
) -> None:
    write(config, "one", "first")
    write(config, "two", "second")
    process_now(config, store)
    with store.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE dag SET {column} = ? WHERE dag_id = 'first'", (b"\xff",)
        )
    for number in range(2):
        write(config, "one", "first", task=f"changed_{number}")
        write(config, "two", "second", task=f"changed_{number}")
        process_now(config, store)
    assert tasks(store, "first") == tasks(store, "second") == ["changed_1"]


def test_a_renamed_file_keeps_its_dag_active(config: Config, store: Store) -> None:
    path = write(config, "old", "moved")
    process_now(config, store)
    path.rename(path.with_name("new.py"))
    saved = process_now(config, store)
    assert [one.vanished for one in saved] == [()]
    assert tasks(store, "moved") == ["a"]


def test_two_dags_that_change_places_are_refused_by_neither_file(
    config: Config, store: Store
) -> None:
    late = "import time\ntime.sleep(1.5)\n"  # so that it is saved after the other
    slow = write(config, "a_slow", "one")
    write(config, "b", "two")
    process_now(config, store)
    slow.write_text(late + SOURCE.format(id="two", task="of_slow"))
    write(config, "b", "one", task="of_b")
    process_now(config, store)
    assert (tasks(store, "one"), tasks(store, "two")) == (["of_b"], ["of_slow"])
    assert errors(store) == []


def test_a_refused_file_is_told_once_with_what_else_it_has(config: Config, store: Store) -> None:
    write(config, "z", "same")
    process_now(config, store)
    for name in "cba":  # parsed in this order or another, and saved in that of their names
        path = write(config, name, "same")
        path.write_text(path.read_text() + SOURCE.format(id=name, task="b"))
    saved = {one.path.removesuffix(".py")[-1]: one for one in process_now(config, store)}
    assert {name: one.changed for name, one in saved.items()} == {name: (name,) for name in "abc"}
    assert all(str(one.error).startswith("DAG id 'same' is in ") for one in saved.values())
    assert len(errors(store)) == 3


def test_one_dag_id_in_two_files_is_refused_for_the_second(config: Config, store: Store) -> None:
    first = write(config, "a", "same")
    process_now(config, store)
    second = write(config, "b", "same", task="b")
    process_now(config, store)
    expected = f"DAG id 'same' is in {first.name} and again in {second.name}."
    assert errors(store) == [f"{expected} Rename one of the two DAGs."]
    assert tasks(store, "same") == ["a"]
    first.unlink()
    process_now(config, store)
    process_now(config, store)
    assert (tasks(store, "same"), errors(store)) == (["b"], [])


def test_a_missing_folder_makes_no_dag_inactive(config: Config, store: Store) -> None:
    write(config, "one", "first")
    process_now(config, store)
    (config.home / "dags").rename(config.home / "away")
    assert process_now(config, store) == []
    assert tasks(store, "first") == ["a"]


def test_a_changed_module_of_the_folder_changes_the_dag(config: Config, store: Store) -> None:
    module = config.home / "dags" / "words.py"
    module.write_text("TASK = 'before'\n")
    path = config.home / "dags" / "one.py"
    path.write_text("import words\n" + SOURCE.format(id="d", task="X").replace("'X'", "words.TASK"))
    process_now(config, store)
    assert tasks(store, "d") == ["before"]
    module.write_text("TASK = 'afters'\n")
    process_now(config, store)
    assert tasks(store, "d") == ["afters"]


def test_a_missing_module_is_tried_again_without_a_change_of_the_file(
    config: Config, store: Store, tmp_path: Path
) -> None:
    path = config.home / "dags" / "one.py"
    path.write_text("import to_come\n" + SOURCE.format(id="d", task="a"))
    process_now(config, store)
    assert "there is no module 'to_come'" in errors(store)[0]
    (config.home / "dags" / "to_come.py").write_text("")
    clock = MovedClock()
    assert process_now(config, store, clock=clock) == []
    clock.hours = 1
    process_now(config, store, clock=clock)
    assert (tasks(store, "d"), errors(store)) == (["a"], [])


def test_a_clock_that_was_set_back_keeps_no_broken_file_from_being_tried_again(
    config: Config, store: Store
) -> None:
    path = config.home / "dags" / "one.py"
    path.write_text("import to_come\n" + SOURCE.format(id="d", task="a"))
    clock = MovedClock()
    clock.hours = 24
    process_now(config, store, clock=clock)
    (config.home / "dags" / "to_come.py").write_text("")
    clock.hours = 0
    process_now(config, store, clock=clock)
    assert (tasks(store, "d"), errors(store)) == (["a"], [])


@pytest.mark.parametrize("junk", ["not JSON", b"\xff", "{}"])
def test_a_row_that_makes_no_sense_stops_no_file(
    config: Config, store: Store, junk: object
) -> None:
    write(config, "one", "first")
    process_now(config, store)
    with store.begin() as connection:
        connection.exec_driver_sql("UPDATE dag_file SET dag_ids = ?", (junk,))
    write(config, "two", "second")
    process_now(config, store)
    with store.read() as connection:
        known = {one.path.rpartition("/")[2]: one for one in dags.known_files(connection)}
    assert {name: one.dag_ids for name, one in known.items()} == {
        "one.py": ("first",),
        "two.py": ("second",),
    }
    assert process_now(config, store) == []


def test_an_error_is_logged_when_it_is_new_and_not_at_each_retry(
    config: Config, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = config.home / "dags" / "one.py"
    path.write_text("import to_come\n" + SOURCE.format(id="d", task="a"))
    clock = MovedClock()
    passed = threading.Event()
    files = DagFiles(config, store, clock, wake=passed.set)

    def look() -> None:
        clock.hours += 1
        passed.clear()
        assert files.tick()
        while files.is_busy:
            assert passed.wait(DEADLINE_S)

    look()
    look()
    assert caplog.text.count("there is no module 'to_come'") == 1
    path.write_text("import another_one\n" + SOURCE.format(id="d", task="a"))
    look()
    assert caplog.text.count("there is no module 'another_one'") == 1


def test_a_dag_that_is_asked_for_is_found_before_the_rest_is_parsed(
    config: Config, store: Store
) -> None:
    write(config, "wanted", "the_one")
    (config.home / "dags" / "a_hang.py").write_text("# airflow dag\nwhile True:\n    pass\n")
    timeout = {"AIRFLOW_LITE__CORE__DAGBAG_IMPORT_TIMEOUT": "600"}
    patient = Config(home=config.home, environ={**config.environ, **timeout})
    started = time.monotonic()
    process_now(patient, store, "the_one")
    assert tasks(store, "the_one") == ["a"]
    assert time.monotonic() - started < DEADLINE_S, "the hanging file must not be waited for"
    assert process_now(config, store, "the_one") == []


def test_a_dag_whose_id_is_not_written_out_is_found_too(config: Config, store: Store) -> None:
    path = config.home / "dags" / "computed.py"
    path.write_text(SOURCE.format(id="X", task="a").replace("'X'", "'the_' + 'one'"))
    process_now(config, store, "the_one")
    assert tasks(store, "the_one") == ["a"]


def test_a_running_scheduler_is_told_of_what_was_parsed(config: Config, store: Store) -> None:
    bell = Doorbell(config.home)
    try:
        write(config, "one", "first")
        process_now(config, store)
        assert bell.messages() == [{"files": True, "dags": ["first"]}]
        process_now(config, store)
        assert bell.messages() == []
    finally:
        bell.close()


def test_the_loop_never_waits_for_a_file(
    config: Config, store: Store, wait_until: Callable[..., Any]
) -> None:
    gate = config.home / "gate"
    source = f"# airflow dag\nimport os\nwhile not os.path.exists({str(gate)!r}):\n    pass\n"
    (config.home / "dags" / "hangs.py").write_text(source)
    write(config, "one", "first")
    timeout = {"AIRFLOW_LITE__CORE__DAGBAG_IMPORT_TIMEOUT": "600"}
    patient = Config(home=config.home, environ={**config.environ, **timeout})
    woken: list[bool] = []
    files = DagFiles(patient, store, SystemClock(), wake=lambda: woken.append(True))
    assert files.due_in_s() == 0.0
    assert files.tick()
    assert not files.tick()
    assert files.is_busy
    # The good file is there while the other still hangs.
    saved = wait_until(files.poll, "the good file to be saved")
    assert [(one.changed, one.error) for one in saved] == [(("first",), None)]
    assert woken
    assert files.is_busy
    gate.touch()
    wait_until(lambda: not files.is_busy, "the pass to end")
    assert files.close()


def test_a_file_that_hangs_is_given_up_and_the_next_pass_comes_in_its_time(
    config: Config, store: Store, wait_until: Callable[..., Any]
) -> None:
    (config.home / "dags" / "hangs.py").write_text("# airflow dag\nwhile True:\n    pass\n")
    clock = MovedClock()
    files = DagFiles(config, store, clock)
    assert files.tick()
    (hung,) = wait_until(files.poll, "the hanging file to be given up")
    assert hung.error.startswith("The file was not imported within 3 s.")
    wait_until(lambda: not files.is_busy, "the pass to end")
    assert 0 < files.due_in_s() <= 30.0
    clock.hours = 0.02
    assert files.tick()
    wait_until(lambda: not files.is_busy, "the second pass to end")
    assert files.close()


def test_an_outage_of_the_database_is_told_once_in_one_line(
    config: Config,
    store: Store,
    wait_until: Callable[..., object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def look() -> None:
        files.look_soon()
        files.tick()
        wait_until(lambda: not files.is_busy, "the pass")

    files = DagFiles(config, store, SystemClock())
    write(config, "f", "d")
    with store.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE dag_file RENAME TO away")
    look()
    look()
    with store.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO dag_file")
    look()

    told = "The DAG files cannot be saved: no such table: dag_file; they are looked at again."
    assert caplog.messages == [told]
    assert caplog.records[0].exc_info is None
    assert tasks(store, "d") == ["a"]
    files.close()


def test_a_pass_is_due_at_once_when_someone_says_so(
    config: Config, store: Store, wait_until: Callable[..., Any]
) -> None:
    files = DagFiles(config, store, SystemClock())
    assert files.tick()
    wait_until(lambda: not files.is_busy, "the first pass to end")
    assert not files.tick()
    write(config, "one", "first")
    files.look_soon()
    assert files.tick()
    (saved,) = wait_until(files.poll, "the new file to be saved")
    assert saved.changed == ("first",)
    assert files.close()


def test_closing_ends_a_pass_in_the_middle(
    config: Config, store: Store, wait_until: Callable[..., Any]
) -> None:
    note = config.home / "started"
    source = f"# airflow dag\nopen({str(note)!r}, 'w')\nwhile True:\n    pass\n"
    (config.home / "dags" / "hangs.py").write_text(source)
    files = DagFiles(config, store, SystemClock())
    files.tick()
    wait_until(note.exists, "the file to be imported")
    assert files.close(timeout_s=60.0)
    assert files.poll() == []
    assert not files.tick()
