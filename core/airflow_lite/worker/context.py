"""The context of a running task: Airflow 2.10's names for templates and callables."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_lite.dag import macros
from airflow_lite.worker.lookup import Connections, Variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.task_instance import RuntimeTaskInstance

_DAY = timedelta(days=1)


class Lazy:
    """A value that is looked up when it is first used, so that most tasks never ask for it."""

    def __init__(self, look_up: Callable[[], Any]) -> None:
        self.__dict__["_look_up"] = look_up

    @cached_property
    def _value(self) -> Any:
        return self.__dict__["_look_up"]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._value, name)

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return repr(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return bool(self._value == _plain(other))

    def __hash__(self) -> int:
        return hash(self._value)

    def __lt__(self, other: Any) -> bool:
        return bool(self._value < _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self._value > _plain(other))

    def __sub__(self, other: Any) -> Any:
        return self._value - _plain(other)

    def __rsub__(self, other: Any) -> Any:
        return other - self._value

    def __add__(self, other: Any) -> Any:
        return self._value + _plain(other)


def _plain(value: Any) -> Any:
    return value._value if isinstance(value, Lazy) else value  # noqa: SLF001


class Conf:
    """`conf` in templates: the configuration, read when first asked."""

    @cached_property
    def _config(self) -> Any:
        from airflow_lite.config import Config

        return Config.load()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._config, name)


def build_context(ti: RuntimeTaskInstance) -> dict[str, Any]:
    """Return the context of `ti`; raises `ParamValidationError` if its params are not valid."""
    from airflow_lite.dag.param import task_params

    task, run = ti.task, ti.dag_run
    return {
        **_dates(ti),
        **_previous_success(ti),
        "conf": Conf(),
        "conn": Connections(),
        "dag": task.dag,
        "dag_run": run,
        "exception": None,
        "expanded_ti_count": None,
        "inlets": getattr(task, "inlets", []),
        "inlet_events": {},
        "macros": macros,
        "map_index_template": getattr(task, "map_index_template", None),
        "outlets": getattr(task, "outlets", []),
        "outlet_events": {},
        "params": task_params(task, run.conf),
        "run_id": run.run_id,
        "task": task,
        "task_instance": ti,
        "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{_ds(run.logical_date, '%Y%m%d')}",
        "templates_dict": getattr(task, "templates_dict", None),
        "test_mode": ti.test_mode,
        "ti": ti,
        "triggering_dataset_events": {},
        "try_number": ti.try_number,
        "var": Variables(),
    }


def _ds(moment: Any, form: str = "%Y-%m-%d") -> str:
    return str(moment.strftime(form))


def _dates(ti: RuntimeTaskInstance) -> dict[str, Any]:
    run = ti.dag_run
    logical = run.logical_date
    length = run.data_interval_end - run.data_interval_start
    manual = run.external_trigger or not length
    following = logical if manual else run.data_interval_end
    previous = logical if manual else logical - length
    ds, ts = _ds(logical), logical.isoformat()
    return {
        "data_interval_start": run.data_interval_start,
        "data_interval_end": run.data_interval_end,
        "ds": ds,
        "ds_nodash": ds.replace("-", ""),
        "execution_date": logical,
        "logical_date": logical,
        "next_ds": _ds(following),
        "next_ds_nodash": _ds(following, "%Y%m%d"),
        "next_execution_date": following,
        "prev_ds": _ds(previous),
        "prev_ds_nodash": _ds(previous, "%Y%m%d"),
        "prev_execution_date": previous,
        "tomorrow_ds": _ds(logical + _DAY),
        "tomorrow_ds_nodash": _ds(logical + _DAY, "%Y%m%d"),
        "ts": ts,
        "ts_nodash": _ds(logical, "%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
        "yesterday_ds": _ds(logical - _DAY),
        "yesterday_ds_nodash": _ds(logical - _DAY, "%Y%m%d"),
    }


def _previous_success(ti: RuntimeTaskInstance) -> dict[str, Any]:
    found: list[Any] = []

    def of_run(name: str) -> Any:
        if not found:
            found.append(ti.get_previous_dagrun("success"))
        return getattr(found[0], name, None)

    names = {
        "prev_data_interval_end_success": "data_interval_end",
        "prev_data_interval_start_success": "data_interval_start",
        "prev_end_date_success": "end_date",
        "prev_execution_date_success": "logical_date",
        "prev_start_date_success": "start_date",
    }
    return {name: Lazy(partial(of_run, part)) for name, part in names.items()}
