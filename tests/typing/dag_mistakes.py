"""What a type checker must tell the author of a DAG: each line says its errors, no other has one."""

from __future__ import annotations

from datetime import datetime

from airflow_lite import (  # error: attr-defined
    DAG,
    BashOperater,
    BashOperator,
    EmptyOperator,
    Label,
    Param,
    PokeReturnValue,
    PythonOperator,
    TaskGroup,
    Variable,
    XComArg,
    chain,
    dag,
    task,
    teardown,
)

DAG()  # error: call-arg
DAG("d", start_date="2024-01-01")  # error: arg-type
DAG("d", sartdate=datetime(2024, 1, 1))  # error: call-arg
DAG("d", max_active_runs="1")  # error: arg-type
DAG("d", tags=5)  # error: arg-type
DAG("d", default_args=["retries"])  # error: arg-type
DAG("d", on_failure_callback="a word")  # error: arg-type
DAG("d").tassks  # error: attr-defined

BashOperator(task_id="t")  # error: call-arg
BashOperator(task_id="t", bash_command=["true"])  # error: arg-type
BashOperator(task_id=5, bash_command="true", env={"A": 1})  # error: dict-item
PythonOperator(task_id="t", python_callable="print")  # error: arg-type
PythonOperator(task_id="t", python_callable=print, op_kwargs=[1])  # error: arg-type
PokeReturnValue()  # error: call-arg
TaskGroup()  # error: call-arg
TaskGroup("g", prefix_group_id="no")  # error: arg-type
Label(5)  # error: arg-type
Param(1, description=5)  # error: arg-type
Variable.get(5)  # error: arg-type

first, last = EmptyOperator(task_id="first"), EmptyOperator(task_id="last")
first > last  # error: operator
first >> 5  # error: type-var
first >> "last"  # error: type-var
first.set_downstream([5])  # error: list-item
first.task_ids  # error: attr-defined
first.output[0]  # error: index
first.output.value  # error: attr-defined
chain(first, 5)  # error: arg-type


@task
def double(number: int) -> int:
    return 2 * number


@task.run_if("always")  # error: arg-type
@task
def conditional() -> None: ...


@task("not a function")  # error: call-overload, untyped-decorator
def named() -> None: ...


@teardown(on_failure="fail")  # error: call-overload, untyped-decorator
def finish() -> None: ...


@task.nosuch  # error: attr-defined, untyped-decorator
def unknown() -> None: ...


@dag(5)  # error: call-overload, untyped-decorator
def numbered() -> None: ...


whole: int = double(1)  # error: assignment
part: XComArg = double(1)["half"]
print(double(1) + double(2), part, whole)  # error: operator
double.override(task_id="other")(1).no_such_thing  # error: attr-defined
double.function("one")  # error: arg-type
double.function()  # error: call-arg


@dag
def by_day(day: str) -> None:
    double.expand(number=[1, 2])
    double(1).no_such_thing  # error: attr-defined


by_day(5)  # error: arg-type
by_day()  # error: call-arg
