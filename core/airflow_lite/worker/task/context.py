"""The context of a running task: Airflow 2.10's names for templates and callables."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring import macros
from airflow_lite.authoring.context import Context, Lazy
from airflow_lite.authoring.secrets.templates import Connections, Variables
from airflow_lite.errors import ConfigError
from airflow_lite.keys import MAX_ID_LENGTH
from airflow_lite.secrets_masker import hide_named
from airflow_lite.worker.task.datetimes import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from airflow_lite.worker.task.task_instance import RuntimeTaskInstance

_DAY = timedelta(days=1)


class Conf:
    """`conf` in templates: the configuration, read when first asked."""

    @cached_property
    def _config(self) -> Any:
        from airflow_lite.config import Config

        return Config.load()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        attribute = getattr(self._config, name)
        return partial(_or_fallback, attribute) if name.startswith("get") else attribute

    def has_option(self, section: str, option: str) -> bool:
        """Whether there is such an option."""
        return self.get(section, option, fallback=None) is not None


def _or_fallback(read: Callable[..., Any], section: str, option: str, **options: Any) -> Any:
    """Read an option; return `fallback`, if that is given, where there is none."""
    try:
        return read(section, option)
    except ConfigError:
        if "fallback" in options:
            return options["fallback"]
        raise


def build_context(ti: RuntimeTaskInstance) -> Context:
    """Return the context of `ti`; raises `ParamValidationError` if its params are not valid."""
    from airflow_lite.authoring.arguments.param import task_params

    task, run = ti.task, ti.dag_run
    _hide_params(task, run.conf)
    names = {
        **_dates(ti),
        **_neighbours(ti),
        **_previous_success(ti),
        "conf": Conf(),
        "conn": Connections(),
        "dag": task.dag,
        "dag_run": run,
        "expanded_ti_count": Lazy(lambda: ti.expanded_count),
        "inlets": task.inlets,
        "inlet_events": ti.inlet_events,
        "macros": macros,
        "map_index_template": getattr(task, "map_index_template", None),
        "outlets": task.outlets,
        "outlet_events": ti.outlet_events,
        "params": task_params(task, run.conf),
        "run_id": run.run_id,
        "task": task,
        "task_instance": ti,
        "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{_ds(run.logical_date, '%Y%m%d')}",
        "templates_dict": getattr(task, "templates_dict", None),
        "test_mode": ti.test_mode,
        "ti": ti,
        "triggering_dataset_events": Lazy(ti.get_triggering_events),
        "try_number": ti.try_number,
        "var": Variables(),
    }
    return Context(names)


def _hide_params(task: Any, conf: Mapping[str, Any] | None) -> None:
    """Mask the values of params that have sensitive names, before one is found to be wrong."""
    for params in (task.dag.params.dump() if task.has_dag() else {}, task.params.dump(), conf):
        hide_named(params or {})


def _ds(moment: Any, form: str = "%Y-%m-%d") -> str:
    return str(moment.strftime(form))


def _dates(ti: RuntimeTaskInstance) -> dict[str, Any]:
    run = ti.dag_run
    logical = run.logical_date
    ds, ts = _ds(logical), logical.isoformat()
    return {
        "data_interval_start": run.data_interval_start,
        "data_interval_end": run.data_interval_end,
        "ds": ds,
        "ds_nodash": ds.replace("-", ""),
        "execution_date": logical,
        "logical_date": logical,
        "tomorrow_ds": _ds(logical + _DAY),
        "tomorrow_ds_nodash": _ds(logical + _DAY, "%Y%m%d"),
        "ts": ts,
        "ts_nodash": _ds(logical, "%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
        "yesterday_ds": _ds(logical - _DAY),
        "yesterday_ds_nodash": _ds(logical - _DAY, "%Y%m%d"),
    }


def _neighbours(ti: RuntimeTaskInstance) -> dict[str, Any]:
    """Return the dates of the schedule's runs before and after this one, and their spellings."""
    dates: dict[str, Any] = {}
    for side in ("prev", "next"):
        date = Lazy(partial(_neighbour, ti, side))
        dates[f"{side}_execution_date"] = date
        dates[f"{side}_ds"] = Lazy(partial(_spelled, date, "%Y-%m-%d"))
        dates[f"{side}_ds_nodash"] = Lazy(partial(_spelled, date, "%Y%m%d"))
    return dates


def _neighbour(ti: RuntimeTaskInstance, side: str) -> datetime | None:
    """Return what Airflow 2.10 does: of a run that somebody triggered, its own logical date."""
    from airflow_lite.spec.model import DagSpec
    from airflow_lite.spec.pace import timezone_name
    from airflow_lite.spec.timetable import neighbours

    run, dag = ti.dag_run, ti.task.dag
    if run.external_trigger:
        return run.logical_date
    zone = timezone_name(dag.timezone)
    spec = DagSpec(dag.dag_id, schedule=dag.schedule_spec, timezone=zone)
    before, after = neighbours(spec, run.logical_us, run.interval_end_us)
    moment_us = before if side == "prev" else after
    return None if moment_us is None else moment(moment_us)


def _spelled(date: Lazy, form: str) -> str | None:
    return None if date.value is None else _ds(date.value, form)


def _previous_success(ti: RuntimeTaskInstance) -> dict[str, Any]:
    run = Lazy(partial(ti.get_previous_dagrun, "success"))
    names = {
        "prev_data_interval_end_success": "data_interval_end",
        "prev_data_interval_start_success": "data_interval_start",
        "prev_end_date_success": "end_date",
        "prev_execution_date_success": "logical_date",
        "prev_start_date_success": "start_date",
    }
    return {name: Lazy(partial(_part, run, part)) for name, part in names.items()}


def _part(run: Lazy, name: str) -> Any:
    return getattr(run.value, name, None)


def name_map_index(task: Any, context: Mapping[str, Any], ti: RuntimeTaskInstance) -> None:
    """Render the name that `map_index_template` gives the instance, if the task has one."""
    template = context.get("map_index_template")
    if template is None or ti.map_index < 0:
        return
    from airflow_lite.authoring.render import Renderer

    text = str(Renderer(task, context, task.get_template_env()).render(template))
    ti.rendered_map_index = text[:MAX_ID_LENGTH]
