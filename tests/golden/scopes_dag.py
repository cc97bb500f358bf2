"""Set-ups and teardowns in `with`, in many shapes: these run unchanged on Airflow and on this.

`edges()` says what became of each; what Airflow 2.10.5 made of them is in authors.json.
"""

from __future__ import annotations

from datetime import datetime

try:
    from airflow_lite import DAG, EmptyOperator, TaskGroup, setup, task, teardown
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow import DAG
    from airflow.decorators import setup, task, teardown
    from airflow.operators.empty import EmptyOperator
    from airflow.utils.task_group import TaskGroup


def empties(names: str) -> list:
    return [EmptyOperator(task_id=name) for name in names.split()]


def empty(name: str):
    return EmptyOperator(task_id=name)


def nested_before():
    ou, od, iu, id_ = empties("ou od iu id")
    with od.as_teardown(setups=ou):
        empty("a")
        with id_.as_teardown(setups=iu):
            empty("b")


def nested_made_inside():
    ou, od = empties("ou od")
    with od.as_teardown(setups=ou):
        empty("a")
        iu, id_ = empties("iu id")
        with id_.as_teardown(setups=iu):
            empty("b")


def three():
    made = dict(zip("u1 d1 u2 d2 u3 d3".split(), empties("u1 d1 u2 d2 u3 d3")))
    with made["d1"].as_teardown(setups=made["u1"]):
        with made["d2"].as_teardown(setups=made["u2"]):
            with made["d3"].as_teardown(setups=made["u3"]):
                empty("w")


def siblings():
    made = dict(zip("u1 d1 u2 d2 u3 d3".split(), empties("u1 d1 u2 d2 u3 d3")))
    with made["d1"].as_teardown(setups=made["u1"]):
        with made["d2"].as_teardown(setups=made["u2"]):
            empty("w2")
        with made["d3"].as_teardown(setups=made["u3"]):
            empty("w3")


def after_inner():
    ou, od, iu, id_ = empties("ou od iu id")
    with od.as_teardown(setups=ou):
        with id_.as_teardown(setups=iu):
            empty("b")
        empty("after")


def setups_only():
    ou, iu = empty("ou").as_setup(), empty("iu").as_setup()
    with ou:
        empty("a")
        with iu:
            empty("b")


def teardowns_only():
    od, id_ = empty("od").as_teardown(), empty("id").as_teardown()
    with od:
        empty("a")
        with id_:
            empty("b")


def setup_in_teardown():
    ou, od, iu = empty("ou"), empty("od"), empty("iu").as_setup()
    with od.as_teardown(setups=ou):
        empty("a")
        with iu:
            empty("b")


def teardown_in_setup():
    ou, id_ = empty("ou").as_setup(), empty("id").as_teardown()
    with ou:
        empty("a")
        with id_:
            empty("b")


def with_arrow():
    u, d = empty("u").as_setup(), empty("d").as_teardown()
    with u >> d:
        empty("a") >> empty("b")


def two_setups():
    u1, u2, d = empty("u1"), empty("u2"), empty("d")
    with d.as_teardown(setups=[u1, u2]):
        empty("a")


def nested_two_setups():
    u1, u2, d = empty("u1"), empty("u2"), empty("d")
    v1, v2, e = empty("v1"), empty("v2"), empty("e")
    with d.as_teardown(setups=[u1, u2]):
        with e.as_teardown(setups=[v1, v2]):
            empty("a")


def add_before():
    u, d, f, s = empties("u d f s")
    with d.as_teardown(setups=u) as scope:
        scope.add_task(f)
        scope.add_task(s)


def add_chain():
    u, d, f, s = empties("u d f s")
    f >> s
    with d.as_teardown(setups=u) as scope:
        scope.add_task(f)
        scope.add_task(s)


def add_with_edges_outside():
    u, d, f, before, after = empties("u d f before after")
    before >> f >> after
    with d.as_teardown(setups=u) as scope:
        scope.add_task(f)


def edges_outside_two():
    u, d, before, after = empties("u d before after")
    with d.as_teardown(setups=u):
        a = empty("a")
        b = empty("b")
        before >> a
        b >> after


def add_decorated():
    u, d = empty("u"), empty("d")

    @task
    def x():
        pass

    y = x()
    with d.as_teardown(setups=u) as scope:
        scope.add_task(y)


def add_setup():
    u, d, f = empty("u"), empty("d"), empty("f").as_setup()
    with d.as_teardown(setups=u) as scope:
        scope.add_task(f)


def decorated_scope():
    @setup
    def u():
        pass

    @teardown
    def d():
        pass

    @task
    def w():
        pass

    uu = u()
    ww = w()
    with d().as_teardown(setups=uu) as scope:
        scope.add_task(ww)


def decorated_nested():
    @setup
    def u():
        pass

    @teardown
    def d():
        pass

    @task
    def w():
        pass

    u1, d1, u2, d2 = (
        u.override(task_id="u1")(),
        d.override(task_id="d1")(),
        u.override(task_id="u2")(),
        d.override(task_id="d2")(),
    )
    with u1 >> d1:
        w.override(task_id="a")()
        with u2 >> d2:
            w.override(task_id="b")()


def far_setup():
    u, x, d = empty("u").as_setup(), empty("x"), empty("d").as_teardown()
    u >> x >> d
    with d:
        empty("y")


def far_teardown():
    u, x, d = empty("u").as_setup(), empty("x"), empty("d").as_teardown()
    u >> x >> d
    with u:
        empty("y")


def group_inside():
    u, d = empty("u"), empty("d")
    with d.as_teardown(setups=u):
        with TaskGroup("g"):
            empty("a") >> empty("b")


def scope_in_group():
    u, d = empty("u"), empty("d")
    with TaskGroup("g"):
        with d.as_teardown(setups=u):
            empty("a") >> empty("b")


def twice():
    u, d = empty("u"), empty("d")
    with d.as_teardown(setups=u):
        empty("a")
    with d:
        empty("b")


def inner_shares_setup():
    u, d1, d2 = empty("u"), empty("d1"), empty("d2")
    with d1.as_teardown(setups=u):
        empty("a")
        with d2.as_teardown(setups=u):
            empty("b")


def linked_already():
    ou, od, iu, id_ = empties("ou od iu id")
    ou >> iu
    with od.as_teardown(setups=ou):
        with id_.as_teardown(setups=iu):
            empty("b")


def empty_inner():
    ou, od, iu, id_ = empties("ou od iu id")
    with od.as_teardown(setups=ou):
        with id_.as_teardown(setups=iu):
            pass


def add_group():
    u, d = empties("u d")
    with TaskGroup("g") as group:
        empty("a") >> empty("b") >> empty("c")
    with d.as_teardown(setups=u) as scope:
        for made in list(group.children.values()):
            scope.add_task(made)


def work_of_case():
    up, work, down, other = empties("up work down other")
    up >> work >> down.as_teardown(setups=up)
    other >> work


def two_resources():
    """Two that overlap, work after one of them is gone, and a setup that stays."""
    up1, down1, up2, down2, stays = empties("up1 down1 up2 down2 stays")
    a, b, c, d, start, end = empties("a b c d start end")
    start >> up1 >> a >> b >> down1.as_teardown(setups=up1)
    a >> up2 >> b >> c >> down2.as_teardown(setups=up2)
    stays.as_setup() >> c >> d >> end
    start >> d


#: Those of which sets of tasks are cleared.
CLEARED = (work_of_case, two_resources, nested_before, two_setups, far_setup)
SHAPES = {
    name: made
    for name, made in list(globals().items())
    if getattr(made, "__module__", "") == __name__ and name not in ("empty", "empties")
}
#: Up- and downstream are cleared, too.
FLAGS = {"": (False, False), "-u": (True, False), "-d": (False, True), "-u -d": (True, True)}


def edges(make) -> dict[str, list[str]]:
    """Return the tasks after each task of a DAG of this shape."""
    with DAG("scopes", schedule=None, start_date=datetime(2024, 1, 1)) as dag:
        make()
    return {
        made.task_id: sorted(made.downstream_task_ids)
        for made in sorted(dag.tasks, key=lambda made: made.task_id)
        if made.downstream_task_ids
    }
