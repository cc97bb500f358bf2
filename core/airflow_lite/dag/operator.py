"""BaseOperator: what every task is made of."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite.dag import _active, _checks
from airflow_lite.dag._arguments import notices
from airflow_lite.dag.edges import Connectable
from airflow_lite.dag.setup_teardown import SetupTeardown
from airflow_lite.errors import AirflowException
from airflow_lite.states import TriggerRule, WeightRule

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_lite.dag.dag import DAG
    from airflow_lite.dag.task_group import TaskGroup
    from airflow_lite.dag.xcom_arg import XComArg

    Callbacks = Callable[..., Any] | list[Callable[..., Any]] | None

CALLBACKS = (
    "on_execute_callback",
    "on_success_callback",
    "on_failure_callback",
    "on_retry_callback",
    "on_skipped_callback",
)
_CHECKS: dict[str, _checks.Check] = {
    "owner": _checks.text,
    "email_on_retry": _checks.flag,
    "email_on_failure": _checks.flag,
    "retries": _checks.natural,
    "retry_delay": _checks.duration,
    "retry_exponential_backoff": _checks.flag,
    "max_retry_delay": _checks.duration,
    "depends_on_past": _checks.flag,
    "ignore_first_depends_on_past": _checks.flag,
    "wait_for_past_depends_before_skipping": _checks.flag,
    "wait_for_downstream": _checks.flag,
    "priority_weight": _checks.whole,
    "weight_rule": _checks.one_of(WeightRule),
    "queue": _checks.text,
    "pool": _checks.text,
    "pool_slots": _checks.positive,
    "execution_timeout": _checks.duration,
    **dict.fromkeys(CALLBACKS, _checks.functions),
    "pre_execute": _checks.function,
    "post_execute": _checks.function,
    "trigger_rule": _checks.one_of(TriggerRule),
    "max_active_tis_per_dag": _checks.positive,
    "max_active_tis_per_dagrun": _checks.positive,
    "executor_config": _checks.mapping,
    "do_xcom_push": _checks.flag,
    "multiple_outputs": _checks.flag,
    "task_display_name": _checks.text,
    "logger_name": _checks.text,
    "doc": _checks.text,
    "doc_md": _checks.text,
    "doc_yaml": _checks.text,
    "doc_rst": _checks.text,
}


def with_default_args(init: Callable[..., None]) -> Callable[..., None]:
    """Let an operator's `__init__` take what it is not given from default_args."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    named = [item for item in parameters if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)]
    names = frozenset(item.name for item in named) - {"default_args", "dag", "task_group"}
    required = [item.name for item in named if item.default is item.empty]

    @functools.wraps(init)
    def wrapper(self: BaseOperator, *args: object, **kwargs: Any) -> None:
        if args:
            raise TypeError(f"Use keyword arguments to make a {type(self).__name__}.")
        outermost = "_defaults_in_force" not in self.__dict__
        if outermost:
            self.__dict__["_defaults_in_force"] = _default_args(kwargs)
        found = self.__dict__["_defaults_in_force"]
        if found:
            kwargs = {name: found[name] for name in names & found.keys()} | kwargs
        missing = [name for name in required if name not in kwargs]
        if missing:
            raise TypeError(_missing(self, missing, kwargs))
        init(self, **kwargs)
        if outermost:
            del self.__dict__["_defaults_in_force"]
            self._finish()

    return wrapper


def _default_args(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    dag = kwargs.get("dag") or _active.current_dag()
    group = kwargs.get("task_group") or _active.current_group(dag)
    dag = dag or (group.dag if group is not None else None)
    found = dict(dag.default_args) if dag is not None else {}
    if group is not None:
        found |= group.default_args
    own = kwargs.get("default_args") or {}
    return found | own


def _missing(operator: BaseOperator, names: list[str], kwargs: Mapping[str, Any]) -> str:
    task = f" (task_id: {kwargs['task_id']})" if "task_id" in kwargs else ""
    shown = ", ".join(map(repr, names))
    plural = "s" if len(names) > 1 else ""
    return f"{type(operator).__name__}{task}: missing keyword argument{plural} {shown}."


class BaseOperator(SetupTeardown, Connectable):
    """A task: subclass it with `execute(context)`, whose value becomes the XCom `return_value`.

    Arguments, their names and defaults are those of Airflow 2.10. `template_fields` names the
    attributes rendered by Jinja before `execute`; `template_ext` the endings of text that names a
    template file.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    shallow_copy_attrs: Sequence[str] = ()
    ui_color = "#fff"
    ui_fgcolor = "#000"

    task_id: str
    task_group: TaskGroup | None
    owner: str
    retries: int
    retry_delay: timedelta
    max_retry_delay: timedelta | None
    execution_timeout: timedelta | None
    trigger_rule: TriggerRule
    weight_rule: WeightRule
    priority_weight: int
    pool: str
    pool_slots: int
    queue: str
    start_date: datetime | None
    end_date: datetime | None
    executor_config: dict[str, Any]
    params: Any
    do_xcom_push: bool
    multiple_outputs: bool
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    notices: list[str]
    _dag: DAG | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = with_default_args(cls.__dict__["__init__"])  # type: ignore[method-assign]

    @with_default_args
    def __init__(
        self,
        task_id: str,
        owner: str = "airflow",
        email: str | Sequence[str] | None = None,
        email_on_retry: bool = True,
        email_on_failure: bool = True,
        retries: int | None = None,
        retry_delay: timedelta | float | None = None,
        retry_exponential_backoff: bool = False,
        max_retry_delay: timedelta | float | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool = True,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: DAG | None = None,
        params: Mapping[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: WeightRule | str | None = None,
        queue: str | None = None,
        pool: str | None = None,
        pool_slots: int = 1,
        sla: timedelta | None = None,
        execution_timeout: timedelta | float | None = None,
        on_execute_callback: Callbacks = None,
        on_failure_callback: Callbacks = None,
        on_success_callback: Callbacks = None,
        on_retry_callback: Callbacks = None,
        on_skipped_callback: Callbacks = None,
        pre_execute: Callable[[Any], None] | None = None,
        post_execute: Callable[[Any, Any], None] | None = None,
        trigger_rule: TriggerRule | str = TriggerRule.ALL_SUCCESS,
        resources: dict[str, Any] | None = None,
        run_as_user: str | None = None,
        task_concurrency: int | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: dict[str, Any] | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any | None = None,
        outlets: Any | None = None,
        task_group: TaskGroup | None = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: Any | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        **kwargs: Any,
    ) -> None:
        values = dict(locals())
        for name in ("self", "kwargs", "dag", "task_group", "default_args", "task_id"):
            del values[name]
        if kwargs:
            raise AirflowException(
                f"Invalid arguments were passed to {type(self).__name__} (task_id: {task_id}). "
                f"Invalid arguments were: {', '.join(f'{k}={v!r}' for k, v in kwargs.items())}"
            )
        self.__dict__["_initialised"] = False
        dag = dag or (task_group.dag if task_group is not None else _active.current_dag())
        group = task_group or _active.current_group(dag)
        dag = dag or (group.dag if group is not None else None)
        _checks.author_id(task_id, "task id")
        self.task_id = group.child_id(task_id) if group is not None else task_id
        owner_name = f"{dag.dag_id}.{self.task_id}" if dag is not None else self.task_id
        self.notices = notices("BaseOperator", f"Task {owner_name}", values)
        self.__dict__.update(self._values(values, dag, owner_name))
        self.task_group = group
        self.upstream_task_ids, self.downstream_task_ids = set(), set()
        if group is not None:
            group.add(self)
        if dag is not None:
            self.dag = dag
        self._join_scope()

    def _values(self, values: dict[str, Any], dag: DAG | None, owner: str) -> dict[str, Any]:
        """Return the arguments checked, and what the configuration says for those not given."""
        from airflow_lite.dag.param import ParamsDict

        defaults = dag.defaults if dag is not None else _active.current_defaults()
        concurrency = values.pop("task_concurrency")
        if values["max_active_tis_per_dag"] is None:
            values["max_active_tis_per_dag"] = concurrency
        for name in ("pre_execute", "post_execute"):  # the methods keep these names
            values[f"_{name}_hook"] = self._check(owner, name, values.pop(name))
        for name, check in _CHECKS.items():
            if values.get(name) is not None:
                values[name] = _checks.checked(f"Task {owner}", name, check, values[name])
        for name in ("start_date", "end_date"):
            if values[name] is not None:
                check = _checks.moment(dag.timezone if dag is not None else defaults.timezone)
                values[name] = _checks.checked(f"Task {owner}", name, check, values[name])
        for name in CALLBACKS:
            values[name] = values[name] or []
        values["params"] = ParamsDict(values["params"] or {})
        for name in ("retries", "retry_delay", "weight_rule", "queue", "execution_timeout"):
            if values[name] is None:
                values[name] = getattr(defaults, name)
        values["pool"] = values["pool"] or "default_pool"
        values["executor_config"] = values["executor_config"] or {}
        values["task_display_name"] = values["task_display_name"] or self.task_id
        return values

    def _check(self, owner: str, name: str, value: object) -> Any:  # noqa: ANN401
        return None if value is None else _checks.checked(f"Task {owner}", name, _CHECKS[name], value)

    def _finish(self) -> None:
        """Link to the tasks whose XComs the templated fields ask for. Called after `__init__`."""
        self.__dict__["_initialised"] = True
        for name in self.template_fields:
            if name not in self.__dict__ and not hasattr(self, name):
                raise AirflowException(
                    f"Missing template field {name!r} in task {self.task_id!r}: "
                    f"{type(self).__name__}.template_fields names it, but it is never set."
                )
            self._link_references(getattr(self, name))

    def _link_references(self, value: object) -> None:
        for reference in references(value):
            for upstream in reference.roots:
                if upstream is not self:
                    self.set_upstream(upstream)

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401
        super().__setattr__(name, value)
        if self.__dict__.get("_initialised") and name in self.template_fields:
            self._link_references(value)

    @property
    def dag(self) -> DAG:
        """The DAG that this task belongs to; raise `AirflowException` if to none."""
        if self._dag is None:
            raise AirflowException(f"Operator {self.task_id!r} has not been assigned to a DAG yet.")
        return self._dag

    @dag.setter
    def dag(self, dag: DAG) -> None:
        if self._dag is not None and self._dag is not dag:
            raise AirflowException(f"The DAG assigned to task {self.task_id!r} can not be changed.")
        if self.task_group is None:
            self.task_group = dag.task_group
            dag.task_group.add(self)
        dag.add_task(self)
        self.__dict__["_dag"] = dag

    def has_dag(self) -> bool:
        """Whether this task belongs to a DAG."""
        return self._dag is not None

    def get_dag(self) -> DAG | None:
        """Return the DAG that this task belongs to, or None."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """The id of the DAG, or what Airflow calls a task without one."""
        return self._dag.dag_id if self._dag is not None else f"adhoc_{self.owner}"

    @property
    def node_id(self) -> str:
        """The task id: groups have a group id instead."""
        return self.task_id

    @property
    def label(self) -> str:
        """The task id without its group's prefix."""
        group = self.task_group
        if group is not None and group.prefix_group_id and group.group_id:
            return self.task_id.removeprefix(f"{group.group_id}.")
        return self.task_id

    @property
    def roots(self) -> list[BaseOperator]:
        """This task."""
        return [self]

    @property
    def leaves(self) -> list[BaseOperator]:
        """This task."""
        return [self]

    @property
    def upstream_list(self) -> list[BaseOperator]:
        """The tasks directly before this one."""
        return [self.dag.get_task(name) for name in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[BaseOperator]:
        """The tasks directly after this one."""
        return [self.dag.get_task(name) for name in sorted(self.downstream_task_ids)]

    def get_direct_relatives(self, upstream: bool = False) -> list[BaseOperator]:  # noqa: FBT001, FBT002
        """Return the tasks directly after this one, or before it."""
        return self.upstream_list if upstream else self.downstream_list

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:  # noqa: FBT001, FBT002
        """Return the ids of the tasks directly after this one, or before it."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_flat_relative_ids(self, upstream: bool = False) -> set[str]:  # noqa: FBT001, FBT002
        """Return the ids of all tasks after this one, however far, or before it."""
        found: set[str] = set()
        waiting = list(self.get_direct_relative_ids(upstream))
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.dag.task_dict[name].get_direct_relative_ids(upstream)
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[BaseOperator]:  # noqa: FBT001, FBT002
        """Return all tasks after this one, however far, or before it."""
        return [self.dag.get_task(name) for name in sorted(self.get_flat_relative_ids(upstream))]

    @property
    def task_type(self) -> str:
        """The name of the operator's class."""
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        """The name to show: `custom_operator_name` of decorated tasks, else the class's."""
        return getattr(self, "custom_operator_name", None) or self.task_type

    @property
    def operator_class(self) -> type[BaseOperator]:
        """The operator's class."""
        return type(self)

    @property
    def output(self) -> XComArg:
        """What this task returns, to hand to other tasks."""
        from airflow_lite.dag.xcom_arg import XComArg

        return XComArg(self)

    @property
    def log(self) -> logging.Logger:
        """The logger of this operator, whose lines go into the task's log."""
        kind = type(self)
        return logging.getLogger(
            self.__dict__.get("logger_name") or f"airflow_lite.task.{kind.__module__}.{kind.__name__}"
        )

    def get_template_env(self) -> Any:  # noqa: ANN401 - jinja2 is imported only here
        """Return the Jinja environment of the DAG, or a plain one."""
        from airflow_lite.dag.render import environment

        return environment(self)

    def render_template_fields(self, context: Mapping[str, Any], jinja_env: Any = None) -> None:  # noqa: ANN401
        """Render the templated fields in place."""
        from airflow_lite.dag.render import render_fields

        render_fields(self, context, jinja_env)

    def prepare_for_execution(self) -> BaseOperator:
        """Return a copy to render and execute, so that the DAG's own task stays as written."""
        twin = copy.copy(self)
        twin.__dict__["_initialised"] = False  # rendering must not link anything
        return twin

    def pre_execute(self, context: Any) -> None:  # noqa: ANN401
        """Run right before `execute`: calls the `pre_execute` hook if there is one."""
        if self._pre_execute_hook is not None:
            self._pre_execute_hook(context)

    def execute(self, context: Any) -> Any:  # noqa: ANN401
        """Do the task's work and return what becomes its XCom. To be written by a subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to execute.")

    def post_execute(self, context: Any, result: Any = None) -> None:  # noqa: ANN401
        """Run right after `execute`: calls the `post_execute` hook if there is one."""
        if self._post_execute_hook is not None:
            self._post_execute_hook(context, result)

    def on_kill(self) -> None:
        """End what `execute` started, such as processes. Called when the task is stopped."""

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.task_id}>"


def references(value: object) -> Iterator[Any]:
    """Yield what in `value`, however nested, is resolved at run time and names tasks."""
    if isinstance(value, (str, int, float, type(None))):
        return
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from references(item)
    elif not isinstance(value, (type, BaseOperator)):
        for name in getattr(value, "template_fields", ()):
            yield from references(getattr(value, name, None))


class Reference:
    """Something in an argument that has its value only when the task runs: `resolve(context)`."""

    @property
    def roots(self) -> Sequence[BaseOperator]:
        """The tasks that must have run before this has a value."""
        return ()

    def resolve(self, context: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Return the value, given the context of the task that asks."""
        raise NotImplementedError
