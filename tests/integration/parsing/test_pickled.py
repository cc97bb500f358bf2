"""DAGs shipped pickled: tasks run without the DAG file, and nothing unsigned is ever unpickled."""

from __future__ import annotations

import pickle
import stat
import sys

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.security.signing import KEY_FILE, KEY_VARIABLE, signature, signing_key
from airflow_lite.store import pickles
from airflow_lite.store.engine import open_store
from airflow_lite.store.schema import dag_pickle

ON = {"AIRFLOW_LITE__CORE__DONOT_PICKLE": "False"}
#: Nobody looks at the files a second time: what is removed is not noticed.
LOOK_ONCE = {"AIRFLOW_LITE__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "3600"}

#: `hide` takes the DAG file and its helper away: after it, only a pickle can help.
SHIPPED = """
import os
from datetime import datetime

import shipped_helper
from airflow_lite import DAG, BaseOperator, PythonOperator
from shipped_helper import Shown, twice

HERE = os.path.dirname(os.path.abspath(__file__))


class Sums(BaseOperator):
    def execute(self, context):
        return twice(context["ti"].xcom_pull(task_ids="hide")) + shipped_helper.OFFSET


def hide():
    for name in os.listdir(HERE):
        if name.endswith(".py"):
            os.remove(os.path.join(HERE, name))
    return 20


with DAG(
    "shipped", start_date=datetime(2024, 1, 1), schedule="@once", is_paused_upon_creation=False
):
    first = PythonOperator(task_id="hide", python_callable=hide)
    shown = PythonOperator(task_id="shown", python_callable=lambda: Shown().text)
    first >> Sums(task_id="sums") >> shown
"""
HELPER = """
OFFSET = 2

def twice(number):
    return number * 2

class Shown:
    text = "shown"
"""
PLAIN = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("plain", start_date=datetime(2024, 1, 1), schedule=None, is_paused_upon_creation=False):
    PythonOperator(task_id="only", python_callable=lambda: {value})
"""


@pytest.fixture
def store_of():
    """Open the store of a home."""
    opened = []

    def open_it(home):
        opened.append(open_store(Config.load(home.environ)))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


def rows(store):
    with store.read() as connection:
        return connection.execute(sa.select(dag_pickle).order_by(dag_pickle.c.id)).all()


def details(home, dag_id):
    return home.json("dags", "details", dag_id)[0]


def states(home, dag_id):
    return list(home.run_states(dag_id).values())


def value_of(home, store, task_id):
    from airflow_lite.store.schema import xcom

    with store.read() as connection:
        query = sa.select(xcom.c.value).where(xcom.c.task_id == task_id)
        return connection.execute(query).scalar()


@pytest.mark.parametrize("is_on", [True, False])
def test_tasks_run_though_the_file_is_gone_if_the_dag_is_pickled(home, wait_until, store_of, is_on):
    home.environ |= LOOK_ONCE
    (home.dags / "shipped_helper.py").write_text(HELPER)
    home.dag("shipped", SHIPPED)
    store = store_of(home)
    with home.scheduler(options=["--do-pickle"] if is_on else []) as scheduler:
        wait_until(lambda: value_of(home, store, "hide"), "the first task")
        ended = {"success", "failed"}
        wait_until(lambda: ended & set(states(home, "shipped")), "the end of the run")
    assert states(home, "shipped") == ["success" if is_on else "failed"], scheduler.output()
    assert value_of(home, store, "sums") == ("42" if is_on else None)
    assert value_of(home, store, "shown") == ('"shown"' if is_on else None)


def test_nothing_is_pickled_unless_the_user_turns_it_on(home, wait_until, store_of):
    home.dag("plain", PLAIN.format(value=1))
    with home.scheduler():
        home.run("dags", "trigger", "plain", "--wait")
    assert details(home, "plain")["pickle_id"] is None
    assert details(home, "plain")["last_pickled"] is None
    assert rows(store_of(home)) == []
    assert not (home.folder / KEY_FILE).exists()


def test_what_is_pickled_is_signed_and_shown(home, store_of):
    home.environ |= ON | {"AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor"}
    home.dag("plain", PLAIN.format(value=1))
    shown = details(home, "plain")
    (row,) = rows(store_of(home))
    assert shown["pickle_id"] == row.id
    assert shown["last_pickled"].startswith("20")
    key = signing_key(Config.load(home.environ))
    assert row.signature == signature(key, "plain", row.version_id, row.payload)
    assert stat.S_IMODE((home.folder / KEY_FILE).stat().st_mode) == 0o600
    assert details(home, "plain")["pickle_id"] == row.id


def test_an_executor_that_runs_tasks_in_the_scheduler_gets_no_pickles(home, store_of):
    path = "airflow_lite.executors.in_process:InProcessExecutor"
    home.environ |= ON | {"AIRFLOW_LITE__CORE__EXECUTOR": path}
    home.dag("plain", PLAIN.format(value=1))
    assert details(home, "plain")["pickle_id"] is None
    assert rows(store_of(home)) == []


def test_a_dag_that_was_parsed_before_it_was_turned_on_is_pickled_then(home):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "LocalExecutor"
    home.dag("plain", PLAIN.format(value=1))
    assert details(home, "plain")["pickle_id"] is None
    home.environ |= ON
    assert details(home, "plain")["pickle_id"] is not None


def test_dags_are_pickled_anew_where_the_key_is_another(home, store_of):
    home.environ |= ON | {"AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor"}
    home.dag("plain", PLAIN.format(value=1))
    before = details(home, "plain")["pickle_id"]
    home.environ[KEY_VARIABLE] = "n" * 40
    after = details(home, "plain")["pickle_id"]
    assert before != after == details(home, "plain")["pickle_id"]
    row = rows(store_of(home))[-1]
    assert row.signature == signature(b"n" * 40, "plain", row.version_id, row.payload)


def test_an_edit_of_code_alone_is_shipped(home, store_of):
    home.environ |= ON
    home.dag("plain", PLAIN.format(value=1))
    store = store_of(home)
    with home.scheduler():
        for value in (1, 22):
            home.dag("plain", PLAIN.format(value=value))
            home.run("dags", "trigger", "plain", "--wait", "-r", f"run{value}")
    from airflow_lite.store.schema import xcom

    with store.read() as connection:
        values = connection.execute(sa.select(xcom.c.value).order_by(xcom.c.at_us)).scalars().all()
    assert values == ["1", "22"]
    assert len(rows(store)) == 2


@pytest.mark.parametrize(
    ("options", "line", "reason"),
    [
        (
            {},
            "import threading; LOCK = threading.Lock()",
            "TypeError: cannot pickle '_thread.lock'",
        ),
        (
            {"AIRFLOW_LITE__CORE__MAX_DAG_PICKLE_SIZE": "5000"},
            "LOCK = 'x' * 10_000",
            "; [core] max_dag_pickle_size is 5000",
        ),
    ],
)
def test_a_dag_that_cannot_be_pickled_is_not_run_from_its_file_instead(
    home, wait_until, options, line, reason
):
    home.environ |= ON | options
    warning = "DAG 'plain' is not pickled, so its tasks fail where [core] donot_pickle is False: "
    text = PLAIN.format(value="str(LOCK)[:0]").replace("with DAG", f"{line}\nwith DAG")
    home.dag("plain", text)
    with home.scheduler() as scheduler:
        wait_until(lambda: warning in scheduler.output(), "the warning")
        home.run("dags", "trigger", "plain", "--wait", exit_code=1)
    assert states(home, "plain") == ["failed"]
    log = home.run("tasks", "logs", "plain", "only", states_run(home)).stdout
    assert "where [core] donot_pickle is False no task is run from a file." in log
    assert details(home, "plain")["pickle_id"] is None
    shipped = home.run(
        *("tasks", "run", "plain", "only", states_run(home), "--ship-dag", "--force"), exit_code=1
    )
    assert warning in shipped.stderr
    assert reason in shipped.stderr
    assert shipped.stderr.count("\n") == 1


def test_runs_that_wait_when_it_is_turned_on_get_their_pickles_first(home):
    home.dag("plain", PLAIN.format(value=1))
    home.run("dags", "trigger", "plain")
    home.environ |= ON
    with home.scheduler():
        home.run("dags", "trigger", "plain", "--wait")
    assert states(home, "plain") == ["success", "success"]


def test_a_store_that_names_no_pickle_brings_no_file_to_run(hosted):
    token = hosted.give("task")
    hosted.wait(token)
    assert hosted.attempt(token).cause.startswith("DAG 'hosted' is not pickled, and where [core]")


def test_a_task_run_by_hand_is_run_from_the_file_that_its_dag_has(home):
    home.dag("plain", PLAIN.format(value=1))
    with home.scheduler():
        home.run("dags", "trigger", "plain", "--wait", "-r", "one")
    home.environ |= ON | {"AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor"}
    home.run("tasks", "run", "plain", "only", "one", "--force")
    assert states(home, "plain") == ["success"]


def states_run(home):
    return home.json("dags", "list-runs", "-d", "plain")[0]["run_id"]


def test_a_task_is_shipped_by_hand(home, store_of):
    home.dag("plain", PLAIN.format(value=1))
    with home.scheduler():
        home.run("dags", "trigger", "plain", "--wait", "-r", "one")
    assert rows(store_of(home)) == []
    task = ("tasks", "run", "plain", "only", "one", "--force")
    shipped = home.run(*task, "--ship-dag")
    (row,) = rows(store_of(home))
    assert f"Pickled DAG 'plain' as pickle_id: {row.id}" in shipped.stderr
    (home.dags / "plain.py").unlink()
    home.environ |= ON
    home.run(*task, "--pickle", str(row.id))
    both = home.run(*task, "--pickle", "1", "--ship-dag", exit_code=1)
    assert (
        both.stderr
        == "airflow-lite: error: --pickle and --ship-dag exclude each other. Give one of them.\n"
    )
    bad = home.run(*task, "--pickle", "-1", exit_code=None)
    assert bad.returncode in {1, 2}


def test_the_key_is_not_in_the_environment_of_tasks_and_files(home, store_of):
    home.environ |= ON | {KEY_VARIABLE: "s" * 40}
    text = PLAIN.format(value=f"[PARSED, os.environ.get({KEY_VARIABLE!r})]")
    parsed = f"import os; PARSED = os.environ.get({KEY_VARIABLE!r})"
    home.dag("plain", text.replace("with DAG", f"{parsed}\nwith DAG"))
    with home.scheduler():
        home.run("dags", "trigger", "plain", "--wait")
    store = store_of(home)
    assert value_of(home, store, "only") == "[null,null]"
    (row,) = rows(store)
    assert row.signature == signature(b"s" * 40, "plain", row.version_id, row.payload)
    assert not (home.folder / KEY_FILE).exists()


def test_a_scheduler_that_cannot_pickle_says_what_to_install(home, tmp_path):
    broken = tmp_path / "site"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text("import sys; sys.modules['cloudpickle'] = None")
    home.environ["PYTHONPATH"] = str(broken)
    done = home.run("--executor", "LocalExecutor", "scheduler", "-n", "1", "-p", exit_code=1)
    assert done.stderr.splitlines()[-1] == (
        "airflow-lite: error: Pickling DAGs needs cloudpickle. Install it: pip install 'airflow-lite[pickle]'"
    )


# ---------------------------------------------------------------- what a task host unpickles

HOSTED = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="task", python_callable=lambda: "from the file")
"""


class Canary:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "x")


@pytest.fixture
def hosted(make_hosted):
    """A task host that runs pickles, and a DAG without a file."""
    made = make_hosted(HOSTED, **ON)
    made.start()
    return made


def ship(hosted, payload, key=None, **columns):
    """Save a payload for `hosted`, signed with `key` (the home's); return its id."""
    own = signing_key(hosted.config)
    key = own if key is None else key
    made_for = {"dag_id": "hosted", "version_id": 1} | columns.pop("made_for", {})
    row = {
        "dag_id": "hosted", "version_id": 1, "python": pickles.PYTHON, "payload": payload,
        "digest": "x", "created_us": 1, "signature": signature(key, payload=payload, **made_for),
    } | columns  # fmt: skip
    with hosted.store.begin() as connection:
        return connection.execute(dag_pickle.insert().values(row)).inserted_primary_key[0]


def run_pickle(hosted, pickle_id):
    """Run the task from a pickle; return its row, and the cause of its end."""

    token = hosted.queue("task")
    command = hosted.command("task", token)._replace(pickle_id=pickle_id)
    hosted.host.run(command.words())
    hosted.wait(token)
    return hosted.row("task"), hosted.attempt(token).cause


def payload_of(hosted):
    from airflow_lite.parsing.pickled import dump

    (found,) = load(hosted)
    return dump(found, str(hosted.path), str(hosted.home.dags), 1 << 20)


def load(hosted):
    from airflow_lite.parsing.load import load_file

    before = list(sys.path)
    try:
        return load_file(hosted.path, dags_folder=hosted.home.dags)
    finally:
        sys.path[:] = before


def test_a_signed_pickle_is_run_without_the_file(hosted):
    pickle_id = ship(hosted, payload_of(hosted))
    hosted.path.unlink()
    row, cause = run_pickle(hosted, pickle_id)
    assert (row.state, cause) == ("success", None)
    assert hosted.xcoms("task") == {"return_value": "from the file"}


def test_the_canary_sings_where_its_signature_is_right(hosted, tmp_path):
    # Else the tests below would prove nothing.
    canary = tmp_path / "canary"
    _, cause = run_pickle(hosted, ship(hosted, pickle.dumps(Canary(canary))))
    assert canary.exists()
    assert cause == "The pickle holds a TextIOWrapper, not a DAG."


UNSIGNED = (
    "Pickled DAG 1 is not run: its signature is not the scheduler's."
    " Someone changed it in the database, or [core] pickle_secret_key is another here."
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": ""},
        {"signature": "0" * 64},
        {"key": b"k" * 64},  # of another installation
        {"made_for": {"dag_id": "other"}},
        {"made_for": {"dag_id": "other"}, "dag_id": "other"},
        {"made_for": {"version_id": 2}},
    ],
    ids=str,
)
def test_what_is_not_signed_for_this_dag_is_refused_and_not_unpickled(hosted, tmp_path, wrong):
    canary = tmp_path / "canary"
    pickle_id = ship(hosted, pickle.dumps(Canary(canary)), **wrong)
    row, cause = run_pickle(hosted, pickle_id)
    assert (row.state, cause) == ("failed", UNSIGNED)
    assert not canary.exists()
    assert UNSIGNED in hosted.log("task")


def test_a_payload_that_was_changed_in_the_database_is_refused(hosted, tmp_path):
    canary = tmp_path / "canary"
    pickle_id = ship(hosted, payload_of(hosted))
    changes = [pickle.dumps(Canary(canary)), "no bytes at all"]
    for changed in changes:
        with hosted.store.begin() as connection:
            connection.execute(sa.text("UPDATE dag_pickle SET payload = :new"), {"new": changed})
        row, cause = run_pickle(hosted, pickle_id)
        assert (row.state, cause) == ("failed", UNSIGNED)
    assert not canary.exists()


def test_a_host_where_the_user_did_not_turn_it_on_unpickles_nothing(make_hosted, tmp_path):
    hosted = make_hosted(HOSTED)
    hosted.start()
    canary = tmp_path / "canary"
    row, cause = run_pickle(hosted, ship(hosted, pickle.dumps(Canary(canary))))
    assert row.state == "failed"
    assert cause == (
        "Pickled DAG 1 is not run: [core] donot_pickle is True here. Make it False where tasks"
        " run, or leave it True where the scheduler runs."
    )
    assert not canary.exists()


def test_a_host_without_a_key_says_where_to_get_it(hosted, tmp_path):
    canary = tmp_path / "canary"
    pickle_id = ship(hosted, pickle.dumps(Canary(canary)))
    (hosted.home.folder / KEY_FILE).unlink()
    _, cause = run_pickle(hosted, pickle_id)
    assert cause.startswith("There is no key to check pickled DAGs with. Copy pickle.key from ")
    assert not canary.exists()
    assert not (hosted.home.folder / KEY_FILE).exists()


def test_a_pickle_of_another_python_is_refused(hosted):
    pickle_id = ship(hosted, payload_of(hosted), python="2.7")
    _, cause = run_pickle(hosted, pickle_id)
    assert cause == (
        f"Pickled DAG {pickle_id} is of Python 2.7, and tasks run on {pickles.PYTHON} here."
        " Use one version for both."
    )


def test_a_pickle_that_is_not_there_is_told(hosted):
    _, cause = run_pickle(hosted, 99)
    assert cause == (
        "There is no pickled DAG 99 in the database. Run the task again: it gets the newest."
    )


def test_a_pickle_without_the_task_is_told(hosted):
    pickle_id = ship(hosted, payload_of(hosted))
    token = hosted.queue("gone")
    words = [*hosted.command("gone", token).words(), "--pickle", str(pickle_id)]
    hosted.host.run(words)
    hosted.wait(token)
    assert hosted.attempt(token).cause == (
        f"There is no task 'gone' of DAG 'hosted' in pickled DAG {pickle_id}."
    )


def test_a_zygote_of_a_pickle_serves_many_attempts(hosted):
    pickle_id = ship(hosted, payload_of(hosted))
    for number in range(3):
        row, cause = run_pickle(hosted, pickle_id)
        assert (row.state, cause) == ("success", None), number
