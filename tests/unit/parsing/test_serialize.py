"""From a DAG as written to a DagSpec."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import pytest

from airflow_lite import (
    DAG,
    AirflowDagException,
    AirflowException,
    BashOperator,
    EmptyOperator,
    Param,
    PythonSensor,
    TaskGroup,
)
from airflow_lite.parsing.priority import effective_weights
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec.model import DagSpec

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


def make(count, edges, **options):
    with DAG("d", schedule=None) as dag:
        tasks = [EmptyOperator(task_id=f"t{i}", **options) for i in range(count)]
        for before, after in edges:
            tasks[before] >> tasks[after]
    return dag


def test_tasks_come_after_all_before_them():
    count = 200
    names = list(range(count))
    random.Random(5).shuffle(names)
    edges = [
        (names[i], names[j])
        for i in range(count)
        for j in random.Random(i).sample(range(count), 3)
        if i < j
    ]
    order = list(dag_spec(make(count, edges)).tasks)

    for before, after in edges:
        assert order.index(f"t{before}") < order.index(f"t{after}")


def test_a_spec_survives_json():
    with DAG(
        "d",
        schedule="@daily",
        start_date=MOMENT,
        params={"a": Param(1, type="integer")},
        tags=["x"],
    ) as dag:
        BashOperator(task_id="a", bash_command="true", retries=2, executor_config={"cpu": 1})
        PythonSensor(task_id="s", python_callable=bool, mode="reschedule")
    spec = dag_spec(dag)

    assert DagSpec.from_json(spec.to_json()) == spec
    assert (spec.tasks["s"].is_sensor, spec.tasks["s"].sensor_mode) == (True, "reschedule")
    assert spec.tasks["a"].executor_config == {"cpu": 1}
    assert spec.params == {"a": {"value": 1, "schema": {"type": "integer"}}}


def test_equal_files_make_equal_digests():
    assert dag_spec(make(5, [(0, 1), (0, 2)])).digest == dag_spec(make(5, [(0, 2), (0, 1)])).digest


@pytest.mark.parametrize("rule", ["downstream", "upstream", "absolute"])
def test_priority_weights_are_airflows(golden, rule):
    with DAG("d", schedule=None) as dag:
        a, b, c, d = (
            EmptyOperator(task_id=name, priority_weight=weight, weight_rule=rule)
            for name, weight in zip("abcd", (1, 2, 4, 8), strict=True)
        )
        a >> [b, c] >> d

    assert effective_weights(dag.tasks) == golden("semantics")["priority_weights"][rule]


def test_priority_weights_are_clamped_to_the_column():
    with DAG("d", schedule=None) as dag:
        EmptyOperator(task_id="high", priority_weight=2**31)
        EmptyOperator(task_id="low", priority_weight=-(2**40))

    assert effective_weights(dag.tasks) == {"high": 2**31 - 1, "low": -(2**31)}


def test_priority_weights_count_each_relative_once_whatever_its_weight():
    rng = random.Random(7)
    for _ in range(20):
        with DAG("d", schedule=None):
            tasks = [
                EmptyOperator(
                    task_id=f"t{i:02}",
                    priority_weight=rng.randint(-50, 50),
                    weight_rule=rng.choice(["downstream", "upstream"]),
                )
                for i in range(12)
            ]
            for i in range(12):
                for j in range(i + 1, 12):
                    if rng.random() < 0.3:
                        tasks[i] >> tasks[j]
        for task in tasks:
            relatives = task.get_flat_relatives(upstream=task.weight_rule == "upstream")
            wanted = task.priority_weight + sum(item.priority_weight for item in relatives)
            assert effective_weights(tasks)[task.task_id] == wanted


SHAPES = {
    "chain": lambda tasks: [(i, i + 1) for i in range(tasks - 1)],
    "layers": lambda tasks: [
        (layer * 100 + i, (layer + 1) * 100 + j)
        for layer in range(tasks // 100 - 1)
        for i in range(100)
        for j in range(i, i + 2)
        if j < 100
    ],
}


def cpu_s(shape, tasks):
    """Return the least of three measures of what it costs to describe a DAG."""
    taken = []
    for _ in range(3):
        dag = make(tasks, SHAPES[shape](tasks))
        started = time.process_time()
        assert len(dag_spec(dag).tasks) == tasks
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_times_the_tasks_are_far_from_a_hundred_times_the_work(shape):
    assert cpu_s(shape, 10_000) < 40 * cpu_s(shape, 1_000)


def test_the_order_of_tasks_is_the_same_when_it_is_read_back():
    spec = dag_spec(make(6, [(5, 0), (0, 3), (3, 1), (4, 1), (5, 2)]))

    assert list(DagSpec.from_json(spec.to_json()).tasks) == list(spec.tasks)


def test_a_cycle_deep_in_a_large_dag_is_named_not_the_tasks_behind_it():
    dag = make(2_000, [(i, i + 1) for i in range(1_999)])
    dag.get_task("t1000") >> dag.get_task("t998")

    with pytest.raises(AirflowException, match="edges t998 >> t999 >> t1000 >> t998"):
        dag_spec(dag)


@pytest.mark.parametrize(
    ("params", "accepted"),
    [
        ({"x": None}, True),
        ({"x": Param(5, type="integer")}, True),
        ({"x": Param(None, type=["null", "string"])}, True),
        ({"x": Param(None, type="string")}, False),
        ({"x": Param(type="string")}, False),
        ({"x": Param("five", type="integer")}, False),
    ],
)
def test_a_dag_with_a_schedule_needs_valid_defaults_for_its_params(params, accepted):
    dag_spec(DAG("d", schedule=None, params=params))
    if accepted:
        dag_spec(DAG("d", schedule="@daily", start_date=MOMENT, params=params))
    else:
        with pytest.raises(
            AirflowException, match="DAG d has a schedule, so every param needs a valid default"
        ):
            DAG("d", schedule="@daily", start_date=MOMENT, params=params)


def test_what_follows_a_setup_cannot_have_a_trigger_rule_of_its_own():
    with DAG("d", schedule=None) as dag:
        setup = EmptyOperator(task_id="setup").as_setup()
        work = EmptyOperator(task_id="work", trigger_rule="all_done")
        setup >> work >> EmptyOperator(task_id="end").as_teardown(setups=setup)
    with pytest.raises(AirflowDagException) as raised:
        dag_spec(dag)
    assert str(raised.value) == (
        "DAG d: task 'work' follows the setup 'setup' with a trigger_rule of its own."
        " Setup tasks must be followed with trigger rule all_success."
    )


def test_the_tasks_of_a_group_are_kept_where_their_ids_do_not_tell_them():
    with DAG("d", schedule=None) as dag:
        EmptyOperator(task_id="bare.elsewhere")
        with TaskGroup("plain"):
            EmptyOperator(task_id="a")
        with TaskGroup("bare", prefix_group_id=False):
            EmptyOperator(task_id="b")
            with TaskGroup("inner"):
                EmptyOperator(task_id="c")

    assert dag_spec(dag).groups == {"bare": ["b", "inner.c"]}
