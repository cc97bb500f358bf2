"""The one tree of errors: each class's docstring is its default message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class AirflowException(Exception):
    """A task or the tool failed. Look at the message or the log above it."""

    def __init__(self, message: object = None, *args: object) -> None:
        if message is None:
            from inspect import getdoc  # slow to import, and rarely needed

            message = " ".join((getdoc(type(self)) or "").split())
        super().__init__(message, *args)


class UserError(AirflowException):
    """What you asked for cannot be done. Check the command and its arguments.

    Raised for a mistake that the user can mend: `cli` prints the message on one line, without a
    traceback, and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(UserError):
    """The words of the command line do not make a command. See `airflow-lite --help`."""

    exit_code = 2


class ConfigError(UserError):
    """The configuration is not usable. Check airflow_lite.cfg and AIRFLOW_LITE__* variables."""


class TestingExtraMissingError(UserError):
    """The conformance kit is not installed. Run `pip install 'airflow-lite[testing]'`."""

    __test__ = False


class InvalidIdError(UserError):
    """An id has a character that is not allowed. Use letters, digits, `_`, `.` and `-`."""


class DagNotFound(UserError):
    """There is no such DAG. List the known ones with `airflow-lite dags list`."""


class TaskNotFound(UserError):
    """There is no such task. List a DAG's tasks with `airflow-lite tasks list DAG`."""


class DagRunNotFound(UserError):
    """There is no such DAG run. List a DAG's runs with `airflow-lite dags list-runs -d DAG`."""


class DagRunAlreadyExists(UserError):
    """A run of this DAG has this run id or logical date already. Choose another."""


class DatasetNotFound(UserError):
    """There is no such dataset. List the datasets with `airflow-lite datasets list`."""


class PoolNotFound(UserError):
    """There is no such pool. List the pools with `airflow-lite pools list`."""


class StoreError(UserError):
    """The metadata database cannot be used. Check `[database] sql_alchemy_conn`."""


class StoreOutOfReachError(StoreError):
    """The server of the metadata database takes no connection now. Start it, or wait for it."""


class UnknownExecutorError(UserError):
    """There is no such executor. List the installed ones with `airflow-lite plugins list`."""


class AirflowDagException(AirflowException):
    """The DAG is not valid. Mend its file."""


class AirflowTimetableInvalid(AirflowDagException):
    """A timetable's arguments are not valid. Mend them in the DAG's file."""


class AirflowDagCycleException(AirflowDagException):
    """The tasks of a DAG form a cycle. Take out one of the edges."""


class DuplicateTaskIdFound(AirflowDagException):
    """Two tasks of a DAG have one id. Rename one of them."""


class ParamValidationError(AirflowDagException):
    """A param has a value that its schema does not allow. Change the value or the schema."""


class AirflowSkipException(AirflowException):
    """The task asked to be skipped."""


class AirflowFailException(AirflowException):
    """The task asked to fail without a further try."""


class AirflowSensorTimeout(AirflowException):
    """The sensor's condition was not met within its timeout."""


class AirflowNotFoundException(AirflowException):
    """What was asked for is not there. Check its name."""


class AirflowTaskTimeout(BaseException):
    """The task ran longer than its execution_timeout.

    A BaseException as in Airflow, so that a task's `except Exception` does not swallow it.
    """


class AirflowTaskTerminated(BaseException):
    """The task was told to stop (SIGTERM): cleared, marked, timed out or shut down."""


class AirflowRescheduleException(AirflowException):
    """The sensor is to be looked at again at `reschedule_date`.

    Raised by sensors in reschedule mode; never shown to the user.
    """

    def __init__(self, reschedule_date: datetime) -> None:
        from datetime import datetime

        if not isinstance(reschedule_date, datetime):
            kind = type(reschedule_date).__name__
            raise TypeError(f"AirflowRescheduleException takes a datetime, not a {kind}.")
        super().__init__(f"reschedule at {reschedule_date.isoformat()}")
        self.reschedule_date = reschedule_date


class TaskDeferred(BaseException):
    """The task waits without a process: for `trigger`, whose event `method_name` is called with.

    Raised by `BaseOperator.defer`; a BaseException as in Airflow, so that a task's
    `except Exception` does not swallow it. `kwargs` are for the method, `timeout` is a timedelta.
    """

    def __init__(
        self,
        *,
        trigger: Any,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        super().__init__()
        self.trigger = trigger
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout
        if timeout is not None and not hasattr(timeout, "total_seconds"):
            raise ValueError("Timeout value must be a timedelta")

    def __repr__(self) -> str:
        return f"<TaskDeferred trigger={self.trigger} method={self.method_name}>"


class TaskDeferralError(AirflowException):
    """What a deferred task waited for failed: its trigger, or the time for it."""


class TaskDeferralTimeout(TaskDeferralError):
    """What a deferred task waited for did not come in time."""


class XComSizeError(AirflowException):
    """The XCom is larger than `[core] max_xcom_size`. Keep the data elsewhere; push its address."""


class XComNotFound(AirflowException):
    """The task has pushed no XCom of that key. Check the key."""


class XComForMappingNotPushed(AirflowException):
    """A task that others are mapped over returned nothing. Return a list or dict."""


class UnmappableXComTypePushed(AirflowException):
    """A task that others are mapped over returned something else than a list or dict."""


class UnmappableXComLengthPushed(AirflowException):
    """A result that others are mapped over is longer than `[core] max_map_length`."""


class XComTypeError(AirflowException):
    """The XCom cannot be written as JSON. Return strings, numbers, dates, lists, sets or dicts."""


class AttemptRefused(AirflowException):
    """The executor cannot run this attempt as it was asked to.

    Raised by `BaseExecutor.execute_async` (bad `executor_config`, unknown queue): ends the try as
    failed with the message as its reason.
    """
