"""An SQLite store is shared by whoever sees the very same file."""

from __future__ import annotations

import socket

import pytest

from airflow_lite_dask_executor.store_file import StoreFile
from airflow_lite_dask_executor.vetting import Vetting


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.db"
    path.touch()
    return path


def store_file(file):
    found = StoreFile.of(f"sqlite:///{file}")
    assert found
    return found


def test_a_server_is_no_file():
    assert StoreFile.of("postgresql+psycopg://db/airflow") is None


def test_the_same_file_is_shared_whatever_it_is_called(file):
    link = file.with_name("b.db")
    link.hardlink_to(file)
    assert store_file(file).fault_of(f"sqlite:///{link}") is None


def test_another_file_of_this_machine_is_told_by_its_path(file, tmp_path):
    other = tmp_path / "other.db"
    fault = store_file(file).fault_of(f"sqlite:///{other}")
    assert fault == (
        f"it uses the SQLite file {str(other)!r}, the scheduler {str(file)!r}. "
        "Start it with the scheduler's AIRFLOW_LITE_HOME or [database] sql_alchemy_conn"
    )


@pytest.mark.parametrize("url", ["sqlite:///{file}", "postgresql+psycopg://db/airflow"])
def test_a_file_of_another_machine_is_shared_by_none(file, url):
    theirs = store_file(file)._replace(hostname="scheduler-box", boot_id="other")
    assert theirs.fault_of(url.format(file=file)) == (
        f"on the machine {socket.gethostname()!r} it does not share the SQLite file "
        f"{str(file)!r} of 'scheduler-box'. Set [database] sql_alchemy_conn everywhere to the same "
        "PostgreSQL database"
    )


class Asked:
    """A client that keeps what workers are asked."""

    run = None

    def sync(self, function, vet, store, **options):
        self.store = store
        return {}


def test_workers_are_asked_for_the_file_that_is_there_when_they_are_asked(tmp_path):
    file = tmp_path / "later.db"
    vetting, client = Vetting(f"sqlite:///{file}", is_closed=False), Asked()
    file.touch()
    vetting._ask(client, ["tcp://127.0.0.1:1"])
    assert client.store.inode == file.stat().st_ino
