"""What tasks, and the DAG files that hold them, get of the store's Variables and connections."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet

from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections, variables
from airflow_lite.store.connections import ConnectionFields
from fixtures.goldens import read_golden
from fixtures.hosted import TASK_DECORATOR

GOLDEN = read_golden("variables")["code"]
CANARY = "hunter2-canary"

_DAG = f"""
import json, os, subprocess, threading
from datetime import datetime
from airflow_lite import DAG, BaseHook, BashOperator, Connection, PythonOperator, Variable
from airflow_lite import get_current_context
{TASK_DECORATOR}
AT_IMPORT = Variable.get("at_import")
KEY = "AIRFLOW_LITE__CORE__FERNET_KEY"
FOUND_KEY = os.environ.get(KEY)
OF_IMPORT = BaseHook.get_connection("a").get_uri()

def variable_accessor(deserialize_json):
    var = get_current_context()["var"]
    return var.json if deserialize_json else var.value

@task()
def answers():
    names = dict(
        Variable=Variable, BaseHook=BaseHook, Connection=Connection,
        VariableAccessor=variable_accessor,
        ConnectionAccessor=lambda: get_current_context()["conn"],
    )
    rows = []
    for expression in json.loads(Variable.get("expressions")):
        try:
            rows.append([expression, repr(eval(expression, names))])
        except Exception as error:
            rows.append([expression, f"{{type(error).__name__}}: {{error}}"])
    note("answers", json.dumps(rows))
    return rows

@task()
def of_import():
    return [AT_IMPORT, OF_IMPORT, FOUND_KEY, os.environ.get(KEY)]

BashOperator(
    task_id="renders", dag=dag,
    bash_command="echo {{{{ var.value.at_import }}}} {{{{ conn.secret.password }}}}",
)

@task()
def shows():
    password = Variable.get("a_password")
    subprocess.run(["echo", "told by echo:", password], check=True)
    print("shown:", password, BaseHook.get_connection("secret").password)

@task()
def asks_from_everywhere():
    found = []
    def ask():
        found.append(Variable.get("at_import"))
    threads = [threading.Thread(target=ask) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, Variable.get("at_import").encode())
        os._exit(0)
    os.wait()
    return [*found, os.read(reading, 100).decode()]

@task()
def large():
    Variable.set("large", "x" * 5_000_000)
    return len(Variable.get("large"))

@task()
def odd():
    told = []
    for call in (
        lambda: Variable.set("k" * 251, "x"),
        lambda: Variable.set("nul", chr(0)),
        lambda: Variable.get("other_key"),
    ):
        try:
            told.append(call())
        except Exception as error:
            told.append(f"{{type(error).__name__}}: {{error}}")
    return told
"""


@pytest.fixture(scope="module")
def stored():
    """What Airflow's store held when it answered, and what these tests need."""
    texts = {"limits": '{\n  "rows": 5\n}', "n": "3", "none": "null", "quoted": '"text"'}
    texts |= {"text": "text", "at_import": "here", "a_password": CANARY}
    texts["expressions"] = json.dumps([expression for expression, _ in GOLDEN])
    return texts, [
        ConnectionFields("a", "mysql", host="h", login="u", password="p", schema="db"),
        ConnectionFields("json", "http", host="h", port=80, extra='{"a": {"b": 1}}'),
        ConnectionFields("env", "http", host="h", login="me", password="pw"),
        ConnectionFields("secret", "http", host="h", password="of-the-connection"),
    ]


@pytest.fixture
def make(make_hosted, stored):
    texts, fields = stored

    def make(text):
        hosted = make_hosted(
            text,
            AIRFLOW_LITE__CORE__FERNET_KEY=Fernet.generate_key().decode(),
            AIRFLOW_VAR_OF_ENVIRONMENT="here",
            AIRFLOW_CONN_OF_ENVIRONMENT="http://here",
        )
        with hosted.store.begin() as connection:
            variables.put(connection, Cipher(hosted.config), texts)
            connections.put(connection, Cipher(hosted.config), fields)
        return hosted

    return make


def of_airflow(rows):
    """Compare results whole, and errors by their kind and Airflow's words in them."""
    told = []
    for (expression, answer), (_, wanted) in zip(rows, GOLDEN, strict=True):
        kind, colon, words = wanted.partition(": ")
        if colon and kind.isidentifier():
            of_airflow = words.strip("'") if "conn_id" not in words else ""
            is_same = answer.startswith(kind) and of_airflow in answer
            told.append((expression, wanted if is_same else answer))
        else:
            told.append((expression, answer))
    return told


def test_a_task_gets_what_airflow_gives(make):
    hosted = make(_DAG)
    hosted.start()
    assert hosted.finish("answers").state == "success", hosted.log("answers")
    rows = hosted.xcoms("answers")["return_value"]

    assert of_airflow(rows) == [tuple(row) for row in GOLDEN]
    assert "The variable of_environment is defined in the EnvironmentV" in hosted.log("answers")


def test_a_file_a_template_threads_and_processes_are_answered(make):
    hosted = make(_DAG)
    hosted.start()
    tokens = [hosted.give(name) for name in ("of_import", "renders", "asks_from_everywhere")]
    tokens += [hosted.give(name) for name in ("large", "shows")]
    hosted.wait(*tokens)

    assert hosted.xcoms("of_import")["return_value"] == [
        "here",
        "mysql://u:p@h/db",
        *(None, None),  # no key reaches the code of a file or task
    ]
    assert hosted.xcoms("asks_from_everywhere")["return_value"] == ["here"] * 21
    assert hosted.xcoms("large")["return_value"] == 5_000_000
    assert "here ***" in hosted.log("renders")
    log = hosted.log("shows")
    assert "told by echo: ***" in log
    assert "shown: *** ***" in log


def test_what_cannot_be_read_or_kept_is_an_error_of_the_task_alone(make):
    hosted = make(_DAG)
    from airflow_lite.store import schema

    with hosted.store.begin() as connection:
        foreign = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
        connection.execute(
            schema.variable.insert().values(key="other_key", val=foreign, is_encrypted=True)
        )
    hosted.start()
    assert hosted.finish("odd").state == "success", hosted.log("odd")
    told = hosted.xcoms("odd")["return_value"]

    assert [line.partition(": ")[2].partition(",")[0] for line in told] == [
        "A Variable's key has 1 to 250 characters",
        "Variable nul has what no database keeps: a NUL",
        "The value was encrypted by a key that is not here. Set [core] fernet_key to that key",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Variable.set('x', 1)", "Variable x cannot be changed while a DAG file is imported."),
        ("Variable.get('nowhere')", "Variable nowhere does not exist."),
        ("raise ValueError(Variable.get('a_password'))", "ValueError: ***"),
    ],
)
def test_a_file_that_cannot_be_imported_fails_its_tasks(make, line, reason):
    hosted = make(_DAG.replace("AT_IMPORT =", f"{line}\nAT_IMPORT ="))
    hosted.start()

    assert hosted.finish("of_import").state != "success"
    assert reason in hosted.log("of_import")
    assert CANARY not in hosted.log("of_import")


def test_a_file_cannot_ask_for_what_is_of_a_run(make):
    asks = """
from airflow_lite.authoring.secrets.search import search
from airflow_lite.processes.packing import packed, receive, send
from airflow_lite.worker.messages import TO_ZYGOTE, Ask, DeleteVariable, PreviousRun
import select
def told():
    channel = search().store._ask_store.__self__._channel
    for question in (PreviousRun(None), DeleteVariable("at_import")):
        send(channel, Ask(9, packed(question)))
        select.select([channel], [], [])
        yield receive(channel, TO_ZYGOTE)[0].error
TOLD = list(told())
"""
    text = _DAG.replace("AT_IMPORT =", f"{asks}\nAT_IMPORT =")
    hosted = make(
        text.replace("return [AT_IMPORT, OF_IMPORT, FOUND_KEY, os.environ.get(KEY)]", "return TOLD")
    )
    hosted.start()
    assert hosted.finish("of_import").state == "success", hosted.log("of_import")

    assert hosted.xcoms("of_import")["return_value"] == [
        "A DAG file can ask for Variables and connections alone.",
        "A DAG file can change nothing.",
    ]


def test_code_in_this_process_gets_the_same(make):
    """As `tasks test` and DebugExecutor run it."""
    hosted = make(_DAG)
    done = hosted.home.run("tasks", "test", "hosted", "answers", "2024-01-01")

    assert "Marking task as SUCCESS" in done.stdout
    (line,) = hosted.lines("answers")
    assert of_airflow(json.loads(line)) == [tuple(row) for row in GOLDEN]
    rendered = hosted.home.run("tasks", "render", "hosted", "renders", "2024-01-01").stdout
    assert "echo here ***" in rendered
