"""DAGs of mapped tasks that run unchanged on Airflow 2.10.5 and on airflow-lite.

How each ends under Airflow, with its XComs, is in mapping.json, by DAG id. `CONFORMANCE_DIR` names
a folder where tasks note what they did.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow_lite import (
        DAG,
        AirflowSkipException,
        BashOperator,
        EmptyOperator,
        PythonOperator,
        TaskGroup,
        task,
        task_group,
    )
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow import DAG
    from airflow.decorators import task, task_group
    from airflow.exceptions import AirflowSkipException
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator
    from airflow.utils.task_group import TaskGroup

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
FOLDER = Path(os.environ.get("CONFORMANCE_DIR", "."))


def make(name: str, **arguments) -> DAG:
    defaults = {"retry_delay": timedelta(0), **arguments.pop("default_args", {})}
    return DAG(
        f"mapping_{name}",
        start_date=START,
        schedule=None,
        catchup=False,
        default_args=defaults,
        **arguments,
    )


def called(what: str) -> int:
    """Return how often this was called with `what`, now included."""
    path = FOLDER / f"mapping_{what}"
    count = len(path.read_text()) + 1 if path.exists() else 1
    path.write_text("x" * count)
    return count


@task
def numbers():
    return [1, 2, 3]


@task
def nothing():
    return []


@task
def none():
    return None


@task
def pairs():
    return {"a": 1, "b": 2}


@task
def texts():
    return ["{{ 1 + 1 }}", "plain"]


@task
def fails():
    raise ValueError("boom")


@task
def skips():
    raise AirflowSkipException("no")


@task
def add(x, y=0):
    return x + y


@task
def echo(x=None):
    return x


@task
def collect(values=None):
    return values if values is None else list(values)


@task
def odd_only(x):
    return x if x % 2 else None


@task
def fail_at(x, at=2):
    if x == at:
        raise ValueError(f"{x}")
    return x


@task
def skip_at(x, at=2):
    if x == at:
        raise AirflowSkipException(f"{x}")
    return x


def named(name, factory=collect, **options):
    return factory.override(task_id=name, **options)


RULES = (
    "all_success", "all_failed", "all_done", "one_success", "one_failed", "one_done",
    "none_failed", "none_failed_min_one_success", "none_skipped", "all_skipped", "always",
)  # fmt: skip


with make("lists"):
    named("sum_literal")(add.expand(x=[1, 2, 3]))
    named("sum_result")(named("add_result", add).partial(y=10).expand(x=numbers()))
    named("sum_product")(named("product", add).expand(x=named("n2", numbers)(), y=[10, 20]))
    named("sum_dict")(named("over_dict", echo).expand(x=pairs()))
    named("literal_dict", echo).expand(x={"k": "v", "l": "w"})
    odd = named("odd", odd_only).expand(x=[1, 2, 3, 4, 5])
    named("sum_odd")(named("over_odd", add).expand(x=odd))
    named("sum_tuple", echo).expand(x=("a", "b"))
    named("of_results", echo).expand(x=[named("l1", numbers)(), named("l2", numbers)()])

with make("templates"):
    named("literals", echo).expand(x=["{{ 1 + 1 }}", "{{ ti.map_index }}"])
    named("results", echo).expand(x=texts())
    named("partial", echo).partial().expand(x=[["{{ ds }}"], {"k": "{{ ds }}"}])
    BashOperator.partial(task_id="bash", do_xcom_push=True).expand(
        bash_command=["echo {{ 1 + 1 }}", "echo $WHO"]
    )
    BashOperator.partial(task_id="bash_env", bash_command="echo $WHO {{ ti.map_index }}").expand(
        env=[{"WHO": "a"}, {"WHO": "b"}]
    )
    BashOperator.partial(task_id="bash_results").expand(bash_command=named("t2", texts)())
    BashOperator.partial(task_id="bash_kwargs", append_env=True).expand_kwargs(
        [{"bash_command": "echo 1"}, {"bash_command": "echo $A", "env": {"A": "{{ 2 + 2 }}"}}]
    )
    PythonOperator.partial(task_id="python", python_callable=lambda x, y: x + y).expand(
        op_args=[[1, 2], [3, 4]]
    )
    PythonOperator.partial(
        task_id="python_kwargs", python_callable=lambda x, y: x + y, op_kwargs={"x": 1, "y": 2}
    ).expand_kwargs([{"op_kwargs": {"x": 5, "y": 5}}, {}], strict=False)
    PythonOperator.partial(
        task_id="with_params", python_callable=lambda params: dict(params), params={"p": 0, "q": 0}
    ).expand(params=[{"p": 1}, {"q": 2}])


with make("kwargs"):

    @task
    def dicts():
        return [{"x": 1, "y": 2}, {"x": 3}]

    @task
    def wrong_dicts():
        return [{"x": 1}, 5]

    @task
    def template_dicts():
        return [{"x": "{{ 1 + 1 }}"}]

    named("literals", add).expand_kwargs([{"x": 1}, {"x": 1, "y": 5}])
    named("results", add).expand_kwargs(dicts())
    named("some_wrong", add).expand_kwargs(wrong_dicts())
    named("templates", echo).expand_kwargs(template_dicts())
    named("given_twice", add).partial(y=1).expand_kwargs(named("d2", dicts)())
    named("override", add).partial(y=1).expand_kwargs(named("d3", dicts)(), strict=False)
    named("none", add).expand_kwargs([])


with make("combined"):

    def double(x):
        return x * 2

    def skip_two(x):
        if x == 2:
            raise AirflowSkipException("two")
        return x

    def to_kwargs(x):
        return {"x": x, "y": 1}

    found = numbers()
    words = texts()
    named("mapped", echo).expand(x=found.map(double))
    named("mapped_twice", echo).expand(x=found.map(double).map(str))
    named("after_skip")(named("map_skips", echo).expand(x=found.map(skip_two)))
    named("map_kwargs", add).expand_kwargs(found.map(to_kwargs))
    named("zipped", echo).expand(x=found.zip(words))
    named("zip_longest", echo).expand(x=found.zip(words, fillvalue=None))
    named("zip_mapped", echo).expand(x=found.zip(words.map(len)))
    named("concat", echo).expand(x=found.concat(words, found))
    named("concat_dict", echo).expand(x=found.concat(pairs()))
    named("concat_map", echo).expand(x=found.concat(words).map(str))
    named("zip_nothing", echo).expand(x=found.zip(nothing()))
    named("list_of_map")(found.map(double))
    named("list_of_zip")(found.zip(words))
    named("list_of_concat")(found.concat(words))


with make("nothing"):
    empty = echo.expand(x=nothing())
    for rule in RULES:
        named(f"after_{rule}", trigger_rule=rule)(empty)
    named("literal_nothing", echo).expand(x=[])
    named("product_nothing", add).expand(x=[1, 2], y=named("no2", nothing)())
    named("over_empty", echo).expand(x=empty)


with make("failure"):
    some = fail_at.expand(x=[1, 2, 3])
    for rule in RULES:
        named(f"after_{rule}", trigger_rule=rule)(some)
    some_skipped = named("skip_some", skip_at).expand(x=[1, 2, 3])
    for rule in RULES:
        named(f"skip_{rule}", trigger_rule=rule)(some_skipped)
    named("over_failed", add).expand(x=some)
    named("over_failed_done", add, trigger_rule="all_done").expand(x=some)
    named("over_skipped", add).expand(x=some_skipped)
    named("over_skipped_done", add, trigger_rule="none_failed").expand(x=some_skipped)


with make("upstream"):
    for source in (fails, skips, none, nothing):
        name = source.function.__name__
        mapped_over = source()
        before = source.override(task_id=f"{name}_before")()
        for rule in RULES:
            # With all_skipped, after a failure, Airflow goes by chance: skipped or upstream_failed.
            is_chance = rule == "all_skipped" and source in (fails, none)
            if rule != "always" and not is_chance:
                named(f"over_{name}_{rule}", echo, trigger_rule=rule).expand(x=mapped_over)
            before >> named(f"{rule}_after_{name}", echo, trigger_rule=rule).expand(x=[1, 2])


with make("unmappable"):

    @task
    def number():
        return 5

    @task
    def text():
        return "abc"

    @task
    def long():
        return list(range(2000))

    @task
    def a_set():
        return {1}

    for source in (number, text, long, none, a_set):
        named(f"over_{source.function.__name__}", echo).expand(x=source())
    named("pushed", echo).expand(x=named("no_push", numbers, do_xcom_push=False)())
    named("of_numbers", echo).expand(x=[named("number2", number)(), 1])


with make("retries"):

    @task(retries=2)
    def flaky(x):
        if called(f"flaky_{x}") < x:
            raise ValueError(f"{x}")
        return x

    @task(retries=1)
    def never(x):
        if x == 1:
            raise ValueError(f"{x}")

    named("sum_flaky")(flaky.expand(x=[1, 2, 3]))
    never.expand(x=[0, 1])


with make("context"):

    @task(map_index_template="{{ task.op_kwargs['x'] }}")
    def by_argument(x):
        return x

    @task(map_index_template="{{ mine }}")
    def by_context(x):
        try:
            from airflow_lite import get_current_context
        except ModuleNotFoundError:
            from airflow.operators.python import get_current_context
        get_current_context()["mine"] = f"item {x}"

    @task(map_index_template="{{ missing }}")
    def wrong_template(x):
        return x

    @task
    def look(x, ti, expanded_ti_count, task_instance_key_str):
        return [
            ti.map_index, expanded_ti_count, ti.task_id, task_instance_key_str, ti.task.task_id
        ]  # fmt: skip

    @task
    def pull(ti):
        def plain(value):
            return value if isinstance(value, (int, type(None))) else list(value)

        return [
            plain(ti.xcom_pull(task_ids="look_one")),
            plain(ti.xcom_pull(task_ids="add")),
            plain(ti.xcom_pull(task_ids="add", map_indexes=1)),
            plain(ti.xcom_pull(task_ids="add", map_indexes=[2, 0])),
            plain(ti.xcom_pull(task_ids=["add", "one"])),
            plain(ti.xcom_pull(task_ids="add", map_indexes=7)),
        ]

    by_argument.expand(x=["p", "q"])
    by_context.expand(x=[1, 2])
    wrong_template.expand(x=[1])
    look.expand(x=[1, 2])
    PythonOperator(
        task_id="unmapped", python_callable=lambda expanded_ti_count: str(expanded_ti_count)
    )
    [add.expand(x=[1, 2, 3]), named("one", add)(7)] >> pull()


@task
def add_all(v, values):
    return v + sum(values)


with make("groups"):

    @task_group
    def plain(v):
        first = add(v)
        second = named("second", add)(first, 100)
        return second

    @task_group
    def two(v, w):
        return add(v, w)

    @task_group
    def outer(v):
        with TaskGroup("inner"):
            inside = add(v, 1)
        EmptyOperator(task_id="empty") << inside
        collect(inside)

    @task_group
    def beside(v, all_of):
        named("sum_of", add_all)(v, all_of)

    literal = plain.expand(v=[1, 2])
    result = plain.override(group_id="result").expand(v=numbers())
    named("sum_literal")(literal)
    named("sum_result")(result)
    plain.override(group_id="none").expand(v=nothing()) >> named("after_none")()
    two.expand(v=[1, 2], w=[10, 20])
    two.override(group_id="kwargs").expand_kwargs([{"v": 1, "w": 2}, {"v": 3, "w": 4}])
    two.override(group_id="partial").partial(w=5).expand(v=[1, 2])
    outer.expand(v=[1, 2])
    beside.partial(all_of=literal).expand(v=[1, 2])


with make("group_failures"):

    @task_group
    def chained(v):
        first = fail_at(v)
        second = named("second", add)(first)
        named("done", echo, trigger_rule="all_done")(second)
        named("one_success", echo, trigger_rule="one_success")(first)
        named("one_failed", echo, trigger_rule="one_failed")(first)
        with TaskGroup("inner"):
            named("one_success", echo, trigger_rule="one_success")(first)

    @task_group
    def skipping(v):
        first = skip_at(v)
        named("second", add)(first)
        named("none_failed", echo, trigger_rule="none_failed")(first)

    chained.expand(v=[1, 2, 3]) >> named("after_chained")()
    skipping.expand(v=[1, 2, 3]) >> named("after_skipping", trigger_rule="none_failed")()
    chained.override(group_id="of_failed").expand(v=fails())
    chained.override(group_id="of_skipped").expand(v=skips())
    chained.override(group_id="of_nothing").expand(v=nothing())

    outside = fails.override(task_id="outside")()

    @task_group
    def waits_outside(v):
        first = echo(v)
        outside >> named("second", add)(first)

    waits_outside.expand(v=named("n3", numbers)())


with make("group_setups"):

    @task_group
    def guarded(v):
        before = named("before", echo)(v).as_setup()
        work = named("work", fail_at)(v)
        after = named("after", echo)(v).as_teardown(setups=before)
        before >> work >> after

    @task_group
    def guarded_badly(v):
        before = named("before", fail_at)(v).as_setup()
        work = named("work", echo)(v)
        deep = named("deep", echo)(v)
        after = named("after", echo)(v).as_teardown(setups=before)
        before >> work >> deep >> after

    guarded.expand(v=[1, 2])
    guarded_badly.expand(v=[1, 2])


with make("branches"):

    @task.branch
    def to_even(x):
        return "inside.even" if x % 2 == 0 else "inside.odd"

    @task_group
    def inside(x):
        to_even(x) >> [EmptyOperator(task_id="even"), named("odd", echo)(x)]

    @task.branch
    def left():
        return "left_task"

    @task.short_circuit
    def stop():
        return False

    @task.short_circuit
    def stop_at(x):
        return x != 2

    inside.expand(x=[1, 2, 3])
    sources = named("n4", numbers)()
    choice = left()
    choice >> [EmptyOperator(task_id="left_task"), EmptyOperator(task_id="right_task")]
    choice >> named("right_dynamic", echo).expand(x=sources)
    choice >> named("right_literal", echo).expand(x=[1, 2])
    stop() >> named("stopped", echo).expand(x=[1, 2])
    named("stop2", stop)() >> named("stopped_dynamic", echo).expand(x=sources)
    stop_at.expand(x=[1, 2, 3]) >> named("after_stop_at")()

    @task_group
    def stopping(x):
        named("gate", stop_at)(x) >> named("then", echo)(x) >> named("last", echo)(x)

    stopping.expand(x=[1, 2, 3])


with make("setups"):
    prepare = named("prepare", echo).expand(x=[1, 2]).as_setup()
    tidy = named("tidy", echo).expand(x=[1, 2]).as_teardown(setups=prepare)
    with tidy:
        named("work", fail_at).expand(x=[1, 2])
