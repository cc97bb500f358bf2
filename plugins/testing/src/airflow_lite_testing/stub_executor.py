"""An executor without an engine: it claims attempts and records outcomes in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.clock import seconds_us
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.clock import Clock
    from airflow_lite.store.attempts import Ended, Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.store.queued import Queued


class StubExecutor(BaseExecutor):
    """Runs no code: each attempt is claimed, and ends as `outcome` says.

    `outcome` maps the key of an attempt to the state it ends in; None lets it run on until
    `finish` is called. `claims` is whether attempts are claimed at all. Everything that one
    heartbeat brings is claimed in one transaction and recorded in another, as a task host does.
    """

    is_local = True
    #: What the rows of its attempts say of their end.
    cause = "stub"

    def __init__(
        self,
        parallelism: int | None = None,
        *,
        clock: Clock | None = None,
        outcome: Callable[[TaskInstanceKey], TaskInstanceState | None] | None = None,
        claims: bool = True,
    ) -> None:
        super().__init__(parallelism, clock=clock)
        self.outcome = outcome or (lambda _: TaskInstanceState.SUCCESS)
        self.claims = claims
        self.store: Store | None = None
        #: Every attempt that was executed, in order.
        self.executed: list[TaskInstanceKey] = []
        #: Task id -> the length of its result, for tasks that are mapped over it.
        self.map_lengths: dict[str, int] = {}
        self.revoked: list[TaskInstanceKey] = []
        self.started = self.ended = self.terminated = False
        self._pending: list[TaskInstanceKey] = []
        self._claimed: dict[TaskInstanceKey, Queued] = {}

    @property
    def supervisor_id(self) -> str | None:
        """What its claims are signed with; None before the first."""
        return None if self._supervisor is None else self._supervisor.id

    _supervisor: Supervisor | None = None

    def start(self) -> None:
        """Open the store."""
        from airflow_lite.store.engine import open_store

        self.started = True
        self.store = self.store or open_store(self.config)

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Take the attempt; it is claimed by the next `sync`."""
        self.executed.append(key)
        self._pending.append(key)

    def sync(self) -> None:
        """Claim what is new, record what is decided."""
        if not self.claims:
            return
        pending, self._pending = self._pending, []
        if pending:
            self._claim(pending)
        over = {key: state for key in self._claimed if (state := self.outcome(key)) is not None}
        if over:
            self.finish(over)

    def _claim(self, keys: Sequence[TaskInstanceKey]) -> None:
        from airflow_lite.store import attempts, queued

        assert self.store is not None
        now_us = self.clock.now_us()
        with self.store.begin() as connection:
            supervisor = self._signed(connection)
            rows = queued.find(connection, keys)
            waiting = {key: rows[key.primary] for key in keys if key.primary in rows}
            claims = [
                attempts.Claim(row.id, key.attempt, key.try_number, row.queued_us or now_us)
                for key, row in waiting.items()
            ]
            mine = attempts.claim(connection, claims, supervisor, now_us) if claims else set()
        for key in keys:
            if key.attempt in mine:
                self._claimed[key] = waiting[key]
            else:
                self.success(key)  # not mine: superseded or claimed already

    def _signed(self, connection: Any) -> Supervisor:
        import os
        import socket

        from airflow_lite.store import attempts

        if self._supervisor is None:
            self._supervisor = attempts.Supervisor(
                uuid4().hex, "stub", socket.gethostname(), "", os.getpid(), None, self.job_id
            )
            attempts.register(connection, self._supervisor, self.clock.now_us())
        return self._supervisor

    def finish(self, states: dict[TaskInstanceKey, TaskInstanceState]) -> None:
        """Record how claimed attempts ended, and report them."""
        from airflow_lite.store import attempts

        assert self.store is not None
        assert self._supervisor is not None
        with self.store.begin() as connection:
            ended = [
                self._end(connection, key, self._claimed.pop(key), state)
                for key, state in states.items()
            ]
            attempts.end(connection, ended, self._supervisor)
        for key in states:
            self.success(key)

    def _end(
        self, connection: Any, key: TaskInstanceKey, row: Queued, state: TaskInstanceState
    ) -> Ended:
        from airflow_lite.store.attempts import Ended

        now_us = self.clock.now_us()
        next_at_us = None
        outcome = state
        if state == TaskInstanceState.FAILED:
            state, next_at_us = self._after_failure(connection, key, row)
        length = self.map_lengths.get(key.task_id) if outcome == TaskInstanceState.SUCCESS else None
        return Ended(
            row.id,
            key.attempt,
            state,
            outcome,
            self.cause,
            now_us,
            next_at_us,
            map_length=length,
        )

    def _after_failure(
        self, connection: Any, key: TaskInstanceKey, row: Queued
    ) -> tuple[TaskInstanceState, int | None]:
        from airflow_lite.spec.retry import after_failure
        from airflow_lite.store import dags

        latest = dags.latest_spec(connection, key.dag_id)
        task = latest[1].tasks.get(key.task_id) if latest is not None else None
        if task is None:
            return TaskInstanceState.FAILED, None
        verdict = after_failure(
            task,
            key=key,
            logical_us=row.run.logical_us,
            max_tries=row.max_tries,
            force_fail=False,
            max_delay_s=self.config.getfloat("core", "max_task_retry_delay"),
        )
        delayed = verdict.state == TaskInstanceState.UP_FOR_RETRY
        at_us = self.clock.now_us() + seconds_us(verdict.delay_s)
        return verdict.state, at_us if delayed else None

    def beat(self) -> None:
        """Say that the supervisor of the claims lives, as a task host does every few seconds."""
        from airflow_lite.store import attempts

        assert self.store is not None
        if self._supervisor is not None:
            with self.store.begin() as connection:
                attempts.beat(connection, self._supervisor.id, self.clock.now_us())

    def die(self, cause: str = "killed by a test") -> None:
        """Let the supervisor of the claims die: its death is recorded, and nothing after it."""
        from airflow_lite.store import attempts

        assert self.store is not None
        if self._supervisor is not None:
            with self.store.begin() as connection:
                attempts.end_supervisor(connection, self._supervisor.id, self.clock.now_us(), cause)
        self._claimed.clear()
        self._supervisor = None

    def revoke_task(self, *, ti: Any) -> None:
        """Forget the attempt, and note the call in `revoked`."""
        self.revoked.append(ti.key)
        self._pending = [key for key in self._pending if key != ti.key]

    def end(self) -> None:
        """Note that it was called; nothing of its own runs."""
        self.ended = True

    def terminate(self) -> None:
        """Note that it was called."""
        self.terminated = True
