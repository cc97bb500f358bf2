"""ExternalTaskSensor: waits for a task, a group or a whole run of another DAG."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered
from airflow_lite.authoring.operators.empty import EmptyOperator
from airflow_lite.authoring.operators.sensor import BaseSensorOperator
from airflow_lite.authoring.triggers.external_task import StatesTrigger, sorted_rows
from airflow_lite.clock import to_us, utc_now
from airflow_lite.errors import AirflowException, AirflowSkipException
from airflow_lite.states import DagRunState, TaskInstanceState

#: One that was found: the run's logical date in microseconds, the task's id (empty: of the run
#: itself), and its state.
Found = tuple[int, str, str | None]


class ExternalTaskSensor(BaseSensorOperator):
    """A sensor whose condition is met when tasks of another DAG, or its run, are in a state.

    Those of the run of the same logical date; `execution_delta` earlier, or of the dates that
    `execution_date_fn` returns for the logical date. Of a task with several instances, and of a
    group, all have to be in one of `allowed_states`; one in `failed_states` fails this task, one in
    `skipped_states` skips it. `check_existence` fails it if there is no such DAG or task.
    """

    template_fields: Sequence[str] = (
        "external_dag_id",
        "external_task_id",
        "external_task_ids",
        "external_task_group_id",
    )
    ui_color = "#4db7db"

    external_dag_id = Argument(rendered(checks.text))
    external_task_id = Argument(optional(rendered(checks.text)))
    external_task_ids = Argument(optional(rendered(checks.names)))
    external_task_group_id = Argument(optional(rendered(checks.text)))
    allowed_states = Argument(optional(checks.names))
    skipped_states = Argument(optional(checks.names))
    failed_states = Argument(optional(checks.names))
    execution_delta = Argument(optional(checks.span))
    execution_date_fn = Argument(optional(checks.function))
    check_existence = Argument(checks.flag)
    poll_interval = Argument(checks.seconds)
    deferrable = Argument(checks.flag)

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float = 2.0,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(ExternalTaskSensor, locals())
        self._allowed = set(self.allowed_states or (TaskInstanceState.SUCCESS.value,))
        self._failed = set(self.failed_states or ())
        self._skipped = set(self.skipped_states or ())
        self._check_targets()
        self._check_states()

    def _check_targets(self) -> None:
        names = "external_task_id", "external_task_ids", "external_task_group_id"
        given = [name for name in names if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other. Give one.")
        if self.execution_delta is not None and self.execution_date_fn is not None:
            raise ValueError("execution_delta and execution_date_fn exclude each other. Give one.")

    def _check_states(self) -> None:
        sets = self._allowed, self._failed, self._skipped
        every = set().union(*sets)
        if len(every) != sum(map(len, sets)):
            raise AirflowException(
                "A state is in two of allowed_states, skipped_states and failed_states."
            )
        known: type[DagRunState | TaskInstanceState] = TaskInstanceState
        if not (self.external_task_id or self.external_task_ids or self.external_task_group_id):
            known = DagRunState
        if unknown := every - {state.value for state in known}:
            raise ValueError(
                f"{', '.join(sorted(unknown))} is no state of a"
                f" {'run' if known is DagRunState else 'task'}. Use"
                f" {', '.join(state.value for state in known)}."
            )

    def poke(self, context: Any) -> bool:
        """Look at the store once; raise if something failed, is skipped, or is not there."""
        query = self._query(context)
        return self._is_met(query, self._found(context, query))

    def execute(self, context: Any) -> Any:
        """Wait for it; with `deferrable`, raise `TaskDeferred` until it is so."""
        if not self.deferrable:
            return super().execute(context)
        query = self._query(context)
        found = self._found(context, query)
        if not self._is_met(query, found):
            self._defer(context, query, found)
        self.log.info("Success criteria met. Exiting.")
        return None

    def _defer(self, context: Any, query: dict[str, Any], found: list[Found]) -> NoReturn:
        waited_s = (utc_now() - context["ti"].try_started).total_seconds()
        self.defer(
            trigger=StatesTrigger(query, sorted_rows(found), self.poll_interval),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(self.timeout - waited_s, 0.0)),
        )

    def execute_complete(self, context: Any, event: Any = None) -> Any:
        """Look again: something has changed."""
        return self.execute(context)

    def _query(self, context: Any) -> dict[str, Any]:
        """Return what to ask for, as `ti.states_of_dag` takes it."""
        return {
            "dag_id": self.external_dag_id,
            "dates_us": [to_us(date) for date in self._dates_of_runs(context)],
            "task_ids": self._task_ids(),
            "group_id": self.external_task_group_id,
            "must_exist": self.check_existence,
        }

    def _found(self, context: Any, query: dict[str, Any]) -> list[Found]:
        self.log.info("Poking for %s of DAG %s", self._shown, self.external_dag_id)
        found: list[Found] = context["ti"].states_of_dag(**query)
        return found

    @property
    def _shown(self) -> str:
        return ", ".join(self._task_ids() or ()) or self.external_task_group_id or "the run"

    def _is_met(self, query: dict[str, Any], found: list[Found]) -> bool:
        """Tell whether what was found ends the waiting; raise as `poke` does."""
        dates, tasks, shown = query["dates_us"], query["task_ids"], self._shown
        states = {state for _, _, state in found}
        if states & self._failed:
            error = f"{shown} of DAG {self.external_dag_id} failed."
            raise AirflowSkipException(error) if self.soft_fail else AirflowException(error)
        if states & self._skipped:
            raise AirflowSkipException(f"{shown} of DAG {self.external_dag_id} is to be skipped.")
        wanted = {(date, task) for date in dates for task in tasks or [""]}
        if self.external_task_group_id:
            wanted = {(date, task) for date, task, _ in found}
            if {date for date, _ in wanted} != set(dates):
                return False
        return wanted <= {(date, task) for date, task, _ in found} and states <= self._allowed

    def _task_ids(self) -> list[str] | None:
        if self.external_task_id:
            return [self.external_task_id]
        ids = list(self.external_task_ids or ())
        if len(ids) != len(set(ids)):
            raise ValueError(f"external_task_ids has a task twice: {', '.join(ids)}.")
        return ids or None

    def _dates_of_runs(self, context: Any) -> list[datetime]:
        date: datetime = context["logical_date"]
        if self.execution_delta is not None:
            return [date - self.execution_delta]
        if self.execution_date_fn is None:
            return [date]
        found = self.execution_date_fn(date, **self._more(context))
        return list(found) if isinstance(found, list | tuple) else [found]

    def _more(self, context: Any) -> dict[str, Any]:
        """Return what of the context the function takes by name."""
        assert self.execution_date_fn is not None
        have = {**context, "context": context}
        for name in ("logical_date", "execution_date"):  # given by position
            have.pop(name, None)
        parameters = inspect.signature(self.execution_date_fn).parameters
        if any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
            return have
        return {name: have[name] for name in list(parameters)[1:] if name in have}


class ExternalTaskMarker(EmptyOperator):
    """A task that says that a task of another DAG depends on it.

    It does nothing. Clearing it clears nothing of the other DAG.
    """

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "execution_date")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        execution_date: str | datetime | None = "{{ logical_date.isoformat() }}",
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if recursion_depth <= 0:
            raise ValueError("recursion_depth should be a positive integer")
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        if isinstance(execution_date, datetime):
            execution_date = execution_date.isoformat()
        self.execution_date = execution_date
        self.recursion_depth = recursion_depth
        self.notices.append("clearing an ExternalTaskMarker clears nothing of the other DAG.")
