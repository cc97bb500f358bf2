"""Write mapping.json: how mapping_dags.py ends under Airflow 2.10.5, and what it refuses.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python mapping.py OUTPUT_FOLDER

Tasks run in this process, the way `airflow dags test` runs them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "semantics"), str(HERE.parent)]
os.environ["CONFORMANCE_DIR"] = tempfile.mkdtemp()

from airflow import DAG  # noqa: E402
from airflow.decorators import task, task_group  # noqa: E402
from airflow.models.dag import DagContext  # noqa: E402
from airflow.models.xcom import XCom  # noqa: E402
from airflow.operators.bash import BashOperator  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402
from bench import clear, make_dag, one_pass, python, refused, run_to_end, start_run  # noqa: E402


def end_of(dag: DAG, run, session) -> dict[str, object]:
    """Return [state, try, return value, name of the index] of each instance, by task and index."""
    session.expire_all()
    found: dict[str, object] = {"dag_run": str(run.state)}
    rows = run.get_task_instances(session=session)
    for ti in sorted(rows, key=lambda ti: (ti.task_id, ti.map_index)):
        index = f"[{ti.map_index}]" if ti.map_index >= 0 else ""
        value = XCom.get_value(ti_key=ti.key, key="return_value", session=session)
        row = [ti.state and str(ti.state), ti.try_number, value]
        found[f"{ti.task_id}{index}"] = [*row, ti.rendered_map_index] if index else row
    return found


def ends(session) -> dict[str, object]:
    DagContext.current_autoregister_module_name = "mapping_dags"
    import mapping_dags  # noqa: F401 - its DAGs register themselves

    found = {}
    for dag, _ in sorted(DagContext.autoregistered_dags, key=lambda pair: pair[0].dag_id):
        run = start_run(dag, session)
        run_to_end(dag, run, session)
        found[dag.dag_id] = end_of(dag, run, session)
        print(dag.dag_id, found[dag.dag_id]["dag_run"], file=sys.stderr)
    return found


def cleared(session) -> dict[str, object]:
    """What becomes of instances where the list is longer or shorter after a clear."""
    found = {}
    lists = iter(([1, 2], [1, 2, 3, 4], [1], []))
    with make_dag("mapping_cleared") as dag:

        @task
        def source():
            return next(lists)

        @task
        def over(x):
            return x

        @task
        def total(values=None):
            return None if values is None else sum(values)

        total(over.expand(x=source()))
    run = start_run(dag, session)
    run_to_end(dag, run, session)
    found["of 2"] = end_of(dag, run, session)
    for label in ("then of 4", "then of 1", "then of 0"):
        run = clear(run, dag, session, "source", "over", "total")
        run.state = "running"
        session.commit()
        run_to_end(dag, run, session)
        found[label] = end_of(dag, run, session)
    return found


def past(session) -> dict[str, object]:
    """What of a mapped task with depends_on_past is held by one index of the previous run."""
    with make_dag("mapping_past") as dag:

        @task(depends_on_past=True)
        def work(x):
            return x

        work.expand(x=[1, 2, 3])
    first = start_run(dag, session)
    run_to_end(dag, first, session)
    first.get_task_instance("work", session=session, map_index=1).state = "failed"
    session.commit()
    second = start_run(dag, session, day=1)
    one_pass(dag, second, session)
    return {"one index failed in the run before": end_of(dag, second, session)}


def refusals(session) -> dict[str, str]:
    @task
    def function(x, y=0):
        return x

    @task_group
    def group(x, y=0):
        function(x)

    @task_group
    def starred(**kwargs):
        function(1)

    def in_dag(make):
        with make_dag("mapping_refused"):
            return make()

    def nested():
        @task_group
        def outer(x):
            function.expand(x=[x, x])

        return outer.expand(x=[1])

    def nested_groups():
        @task_group
        def outer(x):
            return group.expand(x=[1, 2])

        return outer.expand(x=[1])

    def always_in_group():
        @task_group
        def outer(x):
            function.override(trigger_rule="always")(x)

        return outer.expand(x=[1])

    cases = {
        "expand()": lambda: function.expand(),
        "expand(x=5)": lambda: function.expand(x=5),
        "expand(x='text')": lambda: function.expand(x="text"),
        "expand(z=[])": lambda: function.expand(z=[1]),
        "expand(z=[], w=[])": lambda: function.expand(z=[1], w=[2]),
        "partial(z=1)": lambda: function.partial(z=1),
        "partial(x=1).expand(x=[])": lambda: function.partial(x=1).expand(x=[1]),
        "partial(x=1).partial(x=1)": lambda: function.partial(x=1).partial(x=1),
        "expand_kwargs(5)": lambda: function.expand_kwargs(5),
        "expand_kwargs([5])": lambda: function.expand_kwargs([5]),
        "expand over a key": lambda: function.expand(x=function(1)["k"]),
        "map of a key": lambda: function(1)["k"].map(str),
        "zip of a key": lambda: function(1)["k"].zip(),
        "concat of a key": lambda: function(1)["k"].concat(),
        "map(@task)": lambda: function(1).map(function),
        "always over a result": lambda: function.override(trigger_rule="always").expand(
            x=function(1)
        ),
        "BashOperator.expand": lambda: BashOperator.expand(bash_command=["a"]),
        "partial().expand()": lambda: BashOperator.partial(task_id="a").expand(),
        "partial(retries).expand(retries)": lambda: BashOperator.partial(
            task_id="a", bash_command="a"
        ).expand(retries=[1]),
        "partial(bash_command).expand(bash_command)": lambda: BashOperator.partial(
            task_id="a", bash_command="a"
        ).expand(bash_command=["b"]),
        "partial(unknown)": lambda: BashOperator.partial(task_id="a", unknown=1),
        "expand(unknown)": lambda: BashOperator.partial(task_id="a").expand(unknown=[1]),
        "expand(bash_command='text')": lambda: BashOperator.partial(task_id="a").expand(
            bash_command="text"
        ),
        "partial() of a task": lambda: BashOperator(task_id="a", bash_command="a").partial(),
        "partial without task_id": lambda: BashOperator.partial(bash_command="a"),
        "group.expand()": lambda: group.expand(),
        "group.expand(x=5)": lambda: group.expand(x=5),
        "group.expand(z=[])": lambda: group.expand(z=[1]),
        "group.partial(x=1).expand(x=[])": lambda: group.partial(x=1).expand(x=[1]),
        "group.expand_kwargs(5)": lambda: group.expand_kwargs(5),
        "group(**kwargs).expand_kwargs": lambda: starred.expand_kwargs([{"a": 1}]),
        "a mapped task in a mapped group": nested,
        "a mapped group in a mapped group": nested_groups,
        "always in a mapped group": always_in_group,
    }
    return {label: refused(lambda make=make: in_dag(make)) for label, make in cases.items()}


def nested(session) -> dict[str, object]:
    """What becomes of a mapped group inside a mapped group: which pairs its task is given."""

    @task
    def pair(x, y):
        return [x, y]

    @task
    def twice(x):
        return [x, x]

    @task_group
    def inner(x, y):
        pair(x, y)

    shapes = {
        "2 in 2": lambda x: inner.partial(x=x).expand(y=["a", "b"]),
        "3 in 2": lambda x: inner.partial(x=x).expand(y=["a", "b", "c"]),
        "4 in 2": lambda x: inner.partial(x=x).expand(y=["a", "b", "c", "d"]),
        "expand_kwargs": lambda x: inner.expand_kwargs([{"x": 1, "y": "a"}]),
        "over what the outer group was given": lambda x: inner.partial(x=1).expand(y=x),
        "over a result inside the outer group": lambda x: inner.partial(x=1).expand(y=twice(x)),
    }
    return {
        label: _nested(f"mapping_nested_{at}", shape, session)
        for at, (label, shape) in enumerate(shapes.items())
    }


def _nested(dag_id, shape, session) -> dict[str, object] | str:
    with make_dag(dag_id) as dag:

        @task_group
        def outer(x):
            shape(x)

        outer.expand(x=[1, 2])
    try:
        run = start_run(dag, session)
        run_to_end(dag, run, session)
    except NotImplementedError:
        session.rollback()
        return "NotImplementedError when the run begins"
    return end_of(dag, run, session)


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    data: dict[str, object] = {"airflow": "2.10.5"}
    for section in (refusals, nested, cleared, past, ends):
        with create_session() as session:
            data[section.__name__] = section(session)
    parts = []
    for name, section in data.items():
        if isinstance(section, dict):
            lines = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in section.items()
            )
            parts.append(f' "{name}": {{\n{lines}\n }}')
        else:
            parts.append(f' "{name}": {json.dumps(section)}')
    (output / "mapping.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
