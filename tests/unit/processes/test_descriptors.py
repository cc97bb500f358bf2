"""What code leaves open is seen; what it closed, forgot or reads nothing from is not."""

from __future__ import annotations

import os
import socket

from airflow_lite.processes.descriptors import left_open, open_descriptors


def test_what_is_left_open_is_named(tmp_path):
    (tmp_path / "file").touch()
    before = open_descriptors()
    with (tmp_path / "file").open(), socket.socket(), open(os.devnull):
        assert left_open(before) == [str(tmp_path / "file"), "socket"]

    assert left_open(before) == []


class Holder:
    """An object that closes its file when it goes, and keeps itself from going."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
        self.ring = self

    def __del__(self):
        os.close(self.fd)


def test_what_nobody_can_reach_any_more_is_closed_and_not_named(tmp_path):
    (tmp_path / "file").touch()
    before = open_descriptors()
    Holder(tmp_path / "file")

    assert left_open(before) == []


def test_a_number_that_is_something_else_now_counts(tmp_path):
    (tmp_path / "one").touch()
    (tmp_path / "two").touch()
    with (tmp_path / "one").open() as one, (tmp_path / "two").open() as two:
        before = open_descriptors()
        os.dup2(two.fileno(), one.fileno())

        assert left_open(before) == [str(tmp_path / "two")]
