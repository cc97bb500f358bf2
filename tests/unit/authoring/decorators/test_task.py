"""@dag, @task and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_lite import (
    DAG,
    AirflowSkipException,
    BashOperator,
    PokeReturnValue,
    PythonOperator,
    TaskGroup,
    XComArg,
    dag,
    task,
)
from airflow_lite.authoring.render import render_fields
from airflow_lite.errors import AirflowException
from airflow_lite.parsing.serialize import dag_spec


@pytest.fixture(autouse=True)
def inside():
    with DAG("d", schedule=None) as made:
        yield made


@pytest.fixture
def call(make_context):
    """Render and execute what a call of a decorated function made."""

    def execute(made, xcoms=None, **more):
        twin = made.operator.prepare_for_execution()
        context = make_context(twin, xcoms, **more)
        render_fields(twin, context)
        return twin.execute(context), context["ti"]

    return execute


def test_task_ids_are_numbered_as_airflow_does(inside, golden):
    @task
    def add(a, b):
        return a + b

    @task(task_id="named")
    def other():
        return 1

    @task
    def typed() -> dict[str, int]:
        return {"a": 1, "b": 2}

    @task(multiple_outputs=False)
    def whole() -> dict:
        return {"a": 1}

    add(add(1, 2), add(3, 4))
    other()
    typed()
    whole()

    assert sorted(inside.task_ids) == golden("semantics")["decorators"]["task ids"]
    assert {name for name, made in inside.task_dict.items() if made.multiple_outputs} == {"typed"}


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (dict, True),
        (dict[str, int], True),
        (Mapping[str, int], True),
        (list, False),
        (None, False),
        ("Missing", False),
    ],
)
def test_a_dict_as_return_type_means_several_outputs(annotation, wanted):
    def function():
        pass

    function.__annotations__["return"] = annotation

    assert task(function)().operator.multiple_outputs is wanted


def test_arguments_are_kept_rendered_and_pulled(call):
    @task
    def produce():
        return 1

    @task
    def consume(a, day, nested, ds=None, **context):
        return a, day, nested, ds, "run_id" in context

    made = consume(produce(), day="{{ ds }}", nested={"k": [produce()]})
    value, _ = call(made, {("produce", "return_value"): 5, ("produce__1", "return_value"): 6})

    assert value == (5, "2024-02-29", {"k": [6]}, "2024-02-29", True)
    assert made.operator.upstream_task_ids == {"produce", "produce__1"}


def test_keys_of_several_outputs_are_handed_on():
    @task(multiple_outputs=True)
    def produce():
        return {"a": 1}

    taken = PythonOperator(task_id="p", python_callable=print, op_args=[produce()["a"]])

    assert taken.upstream_task_ids == {"produce"}
    assert taken.op_args[0].key == "a"


def test_override_makes_another_task_and_leaves_the_function_alone(inside):
    @task(retries=1, queue="q")
    def work(x):
        """What it does."""
        return x

    renamed = work.override(task_id="renamed", retries=3)(1).operator
    plain = work(2).operator

    assert (renamed.task_id, renamed.retries, renamed.queue) == ("renamed", 3, "q")
    assert (plain.task_id, plain.retries, plain.doc_md) == ("work", 1, "What it does.")
    assert work.function(7) == 7
    assert work.__name__ == "work"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "@task function 'work': missing a required argument: 'x'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"y": 1}, "got an unexpected keyword argument 'y'"),
    ],
)
def test_a_call_that_cannot_work_is_refused_when_the_file_is_read(args, kwargs, message):
    @task
    def work(x, ti=None):
        pass

    with pytest.raises(TypeError, match=message):
        work(*args, **kwargs)


def test_a_context_name_may_have_no_default_but_none():
    @task
    def work(ds="today"):
        pass

    with pytest.raises(
        ValueError, match="Context key parameter 'ds' can't have a default other than None"
    ):
        work()


def test_a_context_name_without_default_need_not_be_given(call):
    @task
    def work(ti, ds):
        return ti.task_id, ds

    assert call(work())[0] == ("work", "2024-02-29")


def test_default_args_reach_the_function_too(call):
    with DAG("other", schedule=None, default_args={"source": "s3", "retries": 2}):

        @task
        def work(source, day):
            return source, day

        made = work(day=1)

    assert made.operator.retries == 2
    assert call(made)[0] == ("s3", 1)


def test_ids_are_free_inside_each_group(inside):
    @task
    def work():
        pass

    with TaskGroup("g"):
        work()
        work()
    work()

    assert inside.task_ids == ["g.work", "g.work__1", "work"]


def test_branch_short_circuit_and_sensor(call, inside):
    @task
    def left():
        pass

    @task
    def right():
        pass

    @task.branch
    def choose(answer):
        return answer

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def gate():
        return False

    @task.sensor(poke_interval=0, timeout=5, mode="poke")
    def wait(answer):
        return PokeReturnValue(is_done=True, xcom_value=answer)

    chosen, closed = choose("left"), gate()
    chosen >> [left(), right()] >> closed >> wait("x")

    assert call(chosen)[1].skip_decision == {"followed": ["left"]}
    assert call(closed)[1].skip_decision == {"skipped": ["wait"]}
    assert call(XComArg(inside.get_task("wait")))[0] == "x"
    spec = dag_spec(inside)
    assert [spec.tasks[name].operator for name in ("left", "choose", "gate", "wait")] == [
        "@task",
        "@task.branch",
        "@task.short_circuit",
        "@task.sensor",
    ]


@pytest.mark.parametrize("answer", [None, "", "  ", 5])
def test_a_bash_function_must_return_a_command(call, answer):
    @task.bash
    def command():
        return answer

    with pytest.raises(TypeError, match="must be a non-empty string"):
        call(command())


def test_a_bash_function_returns_a_template(call, monkeypatch):
    ran = []
    monkeypatch.setattr(
        BashOperator, "execute", lambda self, context: ran.append((self.bash_command, self.env))
    )

    @task.bash(env={"DAY": "{{ ds }}"})
    def command(name, ds=None):
        return f"echo {name} {ds} {{{{ run_id }}}}"

    call(command("{{ ds }}"))

    assert ran == [("echo 2024-02-29 2024-02-29 run", {"DAY": "2024-02-29"})]


@pytest.mark.parametrize(
    ("decorator", "verdict", "skips"),
    [
        ("run_if", True, False),
        ("run_if", False, True),
        ("skip_if", True, True),
        ("skip_if", (False, None), False),
        ("run_if", (False, "not today"), True),
    ],
)
def test_a_task_runs_on_condition(make_context, decorator, verdict, skips):
    seen: list[Any] = []

    @getattr(task, decorator)(lambda context: verdict)
    @task(pre_execute=seen.append)
    def work():
        pass

    operator = work().operator
    context = make_context(operator)
    if skips:
        with pytest.raises(AirflowSkipException) as caught:
            operator.pre_execute(context)
        assert str(caught.value) == (
            "not today" if isinstance(verdict, tuple) else "The condition says not to run."
        )
    else:
        operator.pre_execute(context)
    assert seen == [context]


def test_an_unknown_decorator_is_an_attribute_error():
    with pytest.raises(AttributeError, match="task decorator 'nope' not found"):
        task.nope  # type: ignore[attr-defined]  # noqa: B018


def test_an_xcom_argument_cannot_be_looped_over():
    @task
    def work():
        return [1]

    with pytest.raises(TypeError, match="it cannot be iterated"):
        list(work())
    with pytest.raises(TypeError, match="XCom keys are strings"):
        work()[0]  # type: ignore[index]


def test_a_decorated_function_makes_a_dag_with_its_arguments_as_params(make_context):
    @dag(schedule=None, tags=["x"])
    def pipeline(source="s3", limit=5):
        """What it does."""

        @task
        def load(name, count):
            return name, count

        load(source, limit)

    made = pipeline(limit=7)

    assert (made.dag_id, made.doc_md, made.tags) == ("pipeline", "What it does.", ("x",))
    assert made.params.dump() == {"source": "s3", "limit": 7}
    operator = made.get_task("load").prepare_for_execution()
    context = make_context(operator, params={"source": "s3", "limit": 7}, conf={"source": "other"})
    render_fields(operator, context)
    assert operator.execute(context) == ("other", 7)


@pytest.mark.parametrize(
    "decorate", [dag(dag_id="named", schedule=None), dag("named", schedule=None)]
)
def test_the_id_of_a_decorated_dag_may_be_given(decorate):
    assert decorate(lambda: None)().dag_id == "named"


def test_the_decorator_may_stand_without_arguments():
    @dag
    def plain():
        pass

    assert plain().dag_id == "plain"


def test_a_param_is_handed_on_by_name(inside, make_context):
    inside.params["size"] = 3
    made = PythonOperator(
        task_id="p", python_callable=print, op_args=[inside.param("size"), inside.param("gone")]
    )
    context = make_context(made, params={"size": 3})

    assert made.op_args[0].resolve(context) == 3
    with pytest.raises(AirflowException, match="No value could be found for param 'gone'"):
        made.op_args[1].resolve(context | {"dag_run": SimpleNamespace(conf=None)})


def test_the_decorator_is_what_the_package_offers():
    import airflow_lite
    import airflow_lite.authoring.decorators.dag

    assert airflow_lite.dag is airflow_lite.authoring.decorators.dag.dag
    assert airflow_lite.dag(schedule=None)(lambda: None).__name__ == "<lambda>"


def test_start_dates_of_decorated_dags():
    @dag(start_date=datetime(2024, 1, 1, tzinfo=UTC), schedule="@daily")
    def scheduled():
        pass

    assert dag_spec(scheduled()).start_date_us == 1_704_067_200_000_000


def test_ten_thousand_calls_of_one_function_take_no_search_from_the_start(inside):
    @task
    def work():
        pass

    for _ in range(10_000):
        last = work()

    assert last.operator.task_id == "work__9999"
    assert inside.free_id("work") == "work__10000"


def test_a_dags_own_decorator_makes_tasks_of_it_outside_of_with():
    dag = DAG("d", schedule=None)

    @dag.task
    def first():
        return 1

    @dag.task(task_id="other", retries=2)
    def second(value):
        return value

    second(first())
    last = BashOperator(task_id="last", bash_command="true", dag=dag)
    dag.set_dependency("other", "last")

    assert (dag.task_ids, dag.task_count) == (["first", "other", "last"], 3)
    assert (dag.get_task("other").retries, last.upstream_task_ids) == (2, {"other"})
    assert dag.get_task("other").upstream_task_ids == {"first"}
