"""The child that a file zygote forks ahead of its attempt."""

from __future__ import annotations

import os
import signal

import pytest

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


def children_of(pid):
    return {
        int(entry)
        for entry in os.listdir("/proc")
        if entry.isdigit() and _parent(entry) == pid and int(entry) != pid
    }


def _parent(entry):
    try:
        with open(f"/proc/{entry}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[1])


@pytest.fixture
def one_by_one(hosted, wait_until):
    """Run the task once; return what it told, and the spare that was forked meanwhile."""

    def run(try_number):
        assert hosted.finish("tells", try_number).state == "success"
        told = hosted.xcoms("tells")["return_value"]
        found = set()

        def look():
            base = children_of(hosted.host.pid)
            zygotes = {pid for one in base for pid in children_of(one)}
            found.clear()
            found.update(pid for one in zygotes for pid in children_of(one))
            return len(found) == 1 and told["pid"] not in found

        wait_until(look, "one spare")
        return told, *found

    return run


def test_an_attempt_runs_in_the_child_that_was_forked_before_it(one_by_one):
    first, spare = one_by_one(1)
    second, next_spare = one_by_one(2)

    assert second["pid"] == spare
    assert len({first["pid"], spare, next_spare}) == 3
    assert (first["seen"], second["seen"]) == (1, 1)  # of one another they know nothing


def test_a_spare_leaves_nothing_of_its_rehearsal_to_the_attempt(one_by_one, hosted):
    for number in (1, 2):
        told, _ = one_by_one(number)
        assert told["wrong"] == []
    records = (hosted.home.folder / "records").read_text().splitlines()
    assert len(records) == 4  # two lines of each attempt, none of a rehearsal
    assert not [line for line in records if "rehearsal" in line]


def test_a_spare_that_nothing_comes_for_ends(one_by_one, wait_until):
    _, spare = one_by_one(1)
    wait_until(lambda: not os.path.exists(f"/proc/{spare}"), "the end of the spare")
    told, _ = one_by_one(2)
    assert told["pid"] != spare


def test_a_killed_spare_costs_no_attempt(one_by_one, wait_until):
    _, spare = one_by_one(1)
    os.kill(spare, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{spare}"), "the zygote to know")
    told, _ = one_by_one(2)
    assert told["pid"] != spare


def test_a_spare_ends_with_its_zygote(one_by_one, wait_until):
    _, spare = one_by_one(1)
    os.kill(_parent(str(spare)), signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{spare}"), "the end of the spare")


def test_an_order_larger_than_a_socket_holds_reaches_the_spare(make_hosted, monkeypatch):
    hosted = make_hosted(DAG_FILE)
    hosted.who = "x" * 3_000_000
    hosted.start()
    for number in (1, 2):
        assert hosted.finish("tells", number).state == "success"
        assert hosted.xcoms("tells")["return_value"]["conf"] == 3_000_000
