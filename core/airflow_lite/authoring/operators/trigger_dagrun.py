"""TriggerDagRunOperator: a task that makes a run of another DAG, and may wait for its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.triggers.external_task import DagStateTrigger
from airflow_lite.clock import to_us, utc_now
from airflow_lite.errors import (
    AirflowException,
    AirflowRescheduleException,
    AirflowSkipException,
    DagRunAlreadyExists,
)
from airflow_lite.states import DagRunState

#: The keys of the XComs that say which run was triggered.
XCOM_LOGICAL_DATE_ISO = "trigger_logical_date_iso"
XCOM_RUN_ID = "trigger_run_id"


def _date(value: object) -> str | datetime:
    if not isinstance(value, str | datetime):
        raise checks.WrongType("a datetime, or text that becomes one as ISO 8601")
    return value


def _conf(value: object) -> Any:
    """A dict, or text that becomes one as JSON."""
    return value if isinstance(value, str) else checks.mapping(value)


def _run_states(value: object) -> list[str]:
    return [str(checks.one_of(DagRunState)(state)) for state in checks.names(value)]


class TriggerDagRunOperator(BaseOperator):
    """A task that makes a run of the DAG `trigger_dag_id`, with `conf`.

    The run has `logical_date`, else the moment at which the task runs. If there is a run of that
    date or of the id `trigger_run_id` already, the task fails; with `skip_when_already_exists` it
    is skipped, and with `reset_dag_run` that run is cleared. With `wait_for_completion` the task
    looks every `poke_interval` seconds whether the run is in one of `allowed_states`, or of
    `failed_states`, which fail it; with `deferrable` it holds no slot in between.
    """

    template_fields: Sequence[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"conf": "py"}
    ui_color = "#ffefeb"

    trigger_dag_id = Argument(rendered(checks.text))
    trigger_run_id = Argument(optional(rendered(checks.text)))
    conf = Argument(optional(rendered(_conf)))
    logical_date = Argument(optional(rendered(_date)))
    reset_dag_run = Argument(checks.flag)
    poke_interval = Argument(checks.seconds)
    allowed_states = Argument(_run_states, lambda: [DagRunState.SUCCESS.value])
    failed_states = Argument(_run_states, lambda: [DagRunState.FAILED.value])
    deferrable = Argument(checks.flag)

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: dict[str, Any] | str | None = None,
        logical_date: str | datetime | None = None,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: float = 60,
        allowed_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        skip_when_already_exists: bool = False,
        deferrable: bool = False,
        execution_date: str | datetime | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        logical_date = logical_date if execution_date is None else execution_date
        allowed_states = allowed_states or None
        self._keep(TriggerDagRunOperator, locals())
        # They may be templates, whose text counts once it is rendered.
        self.wait_for_completion: Any = wait_for_completion
        self.skip_when_already_exists: Any = skip_when_already_exists
        #: As that of a sensor, which an executor that cannot wait changes.
        self.mode = "poke" if wait_for_completion and not deferrable else None

    def execute(self, context: Any) -> None:
        """Make the run, or go on to wait for it, if this process is not the first of the try."""
        ti = context["ti"]
        run = _waited_for(ti) if self.mode == "reschedule" else None
        if run is None:
            run = self._trigger(ti)
            ti.xcom_push(XCOM_LOGICAL_DATE_ISO, run["logical_date"].isoformat())
            ti.xcom_push(XCOM_RUN_ID, run["run_id"])
        elif self._has_ended(ti, run["logical_date"]):
            return
        if self.wait_for_completion and self.deferrable:
            self._defer(run["logical_date"])
        elif self.wait_for_completion:
            self._wait(ti, run["logical_date"])

    def execute_complete(self, context: Any, event: Any) -> None:
        """End as the run's state says: it is in one of those that were waited for."""
        (date,) = event[1]["execution_dates"]
        if not self._has_ended(context["ti"], date):  # it was cleared since
            self._defer(date)

    def _defer(self, date: datetime) -> NoReturn:
        states = [*self.allowed_states, *self.failed_states]
        self.log.info("Waiting for %s on %s to be %s", self.trigger_dag_id, date, states)
        trigger = DagStateTrigger(self.trigger_dag_id, states, [date], self.poke_interval)
        self.defer(trigger=trigger, method_name="execute_complete")

    def poke(self, context: Any) -> bool:
        """Whether the run that was made is in one of the allowed states."""
        run = _waited_for(context["ti"])
        return run is not None and self._has_ended(context["ti"], run["logical_date"])

    def _trigger(self, ti: Any) -> dict[str, Any]:
        run: dict[str, Any] = ti.trigger_dag_run(
            self.trigger_dag_id,
            run_id=str(self.trigger_run_id) if self.trigger_run_id else None,
            logical_date=self._rendered_date(),
            conf=self._rendered_conf(),
            resets=self.reset_dag_run,
        )
        shown = f"run {run['run_id']} of DAG {self.trigger_dag_id}"
        if run["is_new"]:
            self.log.info("Triggered %s", shown)
        elif self.reset_dag_run:
            self.log.info("Cleared %s, which there was already", shown)
        elif self.skip_when_already_exists:
            raise AirflowSkipException(f"There is {shown} already.")
        else:
            raise DagRunAlreadyExists(
                f"There is {shown} already. Set reset_dag_run or skip_when_already_exists, or"
                " choose another trigger_run_id or logical_date."
            )
        return run

    def _rendered_date(self) -> datetime:
        date = self.logical_date
        if date is None:
            return utc_now()
        date = datetime.fromisoformat(date) if isinstance(date, str) else date
        return date if date.tzinfo is not None else date.replace(tzinfo=UTC)

    def _rendered_conf(self) -> dict[str, Any]:
        conf = json.loads(self.conf) if isinstance(self.conf, str) and self.conf else self.conf
        try:
            json.dumps(conf)
        except TypeError as error:
            raise AirflowException(f"conf parameter should be JSON Serializable: {error}") from None
        if conf and not isinstance(conf, dict):
            raise AirflowException(f"conf must be a dict, not {conf!r:.100}.")
        return conf or {}

    def _wait(self, ti: Any, date: datetime) -> None:
        while True:
            states = ", ".join(self.allowed_states)
            self.log.info("Waiting for %s on %s to be %s", self.trigger_dag_id, date, states)
            if self.mode == "reschedule":
                raise AirflowRescheduleException(utc_now() + timedelta(seconds=self.poke_interval))
            time.sleep(self.poke_interval)
            if self._has_ended(ti, date):
                return

    def _has_ended(self, ti: Any, date: datetime) -> bool:
        found = ti.states_of_dag(self.trigger_dag_id, [to_us(date)])
        if not found:
            raise AirflowException(f"The run of DAG {self.trigger_dag_id} on {date} is gone.")
        state = found[0][2]
        if state in self.failed_states:
            raise AirflowException(f"{self.trigger_dag_id} failed with failed states {state}")
        if state in self.allowed_states:
            self.log.info("%s finished with allowed state %s", self.trigger_dag_id, state)
        return state in self.allowed_states


def _waited_for(ti: Any) -> dict[str, Any] | None:
    """Return the run that an earlier process of this try triggered; None if none did.

    A try's XComs are cleared as it begins, and stay where it is rescheduled.
    """
    if ti.test_mode:
        return None
    own = {"task_ids": ti.task_id, "map_indexes": ti.map_index}
    run_id = ti.xcom_pull(key=XCOM_RUN_ID, **own)
    date = ti.xcom_pull(key=XCOM_LOGICAL_DATE_ISO, **own)
    if run_id is None or date is None:
        return None
    return {"run_id": run_id, "logical_date": datetime.fromisoformat(date)}
