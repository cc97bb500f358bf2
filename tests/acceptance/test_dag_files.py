"""Whole DAG files, run by `dags test`: what authors write ends as it does under Airflow 2.10.5."""

from __future__ import annotations

import pytest


def run(home, source, *, state="success", options=()):
    """Run the only DAG of a file called `own`; return the states of its tasks."""
    home.dag("own", source)
    told = home.run("dags", "test", "own", *options, exit_code=0 if state == "success" else 1)
    (made,) = home.json("dags", "list-runs", "-d", "own")
    assert made["state"] == state, told.stdout
    rows = home.json("tasks", "states-for-dag-run", "own", made["run_id"])
    return {row["task_id"]: row["state"] for row in rows}


RESCHEDULED = """
import pendulum
from airflow_lite import DAG, PythonSensor

def look(ti):
    return ti.start_date > ti.waiting_since

with DAG("own", start_date=pendulum.datetime(2024, 1, 1, tz="UTC"), schedule=None):
    PythonSensor(task_id="wait", python_callable=look, mode="reschedule", poke_interval=0.1)
"""


def test_a_rescheduled_sensor_looks_again_in_a_file_that_imports_pendulum(home):
    assert run(home, RESCHEDULED) == {"wait": "success"}


PULLED_BY_KEY = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator

def put(ti, number):
    ti.xcom_push(key="found", value=number)
    return f"r{number}"

def look(ti):
    found = (ti.xcom_pull(key="found"), ti.xcom_pull(), ti.xcom_pull(task_ids="m", key=None))
    assert found == (3, "r3", "r2"), found

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):
    z, m, n = (
        PythonOperator(task_id=name, python_callable=put, op_kwargs={"number": number})
        for number, name in enumerate("zmn", start=1)
    )
    text = BashOperator(task_id="text", bash_command="test '{{ ti.xcom_pull(key='found') }}' = 3")
    z >> m >> n >> PythonOperator(task_id="look", python_callable=look) >> text
"""


@pytest.mark.parametrize("options", [(), ("--use-executor",)], ids=" ".join)
def test_of_several_xcoms_that_fit_the_last_pushed_is_pulled(home, options):
    assert set(run(home, PULLED_BY_KEY, options=options).values()) == {"success"}


NESTED = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def work(ti):
    before = {"inner_up": "outer_up", "b": "inner_up", "outer_down": "inner_down", "c": "outer_up"}
    name = before.get(ti.task_id)
    assert name is None or ti.xcom_pull(task_ids=name) == name, f"{ti.task_id} runs before {name}"
    return ti.task_id

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):
    outer_up, outer_down, inner_up, inner_down, c = (
        PythonOperator(task_id=name, python_callable=work)
        for name in ("outer_up", "outer_down", "inner_up", "inner_down", "c")
    )
    with outer_down.as_teardown(setups=outer_up) as scope:
        PythonOperator(task_id="a", python_callable=work)
        scope.add_task(c)
        with inner_down.as_teardown(setups=inner_up):
            PythonOperator(task_id="b", python_callable=work)
"""


@pytest.mark.parametrize("options", [(), ("--use-executor",)], ids=" ".join)
def test_an_inner_scope_runs_between_the_setups_and_teardowns_of_the_outer_one(home, options):
    assert set(run(home, NESTED, options=options).values()) == {"success"}


GUARDED = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):
    up, work, down, other = (
        PythonOperator(task_id=name, python_callable=print) for name in ("up", "work", "down", "other")
    )
    up >> work >> down.as_teardown(setups=up)
    other >> work
"""


@pytest.mark.parametrize(
    ("options", "cleared"),
    [
        (("-t", "^work$"), {"up", "work", "down"}),
        (("-t", "^up$"), {"up", "down"}),
        (("-t", "^other$", "-d"), {"other", "up", "work", "down"}),
        (("-t", "^work$", "-u"), {"other", "up", "work", "down"}),
    ],
    ids=lambda words: " ".join(sorted(words)),
)
def test_a_task_is_cleared_with_its_setups_and_teardowns(home, options, cleared):
    run(home, GUARDED)
    told = home.run("tasks", "clear", "own", *options, "-y")
    (made,) = home.json("dags", "list-runs", "-d", "own")
    rows = home.json("tasks", "states-for-dag-run", "own", made["run_id"])

    assert told.stdout.startswith(f"Cleared {len(cleared)} task instance(s) in 1 run(s).")
    assert {row["task_id"] for row in rows if row["state"] != "success"} == cleared


PAST = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def work(dag_run):
    if dag_run.run_type == "manual":
        raise RuntimeError("by hand: fails")

with DAG(
    "own",
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    end_date=datetime(2024, 1, 3),
    catchup=True,
    is_paused_upon_creation=True,
):
    PythonOperator(task_id="t", python_callable=work, depends_on_past=True)
"""


def test_a_run_by_hand_that_fails_does_not_hold_the_scheduled_ones(home, wait_until):
    home.dag("own", PAST)
    home.run("dags", "trigger", "own", "-r", "by_hand", "-e", "2024-01-02T12:00:00+00:00")
    home.run("dags", "unpause", "own")

    def states():
        return home.run_states("own").values()

    with home.scheduler():
        wait_until(
            lambda: sorted(states()) == ["failed", "success", "success", "success"],
            "the runs of three days and one by hand to end",
        )


ENDING = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator

DAYS = {"start_date": datetime(2024, 1, 1), "end_date": datetime(2024, 1, 3)}

with DAG("own", schedule="@daily", catchup=True, default_args=DAYS):
    EmptyOperator(task_id="t")
"""


def test_the_last_run_is_that_of_the_end_date_of_default_args(home, wait_until):
    home.dag("own", ENDING)

    def ended():
        runs = home.json("dags", "list-runs", "-d", "own", "--state", "success")
        return sorted(run["run_id"] for run in runs)

    with home.scheduler():
        wait_until(lambda: len(ended()) >= 3, "the runs of three days to end")
    told = home.run("dags", "next-execution", "own", exit_code=None).stdout

    assert ended() == [f"scheduled__2024-01-0{day}T00:00:00+00:00" for day in (1, 2, 3)]
    assert "2024-01-04" not in told


ABSENT = """
from datetime import datetime
from airflow_lite import DAG, AirflowSkipException, BaseOperator, EmptyOperator, PythonOperator, task

class Show(BaseOperator):
    template_fields = ("value",)

    def __init__(self, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def execute(self, context):
        assert self.value == f"shows on {context['ds_nodash']}", self.value

def made(context, jinja_env):
    return f"{context['task'].task_id} on {jinja_env.from_string('{{ ds_nodash }}').render(context)}"

def check(n, run_id):
    assert n == run_id, n

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):

    @task(multiple_outputs=True)
    def fetch():
        raise AirflowSkipException("nothing today")

    @task(trigger_rule="none_failed_min_one_success")
    def use(path):
        assert path is None, path

    EmptyOperator(task_id="other") >> use(fetch()["path"])

    @task
    def typed() -> dict[str, int]:
        return {"a": 1}

    @task
    def absent(value):
        assert value is None, value

    absent(typed()["b"])
    Show(task_id="shows", value=made)
    PythonOperator(
        task_id="args",
        python_callable=check,
        op_kwargs=lambda context, jinja_env: {"n": context["run_id"]},
    )
"""


def test_what_is_not_there_is_none_and_fields_are_made_by_functions(home):
    states = run(home, ABSENT)

    assert states.pop("fetch") == "skipped"
    assert set(states.values()) == {"success"}
