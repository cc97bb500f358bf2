"""Commands that look into DAGs and runs say what is there, in Airflow's formats."""

from __future__ import annotations

import signal
import subprocess

import pytest

from fixtures.waits import DEADLINE_S

PUSHING = """
from datetime import datetime
from airflow_lite import DAG, task

with DAG("pushing", start_date=datetime(2024, 1, 1), schedule=None):
    @task
    def give(ti=None):
        ti.xcom_push("side", {"a": [1]})
        return ["x", "y"]

    @task
    def each(value):
        return value

    @task
    def keep():
        pass

    each.expand(value=give()) >> keep()
"""


@pytest.fixture
def pushed(home):
    """A home in which a run has pushed XComs."""
    home.dag("pushing", PUSHING)
    home.run("dags", "test", "pushing", "2024-01-01")
    return home


def test_xcoms_of_a_task_are_listed_and_printed(pushed):
    rows = pushed.json("tasks", "xcom", "list", "pushing", "give", "2024-01-01")
    assert [(row["key"], row["value"]) for row in rows] == [
        ("return_value", ["x", "y"]),
        ("side", {"a": [1]}),
    ]
    mapped = pushed.json("tasks", "xcom", "list", "pushing", "each", "2024-01-01")
    assert [(row["map_index"], row["value"]) for row in mapped] == [(0, "x"), (1, "y")]
    assert pushed.json("tasks", "xcom", "list", "pushing", "keep", "2024-01-01") == []

    get = ("tasks", "xcom", "get", "pushing")
    assert pushed.run(*get, "give", "2024-01-01", "side").stdout == '{"a":[1]}\n'
    assert pushed.run(*get, "each", "2024-01-01", "--map-index", "1").stdout == '"y"\n'
    missing = pushed.run(*get, "give", "2024-01-01", "nope", exit_code=1)
    assert missing.stderr == (
        "airflow-lite: error: Task 'give' has pushed no XCom 'nope' in this run. It has pushed:"
        " return_value, side.\n"
    )
    unknown = pushed.run(*get, "giv", "2024-01-01", exit_code=1)
    assert "has no task 'giv'. Did you mean 'give'?" in unknown.stderr


WAITING = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, ExternalTaskMarker, ExternalTaskSensor

with DAG("first", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="a", bash_command="true")

with DAG("second", start_date=datetime(2024, 1, 1), schedule=None):
    ExternalTaskSensor(task_id="wait", external_dag_id="first", external_task_id="a")
    ExternalTaskMarker(task_id="mark", external_dag_id="first", external_task_id="a")
"""
EDGES = """\
digraph {
\tgraph [rankdir=LR]
\tsubgraph "second" {
\t\tgraph [label="second" labelloc=t rankdir=LR]
\t\t"second.wait" [label="wait" shape=rectangle]
\t\t"first" -> "second.wait"
\t\t"second.wait" -> "second"
\t}
}
"""


def test_the_report_has_the_files_with_what_they_hold(home):
    home.dag("waiting", WAITING)
    home.dag("broken", "from airflow_lite import DAG\nimport nothing_of_this_name\n")

    rows = {row.pop("file"): row for row in home.json("dags", "report")}
    assert {name: float(row.pop("duration").split(":")[-1]) > 0 for name, row in rows.items()} == {
        "/waiting.py": True,
        "/broken.py": True,
    }
    assert rows == {
        "/waiting.py": {"dag_num": 2, "task_num": 3, "dags": ["first", "second"]},
        "/broken.py": {"dag_num": 0, "task_num": 0, "dags": []},
    }
    alone = home.json("dags", "report", "-S", str(home.dags / "waiting.py"))
    assert [row["file"] for row in alone] == ["/waiting.py"]


def test_dependencies_are_those_of_sensors_as_in_airflow_where_markers_are_none(home):
    home.dag("waiting", WAITING)

    assert home.run("dags", "show-dependencies").stdout == EDGES
    file = home.folder / "x.dot"
    home.run("dags", "show-dependencies", "-s", str(file), "-S", str(home.dags))
    assert file.read_text() == EDGES


def test_the_cheat_sheet_has_every_command(home):
    lines = home.run("cheat-sheet").stdout.splitlines()

    assert lines[0] == "Miscellaneous commands"
    assert f"{'airflow-lite tasks xcom get':<46} | Print one XCom, as JSON" in lines
    assert f"{'airflow-lite version':<46} | Show the version" in lines


def test_a_file_of_defaults_is_one_that_can_be_begun_with(home):
    defaults = home.run("config", "list", "--defaults").stdout
    assert (
        "# Attempts that run at once; 0 is no limit.\n"
        "# Variable: AIRFLOW_LITE__CORE__PARALLELISM\n"
        "# parallelism = 32\n\n"
    ) in defaults

    before = home.run("config", "list").stdout
    (home.folder / "airflow_lite.cfg").write_text(defaults)
    assert home.run("config", "list").stdout == before
    (home.folder / "airflow_lite.cfg").write_text(
        defaults.replace("\n# parallelism", "\nparallelism")
    )
    assert home.run("config", "list", "-s").stdout.count("# Source: file") == 1


def test_standalone_runs_tasks_until_ctrl_c_and_leaves_nothing_behind(home, wait_until):
    home.dag("pushing", PUSHING)
    home.environ["AIRFLOW_LITE__WEB__PORT"] = "0"
    log = home.folder / "standalone.out"
    with log.open("wb") as file:
        process = home.start("standalone", stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "scheduler started" in log.read_text(), "the scheduler")
            home.run("dags", "trigger", "pushing", "--wait", "--timeout", "100")
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE_S) == 0, log.read_text()
        finally:
            process.kill()
    lines = log.read_text().splitlines()
    assert {line.partition(" | ")[0] for line in lines} == {
        "standalone",
        "scheduler ",
        "web       ",
    }
    assert lines[-1] == "standalone | Complete"
    assert home.run("jobs", "check", exit_code=1).stderr.startswith("airflow-lite: error: No alive")
