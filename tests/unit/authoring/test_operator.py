"""Operators: what they take from where, and how they are joined."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_lite import (
    DAG,
    AirflowException,
    BaseOperator,
    BashOperator,
    EmptyOperator,
    Label,
    TaskGroup,
    chain,
    chain_linear,
    cross_downstream,
    task,
    task_group,
)
from airflow_lite.parsing.serialize import dag_spec

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


def empties(names):
    return [EmptyOperator(task_id=name) for name in names]


def downstream(dag):
    return {task.task_id: "".join(sorted(task.downstream_task_ids)) for task in dag.tasks}


def test_ids_and_defaults_in_groups_are_those_of_airflow(golden):
    with DAG(
        "groups",
        start_date=MOMENT,
        schedule=None,
        default_args={"retries": 1, "owner": "dag", "queue": "of_dag"},
    ) as dag:
        with TaskGroup("outer", default_args={"retries": 2, "owner": "group"}) as outer:
            EmptyOperator(task_id="a")
            EmptyOperator(task_id="b", retries=3)
            with TaskGroup("inner", default_args={"owner": "inner"}):
                EmptyOperator(task_id="c")
            with TaskGroup("bare", prefix_group_id=False):
                EmptyOperator(task_id="d")
        with TaskGroup("outer_two", add_suffix_on_collision=True):
            EmptyOperator(task_id="a")
        with TaskGroup("outer", add_suffix_on_collision=True) as again:
            EmptyOperator(task_id="e")
        start, end = EmptyOperator(task_id="start"), EmptyOperator(task_id="end")
        start >> outer >> end

    found = {
        item.task_id: {
            "retries": item.retries,
            "owner": item.owner,
            "queue": item.queue,
            "downstream": sorted(item.downstream_task_ids),
        }
        for item in dag.tasks
    }
    wanted = {
        name: row for name, row in golden("semantics")["groups"].items() if isinstance(row, dict)
    }
    assert found == wanted
    assert again.group_id == "outer__1"
    assert [item.label for item in outer] == ["a", "b", "c", "d"]


def test_a_subclass_that_sets_a_value_itself_is_not_overridden_by_default_args():
    class Stubborn(EmptyOperator):
        def __init__(self, *, flavour="plain", **kwargs):
            super().__init__(retries=7, **kwargs)
            self.flavour = flavour

    with DAG("d", schedule=None, default_args={"retries": 1, "flavour": "sour", "other": 1}):
        made = Stubborn(task_id="t")

    assert (made.retries, made.flavour) == (7, "sour")


def test_default_args_reach_required_arguments_and_explicit_ones_win():
    with DAG("d", schedule=None, default_args={"bash_command": "true", "retries": 2}):
        plain = BashOperator(task_id="a")  # type: ignore[call-arg]  # default_args have it
        told = BashOperator(task_id="b", bash_command="false", default_args={"retries": 5})

    assert (plain.bash_command, plain.retries) == ("true", 2)
    assert (told.bash_command, told.retries) == ("false", 5)


def test_the_start_date_gives_the_time_zone():
    from zoneinfo import ZoneInfo

    berlin = DAG("a", start_date=datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")))
    fixed = DAG(
        "b", start_date=datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))
    )
    args = DAG(
        "c", default_args={"start_date": datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Seoul"))}
    )
    naive = DAG("e", start_date=datetime(2024, 1, 1), end_date=datetime(2024, 2, 1))

    assert [dag_spec(item).timezone for item in (berlin, fixed, args, naive)] == [
        "Europe/Berlin",
        "-05:30",
        "Asia/Seoul",
        "UTC",
    ]
    assert dag_spec(naive).end_date_us == 1_706_745_600_000_000
    assert dag_spec(berlin).start_date_us == 1_704_063_600_000_000


#: Of Airflow 2.10.5, for a DAG from 10 January to 1 March in Berlin: what a task is given, and has.
TASK_DATES = {
    "nothing": ({}, "2024-01-09T23:00:00", "2024-02-29T23:00:00"),
    "within": (
        {"start_date": datetime(2024, 2, 1, tzinfo=UTC), "end_date": "2024-02-02T00:00:00+00:00"},
        "2024-02-01T00:00:00",
        "2024-02-02T00:00:00",
    ),
    "wider": (
        {"start_date": "2023-02-01T00:00+00:00", "end_date": datetime(2025, 2, 1, tzinfo=UTC)},
        "2024-01-09T23:00:00",
        "2024-02-29T23:00:00",
    ),
}


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("name", TASK_DATES)
def test_a_task_starts_and_ends_within_its_dag_in_utc(name, is_first):
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")
    given, *wanted = TASK_DATES[name]
    first = EmptyOperator(task_id="t", **given) if is_first else None
    with DAG(
        "d",
        start_date=datetime(2024, 1, 10, tzinfo=berlin),
        end_date=datetime(2024, 3, 1, tzinfo=berlin),
    ) as dag:
        if first is None:
            first = EmptyOperator(task_id="t", **given)
    dag.add_task(first)

    dates = (first.start_date, first.end_date)
    assert [str(date) for date in dates] == [f"{date}+00:00".replace("T", " ") for date in wanted]


def test_a_dag_has_its_dates_in_utc_and_not_those_of_its_tasks():
    start = datetime.fromisoformat("2024-01-10T00:00:00+01:00")
    with DAG("a", schedule=None, default_args={"start_date": start}) as args:
        task = EmptyOperator(task_id="t")
    dag = DAG("b", schedule=None, start_date=start)

    assert (args.start_date, str(task.start_date)) == (None, "2024-01-09 23:00:00+00:00")
    assert str(dag.start_date) == "2024-01-09 23:00:00+00:00"


def test_dates_without_a_zone_are_of_the_default_one_and_text_is_of_the_dags():
    from zoneinfo import ZoneInfo

    start, plain = datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2024, 2, 1)
    with DAG("d", start_date=start, end_date=plain, default_args={"end_date": "2024-02-01"}) as dag:
        first = EmptyOperator(task_id="t", start_date=plain)

    assert str(dag.end_date) == str(first.start_date) == "2024-02-01 00:00:00+00:00"
    assert str(first.end_date) == "2024-01-31 23:00:00+00:00"


def test_only_a_tasks_own_dates_leave_it_out_of_a_run():
    with DAG("d", start_date=MOMENT, end_date=MOMENT) as dag:
        EmptyOperator(task_id="all")
        EmptyOperator(task_id="own", start_date=MOMENT + timedelta(days=1))
    tasks = dag_spec(dag).tasks

    assert (tasks["all"].start_date_us, tasks["all"].end_date_us) == (None, None)
    assert tasks["own"].start_date_us == 1_704_153_600_000_000


def test_the_ends_of_time_are_dates_of_any_zone():
    far = timezone(timedelta(hours=-9))
    dag = DAG("d", start_date=datetime(2024, 1, 1, tzinfo=far), end_date="9999-12-31T23:59:59")  # type: ignore[arg-type]

    assert dag.end_date == datetime(9999, 12, 31, 23, 59, 59, tzinfo=far)


def test_the_default_time_zone_is_a_setting(monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE__CORE__DEFAULT_TIMEZONE", "Asia/Seoul")

    assert dag_spec(DAG("d", start_date=datetime(2024, 1, 1))).timezone == "Asia/Seoul"


@pytest.mark.parametrize(
    ("join", "wanted"),
    [
        (lambda a, b, c, d: a >> [b, c] >> d, {"a": "bc", "b": "d", "c": "d", "d": ""}),
        (lambda a, b, c, d: d << [b, c] << a, {"a": "bc", "b": "d", "c": "d", "d": ""}),
        (lambda a, b, c, d: [a, b] >> c << d, {"a": "c", "b": "c", "c": "", "d": "c"}),
        (lambda a, b, c, d: [c, d] << a, {"a": "cd", "b": "", "c": "", "d": ""}),
        (lambda a, b, c, d: a.set_downstream([b, [c, d]]), {"a": "bcd", "b": "", "c": "", "d": ""}),
        (lambda a, b, c, d: chain(a, [b, c], d), {"a": "bc", "b": "d", "c": "d", "d": ""}),
        (lambda a, b, c, d: chain([a, b], [c, d]), {"a": "c", "b": "d", "c": "", "d": ""}),
        (
            lambda a, b, c, d: chain_linear([a, b], [], [c, d]),
            {"a": "cd", "b": "cd", "c": "", "d": ""},
        ),
        (
            lambda a, b, c, d: cross_downstream([a, b], [c, d]),
            {"a": "cd", "b": "cd", "c": "", "d": ""},
        ),
        (lambda a, b, c, d: a >> Label("x") >> [b, c], {"a": "bc", "b": "", "c": "", "d": ""}),
        (lambda a, b, c, d: (a >> b, a >> b), {"a": "b", "b": "", "c": "", "d": ""}),
    ],
)
def test_edges(dag, join, wanted):
    join(*empties("abcd"))

    assert downstream(dag) == wanted
    for item in dag.tasks:
        for name in item.downstream_task_ids:
            assert item.task_id in dag.get_task(name).upstream_task_ids


def test_chain_refuses_lists_of_unequal_length(dag):
    a, b, c = empties("abc")
    with pytest.raises(AirflowException, match="must be of equal length: got 2 and 1"):
        chain([a, b], [c])


def test_a_label_is_kept_with_its_edge(dag):
    a, b = empties("ab")
    b << Label("when new") << a

    assert dag.edge_info == {"a": {"b": {"label": "when new"}}}
    assert dag_spec(dag).edge_info == dag.edge_info
    assert downstream(dag) == {"a": "b", "b": ""}


def test_a_label_does_not_change_what_waits_for_what(dag):
    with TaskGroup("g"):
        first, _beside = empties("ab")
    (after,) = empties("c")
    first >> Label("x") >> after

    assert after.upstream_task_ids == {"g.a"}


def test_a_label_is_text():
    with pytest.raises(TypeError, match="Label: label=5 is of type int; it must be a string"):
        Label(5)  # type: ignore[arg-type]


def test_a_task_joins_the_dag_of_the_task_that_it_is_joined_to():
    loose = BashOperator(task_id="loose", bash_command="true")
    with pytest.raises(
        AirflowException, match="between tasks that have no DAG yet: 'loose' and 'x'"
    ):
        loose >> EmptyOperator(task_id="x")
    with DAG("d", schedule=None) as dag:
        (a,) = empties("a")
    a >> loose

    assert loose.dag is dag
    assert loose.upstream_list == [a]


def test_a_task_that_is_added_to_a_dag_belongs_to_it():
    dag = DAG("d", schedule=None)
    first, second, third = (BashOperator(task_id=name, bash_command="x") for name in "abc")

    dag.add_task(first)
    dag.add_tasks([second, third])
    dag.add_task(first)  # which it has already

    assert [task.dag for task in dag.tasks] == [dag, dag, dag]
    assert dag.task_ids == ["a", "b", "c"]


def test_groups_are_joined_by_their_first_and_last_tasks(dag):
    with TaskGroup("one") as one:
        a, b, c = empties("abc")
        a >> [b, c]
    with TaskGroup("two") as two:
        empties("xy")
    one >> two

    assert dag.get_task("one.a").downstream_task_ids == {"one.b", "one.c"}
    for name in ("one.b", "one.c"):
        assert dag.get_task(name).downstream_task_ids == {"two.x", "two.y"}


def test_a_decorated_group_is_called_like_a_function(dag):
    @task_group(default_args={"retries": 4})
    def load(source):
        """Load it.

        And more."""
        return EmptyOperator(task_id=source)

    @task_group(group_id="named")
    def nothing():
        EmptyOperator(task_id="x")

    inner = load("s")
    again = load("s")
    whole = nothing()
    inner >> whole

    assert isinstance(inner, EmptyOperator)
    assert (inner.task_id, again.task_id, inner.retries) == ("load.s", "load__1.s", 4)
    assert dag.task_group_dict["load"].tooltip == "Load it."
    assert dag.get_task("named.x").upstream_task_ids == {"load.s"}


def test_relatives_however_far(dag):
    a, b, c, d = empties("abcd")
    a >> b >> c
    a >> d

    assert a.get_flat_relative_ids() == {"b", "c", "d"}
    assert c.get_flat_relative_ids(upstream=True) == {"a", "b"}
    assert [item.task_id for item in dag.roots] == ["a"]
    assert [item.task_id for item in dag.leaves] == ["c", "d"]


def test_tasks_of_one_dag_are_not_seen_by_the_next():
    with DAG("one", schedule=None) as one, TaskGroup("g"):
        with DAG("two", schedule=None) as two:
            EmptyOperator(task_id="x")
        EmptyOperator(task_id="y")

    assert (one.task_ids, two.task_ids) == (["g.y"], ["x"])


class Greet(BaseOperator):
    template_fields = ("name",)

    def __init__(self, *, name, **kwargs):
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context):
        return f"hello {self.name}"


def test_xcoms_in_templated_fields_make_edges_however_nested(dag):
    one, two, three = (EmptyOperator(task_id=name) for name in ("one", "two", "three"))
    greet = Greet(task_id="greet", name={"a": [one.output, (two.output["key"],)]})
    greet.name = three.output

    assert greet.upstream_task_ids == {"one", "two", "three"}


def test_an_operator_that_forgets_a_template_field_is_told():
    class Forgetful(BaseOperator):
        template_fields = ("never_set",)

    with (
        DAG("d", schedule=None),
        pytest.raises(AirflowException, match="Missing template field 'never_set'"),
    ):
        Forgetful(task_id="t")


def test_preparing_for_execution_leaves_the_dags_own_task_as_it_is(dag, make_context):
    greet = Greet(task_id="greet", name="{{ ds }}")
    twin = greet.prepare_for_execution()
    assert isinstance(twin, Greet)
    twin.render_template_fields(make_context(twin))

    assert (greet.name, twin.name) == ("{{ ds }}", "2024-02-29")
    assert twin.execute({}) == "hello 2024-02-29"
    assert twin.dag is dag


def test_hooks_run_before_and_after(dag, make_context):
    calls = []
    made = EmptyOperator(
        task_id="t",
        pre_execute=lambda context: calls.append(context["ds"]),
        post_execute=lambda context, result: calls.append(result),
    )
    made.pre_execute(make_context(made))
    made.post_execute(make_context(made), 5)

    assert calls == ["2024-02-29", 5]
    assert not dag_spec(dag).tasks["t"].is_empty


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, True),
        ({"on_failure_callback": print}, True),
        ({"on_success_callback": print}, False),
        ({"on_execute_callback": [print]}, False),
    ],
)
def test_an_empty_task_ends_in_the_scheduler_unless_code_hangs_on_it(dag, options, wanted):
    EmptyOperator(task_id="t", **options)

    assert dag_spec(dag).tasks["t"].is_empty is wanted


def test_a_subclass_with_work_to_do_is_not_empty(dag):
    class Busy(EmptyOperator):
        def execute(self, context):
            return 1

    Busy(task_id="t")

    assert not dag_spec(dag).tasks["t"].is_empty


def test_callbacks_are_named_in_the_spec():
    with DAG("d", schedule=None, on_failure_callback=print) as dag:
        EmptyOperator(task_id="t", on_retry_callback=[print, repr], on_skipped_callback=print)

    assert dag_spec(dag).callbacks == ("on_failure",)
    assert dag_spec(dag).tasks["t"].callbacks == ("on_retry", "on_skipped")
    assert dag.get_task("t").on_retry_callback == [print, repr]


def test_setup_and_teardown_are_marked_and_left_out_of_a_groups_end(dag):
    with TaskGroup("g") as group:
        create, work, delete = empties(["create", "work", "delete"])
        create >> work >> delete.as_teardown(setups=create)
    group >> EmptyOperator(task_id="after")
    tasks = dag_spec(dag).tasks

    assert tasks["g.create"].is_setup
    assert tasks["g.delete"].is_teardown
    assert tasks["g.delete"].trigger_rule == "all_done_setup_success"
    assert tasks["g.delete"].upstream == ("g.create", "g.work")
    assert tasks["after"].upstream == ("g.work",)


def test_a_group_inside_another_has_a_suffix_if_one_outside_has_its_name_as_in_airflow(dag):
    def make():
        with TaskGroup("same", add_suffix_on_collision=True) as made:
            EmptyOperator(task_id="t")
        return made.group_id

    found = [make(), make()]
    for name in ("g", "h"):
        with TaskGroup(name):
            found.append(make())
    with TaskGroup("g", add_suffix_on_collision=True):
        found += [make(), make()]  # the second is an error in Airflow

    assert found == ["same", "same__1", "g.same__2", "h.same__2", "g__1.same__2", "g__1.same__3"]


def test_a_setup_with_its_teardown_alone_is_no_end_of_a_group_as_in_airflow(dag):
    with TaskGroup("g") as group:
        create, delete, work = empties(("create", "delete", "work"))
        delete.as_teardown(setups=create)
    (after,) = empties(("after",))
    group >> after

    assert group.leaves == [work]
    assert after.upstream_task_ids == {"g.work"}


def test_a_teardown_comes_after_each_task_of_a_group_that_it_makes_a_setup(dag):
    with TaskGroup("g") as group:
        create, work, delete = empties(["create", "work", "delete"])
        [create, work] >> delete.as_teardown()
    (after,) = empties(["after"])
    after.as_teardown(setups=group)

    assert after.upstream_task_ids == {"g.create", "g.work"}
    assert create.is_setup
    assert work.is_setup


def test_work_in_with_of_a_teardown_stands_between_it_and_its_setups(dag):
    create, delete = empties(["create", "delete"])
    with delete.as_teardown(setups=create, on_failure_fail_dagrun=True):
        a, b = empties("ab")
        a >> b
    tasks = dag_spec(dag).tasks

    assert tasks["a"].upstream == ("create",)
    assert tasks["b"].downstream == ("delete",)
    assert tasks["delete"].on_failure_fail_dagrun


def test_only_setup_and_teardown_can_stand_in_with(dag):
    (a,) = empties("a")
    with pytest.raises(AirflowException, match="which only setup and teardown tasks can"), a:
        pass


def test_decorated_setup_and_teardown(dag):
    from airflow_lite import setup, teardown

    @setup
    def create():
        pass

    @teardown(on_failure_fail_dagrun=True)
    @task(retries=2)
    def delete():
        pass

    create() >> delete()
    tasks = dag_spec(dag).tasks

    assert tasks["create"].is_setup
    assert (tasks["delete"].is_teardown, tasks["delete"].on_failure_fail_dagrun) == (True, True)
    assert tasks["delete"].retries == 2


def test_a_dag_cannot_be_changed_afterwards(dag):
    (a,) = empties("a")
    with pytest.raises(AirflowException, match="The DAG assigned to task 'a' can not be changed"):
        a.dag = DAG("other", schedule=None)


def test_a_dag_that_is_entered_again_inside_a_group_leaves_tasks_in_that_group(dag):
    with TaskGroup("group"):
        EmptyOperator(task_id="a")
        with dag:
            EmptyOperator(task_id="b")
    with dag:
        EmptyOperator(task_id="c")

    assert dag.task_ids == ["group.a", "group.b", "c"]
