"""What code leaves open is seen; what it closed, forgot or reads nothing from is not."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

BEGIN = """
import os, socket, sys
from airflow_lite.processes.descriptors import left_open, open_descriptors
one, two = sys.argv[1:]
"""


@pytest.fixture
def alone(tmp_path):
    """Give a function that runs code where no other test has left anything open.

    It has the paths of two files; returned is what it prints, and the paths.
    """
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        path.touch()

    def alone(source):
        words = [sys.executable, "-c", BEGIN + textwrap.dedent(source), *map(str, paths)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stdout.splitlines(), *map(str, paths)

    return alone


def test_what_is_left_open_is_named(alone):
    printed, one, _ = alone("""
        before = open_descriptors()
        with open(one), socket.socket(), open(os.devnull):
            print(left_open(before))
        print(left_open(before))
    """)

    assert printed == [str([one, "socket"]), "[]"]


def test_what_nobody_can_reach_any_more_is_closed_and_not_named(alone):
    printed, *_ = alone("""
        class Holder:
            def __init__(self, path):
                self.fd = os.open(path, os.O_RDONLY)
                self.ring = self
            def __del__(self):
                os.close(self.fd)

        before = open_descriptors()
        Holder(one)
        print(left_open(before))
    """)

    assert printed == ["[]"]


def test_a_number_that_is_something_else_now_counts(alone):
    printed, _, two = alone("""
        with open(one) as first, open(two) as second:
            before = open_descriptors()
            os.dup2(second.fileno(), first.fileno())
            print(left_open(before))
    """)

    assert printed == [str([two])]
