"""What reads Airflow's database: it can be imported, and refuses to be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from airflow_lite.errors import AirflowException

F = TypeVar("F", bound=Callable[..., Any])

_NO_SESSION = (
    "a task has no database. Ask the context: dag_run.get_task_instances(), ti.xcom_pull(),"
    " ti.get_previous_dagrun(); or `airflow-lite dags list-runs -o json`"
)


class NoDatabaseError(AirflowException):
    """DAG files and tasks have no database. Ask the context, or airflow-lite's commands."""


class _Refusing(type):
    """The class of classes that are there to be imported, and named in annotations."""

    advice: str = _NO_SESSION

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NoDatabaseError(f"{cls.__name__} cannot be used: {cls.advice}.")

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoDatabaseError(f"{cls.__name__}.{name} cannot be used: {cls.advice}.")


class Session(metaclass=_Refusing):
    """A session of the database."""


class DagBag(metaclass=_Refusing):
    """All DAGs."""

    advice = "DAGs are listed by `airflow-lite dags list -o json`"


class DagModel(metaclass=_Refusing):
    """A DAG as the database has it."""

    advice = "DAGs are listed by `airflow-lite dags list -o json`, and paused by `dags pause`"


class DagTag(metaclass=_Refusing):
    """A tag of a DAG."""


class DagPickle(metaclass=_Refusing):
    """A pickled DAG."""


class Log(metaclass=_Refusing):
    """What users did."""


class Pool(metaclass=_Refusing):
    """A pool."""

    advice = "pools are listed and set by `airflow-lite pools`"


class TaskFail(metaclass=_Refusing):
    """A failed try."""

    advice = "tries are shown by `airflow-lite tasks history`"


class TaskReschedule(metaclass=_Refusing):
    """A rescheduled sensor."""


class SlaMiss(metaclass=_Refusing):
    """A missed SLA."""


class XCom(metaclass=_Refusing):
    """XComs in the database."""

    advice = "XComs are read by ti.xcom_pull() and written by ti.xcom_push()"


class BaseXCom(metaclass=_Refusing):
    """XComs in the database."""

    advice = XCom.advice


#: A default of `session=`, as Airflow's functions have it.
NEW_SESSION: Any = None
engine: Any = None


def provide_session(func: F) -> F:
    """Return the function as it is: it gets no session, and fails where it uses one."""
    return func


def create_session(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise `NoDatabaseError`."""
    raise NoDatabaseError(f"create_session() cannot be used: {_NO_SESSION}.")


def clear_task_instances(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise `NoDatabaseError`."""
    raise NoDatabaseError(
        "clear_task_instances() cannot be used: tasks are cleared by `airflow-lite tasks clear`."
    )


def trigger_dag(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise `NoDatabaseError`."""
    raise NoDatabaseError(
        "trigger_dag() cannot be used: write a TriggerDagRunOperator, or run"
        " `airflow-lite dags trigger`."
    )
