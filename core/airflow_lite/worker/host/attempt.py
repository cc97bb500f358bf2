"""One attempt as the task host keeps it, and what its end makes of its row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S, seconds_us
from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.locations import path_of
from airflow_lite.spec.model import TaskSpec
from airflow_lite.spec.retry import after_failure
from airflow_lite.states import TaskInstanceState
from airflow_lite.store.attempts import LOG_CUT, Claim, Ended
from airflow_lite.store.dataset_events import DatasetChange
from airflow_lite.worker.messages import CALLBACK_OF, AttemptRequest, Outcome, RetryPolicy

if TYPE_CHECKING:
    from airflow_lite.keys import RunCommand, TaskInstanceKey
    from airflow_lite.processes.timers import Timer
    from airflow_lite.store.queued import Queued
    from airflow_lite.worker.host.task_line import TaskLine
    from airflow_lite.worker.host.zygote_pool import ZygoteHandle
    from airflow_lite.worker.messages import ZygoteMessage
    from airflow_lite.worker.settings import HostSettings
    from airflow_lite.worker.task_log.pipe import LogPipe


_NO_PICKLE = (
    "DAG {!r} is not pickled, and where [core] donot_pickle is False no task is run from a file."
    " The scheduler's log says why it is not. Mend that, or make donot_pickle True."
)


class Phase(Enum):
    """How far an attempt has come."""

    NEW = auto()  # its row is not looked up yet
    WAITING = auto()  # for its file to be parsed
    CLAIMING = auto()  # the claim goes into the next commit
    CLAIMED = auto()  # its process may begin
    RUNNING = auto()
    CALLING_BACK = auto()  # its outcome is known, its callbacks run
    ENDING = auto()  # its end goes into the next commit


@dataclass(eq=False)
class Attempt:
    """One attempt, from the command to the end of it."""

    command: RunCommand
    phase: Phase = Phase.NEW
    row: Queued | None = None
    path: str = ""
    zygote: ZygoteHandle | None = None
    line: TaskLine | None = None
    log_pipe: LogPipe | None = None
    pid: int | None = None
    policy: RetryPolicy | None = None
    outcome: Outcome | None = None
    error: str | None = None  # why its code cannot be run
    stop_reason: str | None = None
    log_error: str | None = None  # why its log is not whole
    refusal: str | None = None  # why the database does not take what it gave
    is_second_parse: bool = False
    is_handed_over: bool = False  # its process is forked, and waits for the claim
    held: list[tuple[ZygoteHandle, ZygoteMessage]] = field(default_factory=list)  # said meanwhile
    is_announced: bool = False  # the scheduler knows that it runs
    timers: list[Timer] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    passed_s: float = 0.0  # of its execution_timeout, if it goes on after it was deferred

    @property
    def key(self) -> TaskInstanceKey:
        """Its key."""
        return self.command.key

    @property
    def token(self) -> str:
        """Its token."""
        return self.command.key.attempt

    @property
    def queued(self) -> Queued:
        """Its row, once that is looked up."""
        assert self.row is not None  # from WAITING on
        return self.row

    @property
    def is_claimed(self) -> bool:
        """Whether its row is this host's."""
        return self.phase not in {Phase.NEW, Phase.WAITING, Phase.CLAIMING}

    def locate(self, folder: str, *, needs_pickle: bool = False) -> None:
        """Note the file to run from, or the name of the pickled DAG that is run instead.

        Who wrote the command may name any file, the store's row only one of the DAG folder.
        Raises `AirflowDagException`.
        """
        dag_id = self.key.dag_id
        if self.command.pickle_id is not None:
            self.path = f"pickled DAG {self.command.pickle_id}"
        elif self.command.subdir:
            self.path = self.command.subdir
        elif needs_pickle:
            raise AirflowDagException(_NO_PICKLE.format(dag_id))
        else:
            self.path = path_of(dag_id, self.queued.fileloc, folder)

    def claim(self) -> Claim:
        """Return what claims it."""
        row, key = self.queued, self.key
        first_of_try = row.try_started_us is None and row.try_number > 1
        owner = (row.run.id, key.task_id, key.map_index) if first_of_try else None
        return Claim(row.id, self.token, row.try_number, row.queued_us or 0, first_of_try, owner)

    def request(self, settings: HostSettings, now_us: int) -> AttemptRequest:
        """Return the request that its child gets."""
        row = self.queued
        start_us = now_us if row.next_method is None else row.try_started_us or now_us
        self.passed_s = max(now_us - start_us, 0) / US_PER_S
        return AttemptRequest(
            key=self.key._replace(try_number=row.try_number),
            run=row.run.fields(),
            max_tries=row.max_tries,
            start_us=start_us,
            try_started_us=row.try_started_us or now_us,
            queued_us=row.queued_us,
            pool=row.pool,
            pool_slots=row.pool_slots,
            queue=row.queue,
            priority_weight=row.priority_weight,
            hostname=settings.hostname,
            max_xcom_bytes=settings.max_xcom_bytes,
            max_log_bytes=settings.max_log_bytes,
            log_level=settings.log_level,
            notices=self.notices,
            reschedules_sensors=settings.reschedules_sensors,
            next_method=row.next_method,
            next_kwargs=row.next_kwargs,
            passed_s=self.passed_s,
        )

    def ended(self, outcome: Outcome, now_us: int, max_retry_delay_s: float) -> Ended:
        """Return what its end writes."""
        policy = self.policy or RetryPolicy()
        state, next_at_us = _verdict(
            outcome, self.key, self.queued, policy, now_us, max_retry_delay_s
        )
        callback = None if outcome.is_reported else CALLBACK_OF.get(state)
        decision = outcome.skip_decision
        return Ended(
            self.queued.id,
            self.token,
            state,
            outcome.state,
            _cause(outcome.cause, self.log_error or outcome.log_error),
            now_us,
            next_at_us,
            json.dumps(decision) if decision is not None else None,
            outcome.map_length,
            outcome.rendered_map_index,
            outcome.exit_code,
            outcome.max_rss_kb,
            outcome.cpu_us,
            callback if callback in policy.callbacks else None,
            tuple(self._change(*made) for made in outcome.changes or ()),
            outcome.trigger_spec,
            outcome.next_method,
            outcome.next_kwargs,
        )

    def _change(self, uri: str, extra: str, aliases: list[str]) -> DatasetChange:
        key = self.key
        place = key.dag_id, key.task_id, key.run_id, key.map_index
        return DatasetChange(uri, extra, tuple(aliases), *place)


def _cause(cause: str | None, log_error: str | None) -> str | None:
    if log_error is None:
        return cause
    cut = f"{LOG_CUT}: {log_error}"
    return f"{cause}; {cut}" if cause else cut


def _verdict(
    outcome: Outcome,
    key: TaskInstanceKey,
    row: Queued,
    policy: RetryPolicy,
    now_us: int,
    max_delay_s: float,
) -> tuple[str, int | None]:
    if outcome.state != TaskInstanceState.FAILED:
        return outcome.state, outcome.next_at_us
    verdict = after_failure(
        task_spec(key.task_id, policy),
        key=key._replace(try_number=row.try_number),
        logical_us=row.run.logical_us,
        max_tries=row.max_tries,
        force_fail=outcome.force_fail,
        max_delay_s=max_delay_s,
    )
    if verdict.state != TaskInstanceState.UP_FOR_RETRY:
        return str(verdict.state), None
    return str(verdict.state), now_us + seconds_us(verdict.delay_s)


def task_spec(task_id: str, policy: RetryPolicy) -> TaskSpec:
    """Return the part of a task that `after_failure` reads."""
    return TaskSpec(
        task_id,
        retries=policy.retries,
        retry_delay_s=policy.retry_delay_s,
        retry_exponential_backoff=policy.retry_exponential_backoff,
        max_retry_delay_s=policy.max_retry_delay_s,
    )
