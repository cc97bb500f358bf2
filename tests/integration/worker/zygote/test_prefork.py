"""The child that a file zygote forks ahead of its attempt."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from fixtures.processes import children_of, is_gone, parent_of

DAG_FILE = """
import logging, os
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

class Watch(logging.Handler):
    def emit(self, record):
        with open(os.path.join(HOME, "records"), "a") as file:
            file.write(record.getMessage() + "\\n")

logging.getLogger("airflow_lite.task").addHandler(Watch())
seen = []

def tell(dag_run):
    seen.append(1)
    names = [name for name in os.environ if name.startswith("AIRFLOW_CTX_")]
    wrong = [name for name in names if "rehearsal" in os.environ[name]]
    return {"pid": os.getpid(), "seen": len(seen), "wrong": wrong, "conf": len(dag_run.conf["who"])}

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    PythonOperator(task_id="tells", python_callable=tell)
"""


@pytest.fixture
def hosted(make_hosted):
    made = make_hosted(DAG_FILE)
    made.start()
    return made


class OneByOne:
    """Runs the task one attempt after the other.

    A machine that stands still for longer than a preforked child waits may lose one: then once more.
    """

    most_rounds = 20

    def __init__(self, hosted):
        self.hosted = hosted
        self.number = 0

    def run(self):
        """Run one attempt; return what it told."""
        self.number += 1
        assert self.hosted.finish("tells", self.number).state == "success"
        return self.hosted.xcoms("tells")["return_value"]

    def with_spare(self):
        """Run attempts until there is a preforked child after one; return what that told, and the preforked child."""
        for _ in range(self.most_rounds):
            told = self.run()
            until = time.monotonic() + 1.0
            while time.monotonic() < until:
                if len(spares := self.spares() - {told["pid"]}) == 1:
                    return told, *spares
        pytest.fail("no attempt left a preforked child")

    def spares(self):
        """The children of file zygotes."""
        base = children_of(self.hosted.host.pid)
        zygotes = {pid for one in base for pid in children_of(one)}
        return {pid for one in zygotes for pid in children_of(one)}


@pytest.fixture
def one_by_one(hosted):
    return OneByOne(hosted)


def test_an_attempt_runs_in_the_child_that_was_forked_before_it(one_by_one):
    told, preforked = one_by_one.with_spare()
    pids = [told["pid"]]
    before = None
    while told["pid"] != before:
        assert len(pids) < one_by_one.most_rounds, "no attempt ran in the preforked child before it"
        before = preforked
        told, preforked = one_by_one.with_spare()
        pids.append(told["pid"])
        assert told["seen"] == 1  # it knows nothing of the attempts before it
    assert len(set(pids)) == len(pids)


def test_a_spare_leaves_nothing_of_its_rehearsal_to_the_attempt(one_by_one, hosted):
    for _ in range(3):
        told, _ = one_by_one.with_spare()
        assert told["wrong"] == []
    records = (hosted.home.folder / "records").read_text().splitlines()
    assert len(records) == 2 * one_by_one.number  # two lines of each attempt, none of a rehearsal
    assert not [line for line in records if "rehearsal" in line]


def test_a_spare_that_nothing_comes_for_ends(one_by_one, wait_until):
    _, preforked = one_by_one.with_spare()
    wait_until(lambda: is_gone(preforked), "the end of the preforked child")
    assert one_by_one.run()["pid"] != preforked


def test_a_killed_spare_costs_no_attempt(one_by_one, wait_until):
    _, preforked = one_by_one.with_spare()
    with suppress(ProcessLookupError):
        os.kill(preforked, signal.SIGKILL)
    wait_until(lambda: is_gone(preforked), "the zygote to know")
    assert one_by_one.run()["pid"] != preforked


def test_a_spare_ends_with_its_zygote(one_by_one, wait_until):
    zygote = None
    while zygote is None:
        _, preforked = one_by_one.with_spare()
        zygote = parent_of(preforked)
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: is_gone(preforked), "the end of the preforked child")


def test_an_order_larger_than_a_socket_holds_reaches_the_spare(make_hosted, monkeypatch):
    hosted = make_hosted(DAG_FILE)
    hosted.conf = {"who": "x" * 3_000_000}
    hosted.start()
    for number in (1, 2):
        assert hosted.finish("tells", number).state == "success"
        assert hosted.xcoms("tells")["return_value"]["conf"] == 3_000_000
