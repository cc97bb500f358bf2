"""What the author of a DAG writes: every line passes `mypy --strict`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, assert_type

from airflow_lite import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    BashOperator,
    BranchPythonOperator,
    EmptyOperator,
    Label,
    Param,
    PokeReturnValue,
    PythonOperator,
    PythonSensor,
    ShortCircuitOperator,
    TaskGroup,
    TriggerRule,
    Variable,
    WeightRule,
    XComArg,
    chain,
    chain_linear,
    cross_downstream,
    dag,
    get_current_context,
    setup,
    task,
    task_group,
    teardown,
)


def failed(context: dict[str, Any]) -> None:
    print(context["ti"].task_id)


def choose(**context: Any) -> str | list[str]:
    return ["left"] if context["params"]["left"] else "right"


class Greet(BaseOperator):
    """An operator of the author's own."""

    template_fields: Sequence[str] = ("name",)

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context: Any) -> str:
        self.log.info("hello %s", self.name)
        if not self.name:
            raise AirflowFailException("There is nobody to greet.")
        return f"hello {self.name}"

    def on_kill(self) -> None:
        self.log.info("stopped")


class Arrived(BaseSensorOperator):
    """A sensor of the author's own."""

    def poke(self, context: Any) -> bool | PokeReturnValue:
        return PokeReturnValue(is_done=True, xcom_value=self.task_id)


with DAG(
    "by_hand",
    description="What is written by hand",
    start_date=datetime(2024, 1, 1),
    schedule="@daily",
    catchup=False,
    tags=["typed"],
    params={"left": Param(True, type="boolean"), "plain": 1},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    on_failure_callback=failed,
    max_active_runs=1,
) as by_hand:
    first = BashOperator(task_id="first", bash_command="echo {{ ds }}", env={"A": "1"}, retries=1)
    last = EmptyOperator(
        task_id="last", trigger_rule=TriggerRule.NONE_FAILED, weight_rule=WeightRule.UPSTREAM
    )
    texts = EmptyOperator(
        task_id="texts", trigger_rule="all_done", weight_rule="absolute", depends_on_past=True
    )
    greet = Greet("you", task_id="greet", queue="greeters", pool="default_pool", priority_weight=3)
    call = PythonOperator(
        task_id="call",
        python_callable=print,
        op_args=["a", first.output],
        op_kwargs={"end": ""},
        execution_timeout=timedelta(seconds=5),
        on_success_callback=[failed],
    )
    branch = BranchPythonOperator(task_id="branch", python_callable=choose)
    goes_on = ShortCircuitOperator(task_id="goes_on", python_callable=lambda: True)
    waits = PythonSensor(task_id="waits", python_callable=bool, mode="reschedule", poke_interval=5)
    arrived = Arrived(task_id="arrived", timeout=60, poke_interval=timedelta(seconds=1))

    with TaskGroup("group", tooltip="A group") as group:
        inner = EmptyOperator(task_id="inner")

    assert_type(first >> last, EmptyOperator)
    assert_type(last << first, BashOperator)
    first >> [greet, call] >> last
    [greet, call] << first
    first >> Label("when it is so") >> group >> last
    first.output >> group
    first.set_downstream([greet, last])
    group.set_upstream(first, edge_modifier=Label("why"))
    chain(first, [greet, call], [branch, goes_on], last)
    chain_linear(first, [greet, call], last)
    cross_downstream([first, greet], [call, last])
    assert_type(first.output, XComArg)
    assert_type(first.output["key"], XComArg)
    assert_type(by_hand.get_task("first"), BaseOperator)
    assert_type(by_hand.tasks, list[BaseOperator])


@task
def extract(day: str, ti: Any = None) -> dict[str, int]:
    context = get_current_context()
    print(context["ds"], day, ti)
    if Variable.get("skip", default_var=None):
        raise AirflowSkipException("There is nothing to do.")
    return {"rows": 1}


@task(multiple_outputs=True, retries=3, task_id="other")
def transform(rows: dict[str, int]) -> dict[str, int]:
    return {name: 2 * number for name, number in rows.items()}


@task.branch
def decide() -> str:
    return "load"


@task.short_circuit(ignore_downstream_trigger_rules=False)
def goes() -> bool:
    return True


@task.sensor(poke_interval=5, mode="reschedule")
def there() -> PokeReturnValue:
    return PokeReturnValue(is_done=True)


@task.bash
def command() -> str:
    return "echo {{ ds }}"


@task.run_if(lambda context: bool(context["params"]))
@task
def sometimes() -> None: ...


@setup
def begin() -> None: ...


@teardown(on_failure_fail_dagrun=True)
def finish() -> None: ...


@task_group
def both(day: str) -> XComArg:
    return transform(extract(day))


@task_group(group_id="named", prefix_group_id=False)
def named() -> None:
    command()


assert_type(extract.function("today"), dict[str, int])  # as a test of its own calls it
assert_type(transform.function({"rows": 1}), dict[str, int])
assert_type(extract.override(retries=1).function("today"), dict[str, int])
assert_type(there.function(), PokeReturnValue)
assert_type(both.function("today"), XComArg)


@setup
@task
def prepared(size: int) -> str:
    return "x" * size


@teardown
@task(retries=2)
def removed(what: str) -> bool:
    return bool(what)


assert_type(prepared.function(3), str)
assert_type(removed.function("x"), bool)


@dag
def mapped() -> None:
    extract.expand(day=["today", "tomorrow"])
    extract.partial(day="today").expand(ti=[1])
    both.expand(day=["today"])
    extract("today").map(print)
    BashOperator.partial(task_id="t").expand(bash_command=["true"])
    assert_type(extract("later"), XComArg)  # what follows such a call is looked at, too


@dag
def bare() -> None:
    extract("today")


@dag(start_date=datetime(2024, 1, 1), schedule=timedelta(hours=1))
def decorated(day: str = "today") -> None:
    rows = extract(day)
    assert_type(rows, XComArg)
    assert_type(rows["rows"], XComArg)
    begin() >> rows >> both(day) >> [decide(), goes(), there()] >> finish()
    extract.override(task_id="again", retries=1)("tomorrow") >> sometimes()
    named()
    with begin() >> finish():
        command()


assert_type(bare(), DAG)
made = decorated()
assert_type(made, DAG)
made.test()
assert_type(decorated("tomorrow"), DAG)
assert_type(decorated(day="tomorrow"), DAG)
Variable.set("name", "value")
assert_type(Variable.get("name"), Any)
