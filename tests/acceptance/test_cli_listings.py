"""Listings of the real command line have the keys that Airflow 2.10.5's have."""

from __future__ import annotations

import select
import subprocess

import pytest

DAGS = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, EmptyOperator

with DAG("little", start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False,
         tags=["a", "b"], description="A little DAG", params={"p": 1}, max_active_runs=3):
    first = BashOperator(task_id="first", bash_command="echo {{ ds }}")
    first >> EmptyOperator(task_id="second")

with DAG("failing", start_date=datetime(2024, 1, 1), schedule=None):
    EmptyOperator(task_id="fail")
"""
RUN = "manual__2024-02-02T00:00:00+00:00"
#: In this order, as when Airflow was asked. Airflow's call -> ours, where the words differ.
CALLS = (
    "dags list",
    "dags list --columns dag_id,is_paused",
    "dags details little",
    "dags trigger little -e 2024-02-02T00:00:00+00:00",
    "dags trigger little -r my_run -e 2024-02-03 -c '{\"p\": 2}'",
    "dags list-runs -d little",
    "dags list-runs -d little --state running",
    "dags pause little -y",
    "dags unpause little -y",
    f"tasks states-for-dag-run little '{RUN}'",
    "tasks states-for-dag-run little 2024-02-02T00:00:00+00:00",
    "pools list",
)
#: Fields that hold the moment, the machine or an internal address of the run that was recorded.
VARYING = {
    "last_parsed_time",
    "fileloc",
    "file_token",
    "next_dagrun",
    "next_dagrun_create_after",
    "next_dagrun_data_interval_end",
    "next_dagrun_data_interval_start",
}
#: What Airflow's listings lack: after its keys.
MORE = {
    "pools list": ["running_slots", "queued_slots", "open_slots"],
    "tasks states-for-dag-run": ["try_number", "duration", "cause"],
}


@pytest.fixture
def airflow(golden):
    return golden("cli")["listings"]


def test_listings_have_airflows_keys_and_values(home, airflow):
    import shlex

    home.dag("little", DAGS)
    for call in CALLS:
        row = airflow[f"{call} -o json"]
        rows = home.json(*shlex.split(call))
        if "keys" not in row:
            assert rows == row["value"], call
            continue
        keys = row["keys"] + MORE.get(" ".join(call.split()[:2]), [])
        assert [list(found) for found in rows] == [keys] * row["rows"], call
        expected = {k: v for k, v in row.get("example", {}).items() if k not in VARYING}
        assert {k: _as_airflow(v) for k, v in rows[-1].items() if k in expected} == expected, call


def _as_airflow(value):
    """Return a value as Airflow's JSON has it: booleans and numbers are texts there."""
    if isinstance(value, dict):
        return {name: _as_airflow(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, bool | int | float) else value


def test_booleans_and_numbers_are_such_in_json(home):
    home.dag("little", DAGS)

    (row,) = home.json("dags", "details", "little")
    assert (row["is_paused"], row["max_active_runs"], row["owners"]) == (False, 3, ["airflow"])
    (pool,) = home.json("pools", "list")
    assert (pool["slots"], pool["include_deferred"], pool["open_slots"]) == (128, False, 128)


def test_internal_values_are_not_shown_to_people(home):
    home.dag("little", DAGS)
    words = ("dags", "list", "--columns", "dag_id,tags,schedule_interval,owners")

    assert [line.split() for line in home.run(*words, "-o", "plain").stdout.splitlines()] == [
        ["dag_id", "tags", "schedule_interval", "owners"],
        ["failing", "airflow"],
        ["little", "a,b", "@daily", "airflow"],
    ]
    assert "little  | a,b  | @daily" in home.run(*words).stdout
    (_, row) = home.json(*words)
    assert row["tags"] == [{"name": "a"}, {"name": "b"}]


def test_a_pool_says_which_slots_are_taken(home):
    home.dag("little", DAGS)
    home.run("dags", "trigger", "little", "-r", "r")
    home.execute("UPDATE task_instance SET pool_slots = 3, state = 'queued'")
    home.execute("UPDATE task_instance SET state = 'running' WHERE task_id = 'first'")

    (pool,) = home.json("pools", "get", "default_pool")
    assert [pool[f"{kind}_slots"] for kind in ("running", "queued", "open")] == [3, 3, 122]
    home.run("pools", "set", "default_pool", "-1", "no limit")
    assert home.json("pools", "list")[0]["open_slots"] is None


def test_the_states_of_a_run_say_try_duration_and_cause(home):
    home.dag("little", DAGS.replace("echo {{ ds }}", "exit 3"))
    home.run("dags", "test", "little", "2024-01-31", exit_code=1)

    first, second = home.json("tasks", "states-for-dag-run", "little", "2024-01-31")
    assert (first["try_number"], second["try_number"]) == (1, 0)
    assert first["duration"] > 0
    assert "non-zero exit code 3" in first["cause"]


def test_pools_answer_in_airflows_words(home, airflow):
    for call, words in (
        ("pools set small 3 'a small pool' -o json", ["set", "small", "3", "a small pool"]),
        ("pools delete small -o json", ["delete", "small"]),
    ):
        assert home.run("pools", *words).stdout.splitlines() == airflow[call]["stdout"]


def test_a_listing_of_the_configuration_shows_no_secret(home):
    secrets = {
        "DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg://me:p@ss:word@host/db",
        "SENTRY__SENTRY_DSN": "https://key@host/42",
        "WEBSERVER__SECRET_KEY": "known to us alone",
        "CORE__FERNET_KEY": "one key, another key",
        "SECRETS__BACKEND_KWARGS": '{"token": "of the vault"}',
        "CORE__PICKLE_SECRET_KEY": "never to be seen, as long as it is",
    }
    home.environ |= {f"AIRFLOW_LITE__{name}": value for name, value in secrets.items()}
    lines = home.run("config", "list").stdout.splitlines()
    assert "sql_alchemy_conn = postgresql+psycopg://me:***@host/db" in lines
    assert "sentry_dsn = ***" in lines
    assert "secret_key = ***" in lines
    assert "pickle_secret_key = ***" in lines
    assert "fernet_key = ***" in lines
    assert "backend_kwargs = ***" in lines
    home.environ["AIRFLOW_LITE__SENTRY__SENTRY_DSN"] = ""
    assert "sentry_dsn = " in home.run("config", "list").stdout.splitlines()


def test_a_paused_dag_is_told_when_it_is_triggered(home):
    home.dag("little", DAGS)
    home.run("dags", "pause", "little")

    done = home.run("dags", "trigger", "little", "-o", "json")

    assert "DAG 'little' is paused: the run waits for `airflow-lite dags unpause little`." in (
        done.stderr.splitlines()
    )


def test_two_triggers_within_a_second_make_two_runs(home):
    home.dag("little", DAGS)
    home.run("dags", "trigger", "little")
    home.run("dags", "trigger", "little")

    assert len(home.json("dags", "list-runs", "-d", "little")) == 2


@pytest.mark.makes_tables
def test_the_store_is_made_with_one_line_of_notice(home):
    done = home.run("pools", "list", "-o", "json")

    assert done.stderr.splitlines() == [f"Made the metadata database {home.database}"]
    assert home.run("pools", "list").stderr == ""


def test_next_execution_tells_the_coming_intervals(home):
    home.dag("little", DAGS)

    days = home.run("dags", "next-execution", "little", "-n", "3").stdout.split()
    none = home.run("dags", "next-execution", "failing")

    assert len(days) == 3
    assert all(day.endswith("T00:00:00+00:00") for day in days)
    assert sorted(set(days)) == days
    assert none.stdout == "None\n"
    assert "[WARN] No following schedule can be found." in none.stderr


def test_next_execution_prints_as_it_goes_however_many_are_asked_for(home):
    home.dag("little", DAGS.replace("@daily", "* * * * *"))
    words = ("dags", "next-execution", "little", "-n", "2000000000")
    with home.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            readable, _, _ = select.select([process.stdout], [], [], 120)
            assert readable, "nothing was printed"
            assert process.stdout.readline().endswith(":00+00:00\n")
        finally:
            process.kill()


def test_a_graph_is_dot(home):
    home.dag("little", DAGS)

    assert '\t"first" -> "second"\n' in home.run("dags", "show", "little").stdout
    file = home.folder / "graph.dot"
    home.run("dags", "show", "little", "--save", str(file))
    assert file.read_text().startswith('digraph "little" {')


def test_tasks_are_listed_by_id_and_as_a_tree(home, golden):
    home.dag("little", DAGS)
    outputs = golden("cli")["outputs"]

    for call in ("tasks list little", "tasks list little --tree"):
        assert home.run(*call.split()).stdout.splitlines() == outputs[call]["stdout"]


def test_clearing_asks_and_takes_no_for_an_answer(home):
    home.dag("little", DAGS)
    home.run("dags", "trigger", "little")

    nobody = home.run("tasks", "clear", "little", exit_code=1)
    assert "This needs your confirmation. Add --yes to give it." in nobody.stderr
    done = home.run("tasks", "clear", "little", "-t", "^f", "-y")
    assert done.stdout == "Cleared 1 task instance(s) in 1 run(s).\n"
    nothing = home.run("tasks", "clear", "little", "-s", "2100-01-01", "-y")
    assert nothing.stdout == "Nothing to clear.\n"


def test_deleting_a_dag_takes_its_records_and_leaves_its_file(home):
    home.dag("little", DAGS)
    home.run("dags", "trigger", "little")

    assert home.run("dags", "delete", "little", "-y").stdout.startswith("Removed ")
    assert home.json("dags", "list-runs", "-d", "little") == []
    assert home.dags.joinpath("little.py").exists()


def test_subdir_says_where_to_look(home, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.joinpath("little.py").write_text(DAGS)

    assert home.json("dags", "list") == []
    found = home.json("dags", "list", "-S", str(elsewhere / "little.py"))
    assert [row["dag_id"] for row in found] == ["failing", "little"]
