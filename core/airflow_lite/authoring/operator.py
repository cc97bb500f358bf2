"""BaseOperator: the class of every task."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, overload

from airflow_lite.authoring import current
from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.airflow_arguments import notices
from airflow_lite.authoring.arguments.argument import Argument, keep
from airflow_lite.authoring.arguments.checks import optional
from airflow_lite.authoring.arguments.default_args import with_default_args
from airflow_lite.authoring.arguments.param import ParamsDict, checked_params
from airflow_lite.authoring.arguments.references import references
from airflow_lite.authoring.datasets.model import BaseDataset
from airflow_lite.authoring.datasets.outlet_events import run_yielding
from airflow_lite.authoring.graph.setup_teardown import SetupTeardown
from airflow_lite.errors import (
    AirflowException,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from airflow_lite.spec.deferral import FAIL, TIMEOUT
from airflow_lite.states import TriggerRule, WeightRule
from airflow_lite.task_logger import NAME, task_logger

if TYPE_CHECKING:
    from airflow_lite.authoring.dag import DAG
    from airflow_lite.authoring.graph.task_group import TaskGroup
    from airflow_lite.authoring.graph.xcom_arg import XComArg
    from airflow_lite.authoring.mapping.mapped_operator import OperatorPartial
    from airflow_lite.authoring.triggers.base import BaseTrigger, StartTriggerArgs

    Callbacks = Callable[..., Any] | list[Callable[..., Any]] | None


#: Where None is not "the default": with it no run of Airflow 2.10.5 gets beyond its making.
_NEVER_NONE = frozenset(("owner", "pool_slots", "priority_weight", "trigger_rule"))


def _listed(value: Any) -> list[Any]:
    """Return inlets or outlets as a list: one may stand by itself."""
    return value if isinstance(value, list) else [] if value is None else [value]


class _Partial:
    """`partial` of an operator's class: its instances have none."""

    @overload
    def __get__(self, task: None, kind: type[BaseOperator]) -> Callable[..., OperatorPartial]: ...

    @overload
    def __get__(self, task: BaseOperator, kind: type[BaseOperator]) -> Callable[..., NoReturn]: ...

    def __get__(self, task: BaseOperator | None, kind: type[BaseOperator]) -> Callable[..., Any]:
        if task is not None:
            return _refuse_partial

        def partial(**kwargs: Any) -> OperatorPartial:
            """Return some of the operator's arguments, to be mapped over others: `.expand(…)`."""
            from airflow_lite.authoring.mapping.mapped_operator import OperatorPartial

            return OperatorPartial(kind, kwargs)

        return partial


def _refuse_partial(**_named: Any) -> NoReturn:
    raise TypeError("partial can only be called on Operator classes, not Tasks themselves")


class BaseOperator(SetupTeardown):
    """A task: subclass it with `execute(context)`, whose value becomes the XCom `return_value`.

    Arguments, their names and defaults are those of Airflow 2.10. `template_fields` names the
    attributes rendered by Jinja before `execute`; `template_ext` the endings of text that names a
    template file.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    shallow_copy_attrs: Sequence[str] = ()
    #: Whether a try begins by waiting for `start_trigger_args`, in place of `execute`.
    start_from_trigger: bool = False
    start_trigger_args: StartTriggerArgs | None = None
    ui_color = "#fff"
    ui_fgcolor = "#000"

    owner = Argument(checks.text)
    email = Argument(optional(checks.addresses))
    email_on_retry = Argument(checks.flag, "email_on_retry")
    email_on_failure = Argument(checks.flag, "email_on_failure")
    retries = Argument(checks.natural, "retries")
    retry_delay = Argument(checks.duration, "retry_delay")
    retry_exponential_backoff = Argument(checks.flag)
    max_retry_delay = Argument(optional(checks.duration))
    depends_on_past = Argument(checks.flag)
    ignore_first_depends_on_past = Argument(checks.flag)
    wait_for_past_depends_before_skipping = Argument(checks.flag)
    wait_for_downstream = Argument(checks.flag)
    priority_weight = Argument(checks.whole)
    weight_rule = Argument(checks.one_of(WeightRule), "weight_rule")
    queue = Argument(checks.text, "queue")
    pool = Argument(checks.text)
    pool_slots = Argument(checks.positive)
    execution_timeout = Argument(optional(checks.duration), "execution_timeout")
    on_execute_callback = Argument(checks.functions, list)
    on_success_callback = Argument(checks.functions, list)
    on_failure_callback = Argument(checks.functions, list)
    on_retry_callback = Argument(checks.functions, list)
    on_skipped_callback = Argument(checks.functions, list)
    trigger_rule = Argument(checks.one_of(TriggerRule))
    max_active_tis_per_dag = Argument(optional(checks.positive))
    max_active_tis_per_dagrun = Argument(optional(checks.positive))
    executor = Argument(optional(checks.text), None)
    executor_config = Argument(checks.mapping, dict)
    params = Argument(checked_params, ParamsDict)
    do_xcom_push = Argument(checks.flag)
    multiple_outputs = Argument(checks.flag)
    map_index_template = Argument(optional(checks.text))
    task_display_name = Argument(checks.text)
    logger_name = Argument(optional(checks.text))
    doc = Argument(optional(checks.text))
    doc_md = Argument(optional(checks.text))
    doc_yaml = Argument(optional(checks.text))
    doc_rst = Argument(optional(checks.text))
    notices: list[str]
    _pre_execute_hook: Callable[[Any], None] | None
    _post_execute_hook: Callable[[Any, Any], None] | None

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
        email_on_retry: bool | None = None,
        email_on_failure: bool | None = None,
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
        dag, group = current.place(dag, task_group)
        checks.author_id(task_id, "task id")
        mapped = current.UNMAPPING.get()
        if mapped is not None:
            self.task_id = mapped.task_id
        else:
            self.task_id = group.child_id(task_id) if group is not None else task_id
        name_here = (
            f"Task {dag.dag_id}.{self.task_id}" if dag is not None else f"Task {self.task_id}"
        )
        self.notices = notices("BaseOperator", name_here, values)
        defaults = dag.defaults if dag is not None else current.current_defaults()
        zone = dag.timezone if dag is not None else None
        moment = optional(checks.moment(defaults.timezone, zone))
        for name in ("start_date", "end_date"):
            own = checks.checked(name_here, name, moment, values.pop(name))
            values[f"own_{name}"] = checks.in_utc(own)
        for name in ("pre_execute", "post_execute"):  # the methods keep these names
            hook = checks.checked(name_here, name, optional(checks.function), values.pop(name))
            values[f"_{name}_hook"] = hook
        if max_active_tis_per_dag is None:
            values["max_active_tis_per_dag"] = task_concurrency  # the older name
        self.__dict__.update(values)
        arguments = {
            name: value
            for name, value in values.items()
            if value is not None or name in _NEVER_NONE
        }
        keep(self, BaseOperator, name_here, arguments, defaults)
        self.pool = self.pool or "default_pool"
        self.inlets, self.outlets = _listed(inlets), _listed(outlets)
        if not all(isinstance(item, BaseDataset) for item in (*self.inlets, *self.outlets)):
            self.notices.append("of inlets and outlets only datasets have an effect.")
        self.task_display_name = self.task_display_name or self.task_id
        self.task_group = group
        self.upstream_task_ids, self.downstream_task_ids = set(), set()
        if mapped is not None:
            self._take_place_of(mapped)
        else:
            self._join(dag, group)

    def _join(self, dag: DAG | None, group: TaskGroup | None) -> None:
        """Take a place in a DAG, a group and the `with` of a setup, where there are such."""
        if group is not None:
            group.add(self)
        if dag is not None:
            self.dag = dag
        if scopes := current.SCOPES.get():
            scopes[-1].tasks.append(self)

    def _take_place_of(self, mapped: BaseOperator) -> None:
        """Stand in the DAG where the mapped task is of which this is an instance."""
        for name in (
            *("_dag", "task_group", "upstream_task_ids", "downstream_task_ids"),
            *("is_setup", "is_teardown", "on_failure_fail_dagrun", "trigger_rule"),
        ):
            self.__dict__[name] = getattr(mapped, name)

    def _keep(self, kind: type, arguments: Mapping[str, Any]) -> None:
        """Check and keep the arguments that a class declares as `Argument`; raise TypeError."""
        defaults = self.dag.defaults if self.has_dag() else current.current_defaults()
        keep(self, kind, f"Task {self.dag_id}.{self.task_id}", arguments, defaults)

    def _finish(self) -> None:
        """Link to the tasks whose XComs are in the templated fields. Called after `__init__`."""
        self.__dict__["_initialised"] = True
        is_linked = current.UNMAPPING.get() is not None
        for name in self.template_fields:
            if name not in self.__dict__ and not hasattr(self, name):
                raise AirflowException(
                    f"Missing template field {name!r} in task {self.task_id!r}: "
                    f"{type(self).__name__}.template_fields names it, but it is never set."
                )
            if not is_linked:
                self._link_references(getattr(self, name))

    def _link_references(self, value: object) -> None:
        for reference in references(value):
            for upstream in reference.roots:
                if upstream is not self:
                    self.set_upstream(upstream)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self.__dict__.get("_initialised") and name in self.template_fields:
            self._link_references(value)

    def add_inlets(self, inlets: Iterable[Any]) -> None:
        """Add to what it reads."""
        self.inlets.extend(inlets)

    def add_outlets(self, outlets: Iterable[Any]) -> None:
        """Add to what it writes."""
        self.outlets.extend(outlets)

    def get_inlet_defs(self) -> list[Any]:
        """Return what it reads."""
        return self.inlets

    def get_outlet_defs(self) -> list[Any]:
        """Return what it writes."""
        return self.outlets

    @property
    def task_type(self) -> str:
        """The name of the operator's class."""
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        """The name to show: `custom_operator_name` of decorated tasks, else the class's."""
        return getattr(self, "custom_operator_name", None) or self.task_type

    @property
    def output(self) -> XComArg:
        """The result of this task, to hand to other tasks."""
        from airflow_lite.authoring.graph.xcom_arg import XComArg

        return XComArg(self)

    @property
    def log(self) -> logging.Logger:
        """The logger of this operator, whose lines go into the task's log."""
        kind = type(self)
        if self.logger_name:
            return logging.getLogger(self.logger_name)
        name = f"{NAME}.{kind.__module__}.{kind.__name__}"
        is_ours = kind.__module__.startswith("airflow_lite.")
        return task_logger(name) if is_ours else logging.getLogger(name)

    def get_template_env(self) -> Any:
        """Return the Jinja environment of the DAG, or a plain one."""
        from airflow_lite.authoring.render import environment

        return environment(self)

    def render_template_fields(self, context: Mapping[str, Any], jinja_env: Any = None) -> None:
        """Render the templated fields in place."""
        from airflow_lite.authoring.render import render_fields

        render_fields(self, context, jinja_env)

    def prepare_for_execution(self) -> BaseOperator:
        """Return a copy to render and execute, so that the DAG's own task stays as written."""
        twin = copy.copy(self)
        twin.__dict__["_initialised"] = False  # rendering must not link anything
        return twin

    def pre_execute(self, context: Any) -> None:
        """Run right before `execute`: calls the `pre_execute` hook if there is one."""
        if self._pre_execute_hook is not None:
            events = context.get("outlet_events")
            run_yielding(self._pre_execute_hook, events, self.log, context)

    def execute(self, context: Any) -> Any:
        """Do the task's work and return the value of its XCom. To be written by a subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no execute(). Define it.")

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Run right after `execute`: calls the `post_execute` hook if there is one."""
        if self._post_execute_hook is not None:
            events = context.get("outlet_events")
            run_yielding(self._post_execute_hook, events, self.log, context, result)

    @staticmethod
    def xcom_push(context: Mapping[str, Any], key: str, value: Any) -> None:
        """Push an XCom: `context["ti"].xcom_push`, under its older name."""
        context["ti"].xcom_push(key=key, value=value)

    @staticmethod
    def xcom_pull(context: Mapping[str, Any], *args: Any, **options: Any) -> Any:
        """Pull XComs: `context["ti"].xcom_pull`, under its older name."""
        return context["ti"].xcom_pull(*args, **options)

    partial = _Partial()

    def defer(
        self,
        *,
        trigger: BaseTrigger,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | None = None,
    ) -> NoReturn:
        """End this process, and wait for `trigger` without one; then go on with a method.

        The method gets the context, `kwargs`, and the payload of the trigger's event as `event`.
        After `timeout` the task fails. Raises `TaskDeferred`.
        """
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Call the method that a deferred task goes on with, or fail if its trigger failed."""
        arguments = next_kwargs or {}
        if next_method != FAIL:
            return getattr(self, next_method)(context, **arguments)
        error = arguments.get("error", "Unknown")
        if error == TIMEOUT:
            raise TaskDeferralTimeout(error)
        if traceback := arguments.get("traceback"):
            self.log.error("Trigger failed:\n%s", "\n".join(traceback))
            error = f"{error}: {traceback[-1]}"
        raise TaskDeferralError(error)

    def callbacks_on(self, event: str) -> list[Callable[[Any], Any]]:
        """Return what is called on "failure", "retry" and so on: first the e-mail, if it has one.

        What goes wrong with one of them is logged, and keeps none of the others from being called.
        """
        functions = list(getattr(self, f"on_{event}_callback"))
        if self.email and getattr(self, f"email_on_{event}", False):
            from airflow_lite.authoring.mail.alert import email_alert

            functions.insert(0, email_alert)
        return functions

    def on_kill(self) -> None:
        """End what `execute` started, such as processes. Called when the task is stopped."""

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.task_id}>"
