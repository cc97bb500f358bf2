"""What crosses between the process that runs triggers and the one that started it."""

from __future__ import annotations

from typing import NamedTuple

from airflow_lite.processes.packing import Kinds
from airflow_lite.worker.messages import Ask

#: What names a trigger: the row of the task instance that waits, and the attempt's token.
TriggerKey = tuple[int, str]


class RunnerOptions(NamedTuple):
    """What the process that runs triggers goes by, as its command line has it."""

    folder: str  # of DAG files: onto `sys.path`
    log_folder: str
    max_log_bytes: int
    max_payload_bytes: int
    log_level: str
    authoring: list[list[str]]  # each an `AuthoringHook`
    notice_s: float  # a trigger that blocks the others for so long is told
    most_blocked_s: float  # and for so long fails


class StartTrigger(NamedTuple):
    """Run a trigger: its class and arguments as JSON text, for the task instance of these ids."""

    row: int
    token: str
    spec: str
    of_task: tuple[str, str, str, int, int]  # DAG, task, run, try, map index

    @property
    def key(self) -> TriggerKey:
        """What names it."""
        return self.row, self.token


class StopTrigger(NamedTuple):
    """Run a trigger no more."""

    row: int
    token: str


class TriggerBegan(NamedTuple):
    """A trigger was made, and has taken its first step."""

    row: int
    token: str


class TriggerFired(NamedTuple):
    """What a trigger found, as JSON text."""

    row: int
    token: str
    payload: str


class TaskEnded(NamedTuple):
    """A trigger ended its task: the state, and XComs as JSON text."""

    row: int
    token: str
    state: str
    xcoms: dict[str, str]


class TriggerFailed(NamedTuple):
    """Why a trigger tells nothing more, as lines of a traceback or one line."""

    row: int
    token: str
    traceback: list[str]


RunnerOrder = StartTrigger | StopTrigger
RunnerReport = TriggerBegan | TriggerFired | TaskEnded | TriggerFailed

TO_RUNNER: Kinds[RunnerOrder] = Kinds(RunnerOrder)
FROM_RUNNER: Kinds[RunnerReport] = Kinds(RunnerReport, is_checked=True)
#: What its code asks the store, over a line of its own.
ASKED: Kinds[Ask] = Kinds(Ask, is_checked=True)
