"""DAG: a set of tasks with a schedule."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_lite.authoring import current
from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.airflow_arguments import notices
from airflow_lite.authoring.arguments.argument import Argument, keep
from airflow_lite.authoring.arguments.checks import optional
from airflow_lite.authoring.arguments.param import NOTSET, ParamsDict, checked_params
from airflow_lite.authoring.caller import caller_file, importing
from airflow_lite.authoring.graph.task_group import TaskGroup
from airflow_lite.errors import (
    AirflowDagException,
    DuplicateTaskIdFound,
    ParamValidationError,
    TaskNotFound,
)

if TYPE_CHECKING:
    from airflow_lite.authoring.operator import BaseOperator
    from airflow_lite.spec.model import DagSpec, ScheduleSpec


class DAG:
    """A set of tasks with a schedule; used by `with DAG("name", …):`.

    Arguments, their names and defaults are those of Airflow 2.10; where the default is a setting,
    it is read from `[core]` and `[scheduler]`. Without a schedule a DAG runs once a day, as there.
    """

    description = Argument(optional(checks.text))
    template_searchpath = Argument(checks.search_path, tuple)
    user_defined_macros = Argument(checks.mapping, dict)
    user_defined_filters = Argument(checks.mapping, dict)
    default_args = Argument(checks.mapping, dict)
    params = Argument(checked_params, ParamsDict)
    max_active_tasks = Argument(checks.natural, "max_active_tasks")
    max_active_runs = Argument(checks.natural, "max_active_runs")
    max_consecutive_failed_dag_runs = Argument(checks.natural)
    dagrun_timeout = Argument(optional(checks.duration))
    catchup = Argument(checks.flag, "catchup")
    on_success_callback = Argument(checks.functions, list)
    on_failure_callback = Argument(checks.functions, list)
    doc_md = Argument(optional(checks.text))
    is_paused_upon_creation = Argument(optional(checks.flag))
    jinja_environment_kwargs = Argument(optional(checks.mapping))
    render_template_as_native_obj = Argument(checks.flag)
    tags = Argument(checks.names, tuple)
    auto_register = Argument(checks.flag)
    fail_stop = Argument(checks.flag)
    dag_display_name = Argument(checks.text)
    template_undefined: Any

    def __init__(
        self,
        dag_id: str,
        description: str | None = None,
        schedule: Any = NOTSET,
        schedule_interval: Any = NOTSET,
        timetable: Any = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        full_filepath: str | None = None,
        template_searchpath: str | Sequence[str] | None = None,
        template_undefined: Any = None,
        user_defined_macros: dict[str, Any] | None = None,
        user_defined_filters: dict[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        concurrency: int | None = None,
        max_active_tasks: int | None = None,
        max_active_runs: int | None = None,
        max_consecutive_failed_dag_runs: int = 0,
        dagrun_timeout: timedelta | None = None,
        sla_miss_callback: Any = None,
        default_view: str = "grid",
        orientation: str = "LR",
        catchup: bool | None = None,
        on_success_callback: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        on_failure_callback: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        doc_md: str | None = None,
        params: Mapping[str, Any] | None = None,
        access_control: dict[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: dict[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Sequence[str] | None = None,
        owner_links: dict[str, str] | None = None,
        auto_register: bool = True,
        fail_stop: bool = False,
        dag_display_name: str | None = None,
    ) -> None:
        values = dict(locals())
        for name in ("self", "dag_id", "schedule", "schedule_interval", "start_date", "end_date"):
            del values[name]
        self.dag_id = checks.author_id(dag_id, "DAG id")
        self.fileloc = caller_file()
        self.importing = importing()
        self.defaults = current.current_defaults()
        self.node_ids: set[str] = set()  # of tasks and groups, which share one space
        self.mapped_over: set[str] = set()  # the tasks whose results others are mapped over
        self._suffixes: dict[str, int] = {}
        self.task_dict: dict[str, BaseOperator] = {}
        self.edge_info: dict[str, dict[str, dict[str, str]]] = {}
        owner = f"DAG {dag_id}"
        self.notices = notices("DAG", owner, values)
        older = checks.checked(owner, "concurrency", optional(checks.natural), concurrency)
        values["max_active_tasks"] = older if max_active_tasks is None else max_active_tasks
        self.__dict__.update(values)
        arguments = {name: value for name, value in values.items() if value is not None}
        keep(self, DAG, owner, arguments, self.defaults)
        self.dag_display_name = self.dag_display_name or dag_id
        # As in Airflow, 0 is none that the DAG says.
        self.max_consecutive_failed_dag_runs = (
            self.max_consecutive_failed_dag_runs or self.defaults.max_consecutive_failed_dag_runs
        )
        shared = checks.checked(
            owner, "params", checked_params, self.default_args.pop("params", {})
        )
        self.params = self.params | shared
        self._set_dates(start_date, end_date)
        self.task_group = TaskGroup(None, dag=self)
        self.schedule = _one_schedule(dag_id, schedule, schedule_interval, timetable)
        self.schedule_spec = _schedule_spec(dag_id, self.schedule)
        self._check_schedule()

    def _set_dates(self, start_date: object, end_date: object) -> None:
        """Take the DAG's time zone from its start date, and keep both dates in UTC, as Airflow."""
        first = start_date if start_date is not None else self.default_args.get("start_date")
        self.timezone: tzinfo = self.defaults.timezone
        first = self._moment("start_date", first)
        if first is not None:
            self.timezone = first.tzinfo
        # As in Airflow: text in default_args is the DAG's own start, a datetime that of its tasks.
        is_own = start_date is not None or isinstance(self.default_args.get("start_date"), str)
        self.start_date = checks.in_utc(first) if is_own else None
        self.end_date = checks.in_utc(self._moment("end_date", end_date))

    def _moment(self, name: str, value: object) -> Any:
        check = checks.optional(checks.moment(self.defaults.timezone, self.timezone))
        return checks.checked(f"DAG {self.dag_id}", name, check, value)

    def _check_schedule(self) -> None:
        if self.schedule_spec.kind == "none":
            return
        if self.schedule_spec.kind == "continuous" and self.max_active_runs > 1:
            raise AirflowDagException(
                f"DAG {self.dag_id}: with schedule '@continuous', max_active_runs must be 1 or 0."
            )
        most = getattr(self.schedule, "active_runs_limit", None)
        if most is not None and self.max_active_runs > most:
            raise AirflowDagException(
                f"DAG {self.dag_id}: its timetable {self.schedule_spec.summary!r} needs"
                f" max_active_runs of at most {most}."
            )
        try:
            self.params.validate()
        except ParamValidationError as error:
            raise AirflowDagException(
                f"DAG {self.dag_id} has a schedule, so every param needs a valid default: {error}"
            ) from None

    @property
    def folder(self) -> str:
        """The folder of the file that holds the DAG, where template files are looked for."""
        return str(Path(self.fileloc).parent)

    @property
    def schedule_interval(self) -> Any:
        """The author's `schedule`, under its older name."""
        return self.schedule

    def following_schedule(self, dttm: datetime) -> datetime | None:
        """Return the schedule's date after a moment, in UTC; None if it has none."""
        return self._boundaries(dttm)[1]

    def previous_schedule(self, dttm: datetime) -> datetime | None:
        """Return the schedule's date before a moment, in UTC; None if it has none."""
        return self._boundaries(dttm)[0]

    def get_run_dates(
        self, start_date: datetime | None, end_date: datetime | None = None
    ) -> list[datetime]:
        """Return the schedule's dates from one moment to another, in UTC.

        Without them, from the first start date of the DAG or a task, and until now.
        """
        from airflow_lite.authoring.timetable import utc_at
        from airflow_lite.clock import to_us, utc_now
        from airflow_lite.spec.timetable import runs_between

        starts = [self.start_date, *(task.start_date for task in self.tasks)]
        first = self._moment("start_date", start_date) or min(filter(None, starts), default=None)
        if first is None:
            return []
        now = utc_now()
        last = self._moment("end_date", end_date) or now
        runs = runs_between(self._bare_spec(), *map(to_us, (first, last, now)))
        return [utc_at(run.logical_us) for run in runs]

    def _boundaries(self, dttm: datetime) -> list[datetime | None]:
        from airflow_lite.authoring.timetable import utc_at
        from airflow_lite.clock import to_us
        from airflow_lite.spec.timetable import boundaries

        found = boundaries(self._bare_spec(), to_us(self._moment("dttm", dttm)))
        return [None if us is None else utc_at(us) for us in found]

    def _bare_spec(self) -> DagSpec:
        """Return a DAG of nothing but the schedule and its time zone."""
        from airflow_lite.spec.model import DagSpec
        from airflow_lite.spec.pace import timezone_name

        zone = timezone_name(self.timezone)
        return DagSpec(self.dag_id, schedule=self.schedule_spec, timezone=zone)

    @property
    def tasks(self) -> list[BaseOperator]:
        """The tasks in the order in which they were made."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """The tasks' ids in the order in which they were made."""
        return list(self.task_dict)

    @property
    def task_count(self) -> int:
        """How many tasks there are."""
        return len(self.task_dict)

    @property
    def task(self) -> Any:
        """The decorator `@task` for this DAG, outside of its `with`: `@dag.task`."""
        from airflow_lite.authoring.decorators.task import task

        return functools.partial(task, dag=self)

    @property
    def roots(self) -> list[BaseOperator]:
        """The tasks with nothing before them."""
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[BaseOperator]:
        """The tasks with nothing after them."""
        return [task for task in self.tasks if not task.downstream_task_ids]

    @property
    def owner(self) -> str:
        """The owners of the tasks, each once, separated by commas."""
        return ", ".join(sorted({task.owner for task in self.tasks}))

    def callbacks_on(self, event: str) -> list[Callable[[Any], Any]]:
        """Return what is called once a run has ended in "success" or "failure"."""
        return list(getattr(self, f"on_{event}_callback"))

    def has_task(self, task_id: str) -> bool:
        """Whether there is a task of this id."""
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> BaseOperator:
        """Return the task of this id; raise `TaskNotFound`."""
        task = self.task_dict.get(task_id)
        if task is None:
            raise TaskNotFound(f"There is no task {task_id!r} in DAG {self.dag_id!r}.")
        return task

    def has_task_group(self, group_id: str) -> bool:
        """Whether there is a task group of this id."""
        return group_id in self.task_group_dict

    @property
    def task_group_dict(self) -> dict[str, TaskGroup]:
        """All task groups by id, however nested."""
        groups: dict[str, TaskGroup] = {}
        waiting = [self.task_group]
        while waiting:
            for child in waiting.pop().children.values():
                if isinstance(child, TaskGroup):
                    groups[child.node_id] = child
                    waiting.append(child)
        return groups

    def add_task(self, task: BaseOperator) -> None:
        """Take a task in; raise `DuplicateTaskIdFound`, or `AirflowDagException` if full."""
        if self.task_dict.get(task.task_id) is not task:
            task.dag = self

    def register(self, task: BaseOperator) -> None:
        """Note a task whose `dag` is this one: for the task itself."""
        if task.task_id in self.node_ids:
            raise DuplicateTaskIdFound(
                f"Task id '{task.task_id}' has already been added to the DAG"
            )
        limit = self.defaults.max_dag_tasks
        if len(self.task_dict) >= limit:
            raise AirflowDagException(
                f"DAG {self.dag_id} has more than {limit} tasks. "
                "Split it, or raise [core] max_dag_tasks."
            )
        self.task_dict[task.task_id] = task
        self.node_ids.add(task.task_id)

    def free_id(self, node_id: str) -> str:
        """Return `node_id`, or the first of `node_id__1`, `node_id__2` … that is not taken.

        The search goes on where it ended last: ids are never given back.
        """
        candidate, number = node_id, self._suffixes.get(node_id, 0)
        while candidate in self.node_ids:
            number += 1
            candidate = f"{node_id}__{number}"
            self._suffixes[node_id] = number
        return candidate

    def add_tasks(self, tasks: Sequence[BaseOperator]) -> None:
        """Take several tasks in."""
        for task in tasks:
            self.add_task(task)

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Let the second task run after the first; raise `TaskNotFound`."""
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def param(self, name: str, default: Any = NOTSET) -> Any:
        """Return a reference to a param, to be handed to tasks; it has its value when they run."""
        from airflow_lite.authoring.arguments.param import DagParam

        return DagParam(self.params, name, default)

    def test(
        self,
        execution_date: datetime | None = None,
        run_conf: Mapping[str, Any] | None = None,
        *,
        use_executor: bool = False,
    ) -> None:
        """Run the DAG once as `airflow-lite dags test` does, from a file that is run itself.

        Ends the program with an exit code if the run fails.
        """
        from airflow_lite.authoring.dag_test import test_in_subprocess

        test_in_subprocess(
            self.dag_id, self.fileloc, execution_date, run_conf, use_executor=use_executor
        )

    def __enter__(self) -> Self:
        group = current.current_group(self)  # as in Airflow, one that is open stays so
        current.push(current.DAGS, self)
        current.push(current.GROUPS, group)
        return self

    def __exit__(self, *details: object) -> None:
        current.pop(current.GROUPS)
        current.pop(current.DAGS)
        loading = current.LOADING.get()
        if loading is not None and self.auto_register and self not in loading.dags:
            loading.dags.append(self)

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"


def _one_schedule(
    dag_id: str, schedule: object, schedule_interval: object, timetable: object
) -> Any:
    older = NOTSET if timetable is None else timetable
    values = {"schedule": schedule, "schedule_interval": schedule_interval, "timetable": older}
    given = {name: value for name, value in values.items() if value is not NOTSET}
    if len(given) > 1:
        raise AirflowDagException(
            f"DAG {dag_id}: {' and '.join(given)} mean the same. Give only schedule."
        )
    return next(iter(given.values()), timedelta(days=1))


def _schedule_spec(dag_id: str, schedule: object) -> ScheduleSpec:
    from airflow_lite.authoring.datasets.model import condition_of
    from airflow_lite.authoring.timetable import Timetable, spec_of
    from airflow_lite.authoring.timetables import datasets_spec
    from airflow_lite.spec.timetable import schedule_spec

    if isinstance(schedule, Timetable):
        return spec_of(schedule)
    try:
        condition = condition_of(schedule)
        return schedule_spec(schedule) if condition is None else datasets_spec(condition)
    except ValueError as error:
        raise AirflowDagException(f"DAG {dag_id}: {error}") from None
