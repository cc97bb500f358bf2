"""What DAG files ask for while the parse server's forks import them, and what they get."""

from __future__ import annotations

import os

import pytest

from airflow_lite.errors import UserError
from airflow_lite.parsing.file import Options
from airflow_lite.parsing.pool import parse_batches
from airflow_lite.parsing.secrets import Answered

DAG = """
from airflow_lite import DAG, BaseHook, Variable
{code}
dag = DAG("of_file", schedule=None, description=repr(FOUND))
"""
VALUES = {"region": "north", "token": "hunter2-canary", "large": "x" * 3_000_000}
FIELDS = {"conn_id": "shop", "conn_type": "http", "host": "h", "password": "s3cret-canary"}


class Broken(Exception):
    pass


def answer(kind, name):
    if name == "locked":
        raise UserError("The value was encrypted by a key that is not here.")
    if name == "outage":
        raise Broken
    found: object = VALUES.get(name)
    if kind == "connection":
        found = FIELDS if name == "shop" else None
    return Answered(found, None if found is None else f"version of {name}")


@pytest.fixture
def parse(tmp_path):
    def parse(*codes, timeout_s=60.0, **options):
        paths = []
        for number, code in enumerate(codes):
            path = tmp_path / f"file{number}.py"
            path.write_text(DAG.format(code=code))
            paths.append(str(path))
        environ = {**os.environ, "AIRFLOW_LITE_HOME": str(tmp_path)}
        batches = parse_batches(
            paths, Options(timeout_s, 512), environ=environ, servers=1, **options
        )
        found = {result.path: result for batch in batches for result in batch}
        return [found[path] for path in paths]

    return parse


ASKS = {
    'FOUND = Variable.get("region")': ("'north'", [("variable", "region", "version of region")]),
    'FOUND = Variable.get("nowhere", 5)': ("5", [("variable", "nowhere", None)]),
    'FOUND = BaseHook.get_connection("shop").host': (
        "'h'",
        [("connection", "shop", "version of shop")],
    ),
    'FOUND = len(Variable.get("large"))': (
        "3000000",
        [("variable", "large", "version of large")],
    ),
    "FOUND = None": ("None", []),
    # What asked and did not wait gets no answer, and neither does the file after it.
    """
from airflow_lite.authoring.secrets.search import search
import json
ask = search().store._ask_store
end = dict(zip(ask.__code__.co_freevars, (cell.cell_contents for cell in ask.__closure__)))["end"]
import os
end.sendall(json.dumps([os.getpid(), "variable", "large"]).encode() + b"\\n")
end.sendall(b"nonsense\\n[1]\\n" + json.dumps([1, "variable", "region"]).encode() + b"\\n")
FOUND = "asked"
""": ("'asked'", [("variable", "large", "version of large")]),
    """
import threading
found = []
threads = [
    threading.Thread(target=lambda: found.append(Variable.get("region"))) for _ in range(8)
]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
FOUND = found == ["north"] * 8
""": ("True", [("variable", "region", "version of region")]),
    'FOUND = Variable.get("region") + Variable.get("region")': (
        "'northnorth'",
        [("variable", "region", "version of region")],
    ),
}


def test_files_are_answered_one_after_the_other(parse):
    results = parse(*ASKS, answer=answer)

    assert [result.error for result in results] == [None] * len(ASKS)
    found = [(result.dags[0].description, list(result.secrets)) for result in results]
    assert found == list(ASKS.values())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ('Variable.get("nowhere")', "Variable nowhere does not exist."),
        ('BaseHook.get_connection("none")', "The connection 'none' is not defined."),
        ('Variable.get("locked")', "The value was encrypted by a key that is not here."),
        ('Variable.set("region", "south")', "Change it in a task."),
        ('Variable.update("region", "south")', "Change it in a task."),
        ('Variable.delete("region")', "Change it in a task."),
        ('raise ValueError(Variable.get("token"))', "ValueError: ***"),
        ('raise ValueError(BaseHook.get_connection("shop").password)', "ValueError: ***"),
        (
            "import os, sys\nif os.fork() == 0:\n"
            "    try:\n        Variable.get('region')\n"
            "    except Exception as error:\n        open(__file__ + '.told', 'w').write(str(error))\n"
            "    os._exit(0)\nos.wait()\nraise ValueError(open(__file__ + '.told').read())",
            "A process that a DAG file starts cannot ask for region.",
        ),
    ],
)
def test_what_cannot_be_had_is_the_error_of_the_file(parse, code, error):
    (result,) = parse(code, answer=answer)

    assert error in (result.error or "")
    assert "canary" not in (result.error or "")


def test_without_a_store_nothing_is_there(parse):
    (result,) = parse('FOUND = Variable.get("region", "none")')

    assert result.dags[0].description == "'none'"


def test_an_outage_of_the_store_is_not_the_files_fault(parse):
    with pytest.raises(Broken):
        parse('FOUND = Variable.get("outage")', answer=answer)


def test_a_file_that_floods_its_line_ends_like_any_other(parse):
    flood = """
from airflow_lite.authoring.secrets.search import search
ask = search().store._ask_store
end = dict(zip(ask.__code__.co_freevars, (cell.cell_contents for cell in ask.__closure__)))["end"]
end.settimeout(0.5)
try:
    while True:
        end.sendall(b"x" * 100_000)
except TimeoutError:
    pass
FOUND = "flooded"
"""
    results = parse(flood, 'FOUND = Variable.get("region")', answer=answer)

    assert [result.dags[0].description for result in results] == ["'flooded'", "'north'"]
