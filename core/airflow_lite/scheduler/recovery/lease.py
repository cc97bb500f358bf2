"""Who schedules: the job row with its lease, and on SQLite the lock that lets no other in."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.clock import iso
from airflow_lite.errors import UserError
from airflow_lite.private_files import open_private
from airflow_lite.processes.proc import process_space, process_start
from airflow_lite.store import faults, jobs, ownership
from airflow_lite.store.engine import Store, write_log_back
from airflow_lite.store.files import StoreFiles
from airflow_lite.store.jobs import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import sqlalchemy as sa

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config

logger = logging.getLogger(__name__)

LOCK_SUFFIX = ".scheduler.lock"


class SchedulerRunsAlready(UserError):
    """Another scheduler uses this home. Stop it, or set AIRFLOW_LITE_HOME to another folder."""


@dataclass(frozen=True)
class FencedStore(Store):
    """A store to which a job writes only while it is running: `LeaseLost` is raised else."""

    job_id: int

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Give a transaction during which nobody takes the lease."""
        with super().begin() as connection:
            self._hold(connection)
            yield connection

    @contextmanager
    def begin_queueing(self, pools: Collection[str]) -> Iterator[sa.Connection]:
        """Give a transaction during which nobody takes the lease, nor slots of these pools."""
        with super().begin_queueing(pools) as connection:
            self._hold(connection, pools)
            yield connection

    def _hold(self, connection: sa.Connection, pools: Collection[str] = ()) -> None:
        if not jobs.hold(connection, self.job_id, pools):
            raise LeaseLost


class StoreTaken(UserError):
    """The metadata database was taken away from this scheduler. Start it again."""


class SchedulerLock:
    """A lock on a file, free again whichever way its process ends.

    Held by `flock` on a descriptor that no child keeps: not past an exec, and closed after a fork.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _let_go(reference))

    def take(self, note: dict[str, object]) -> None:
        """Take the lock and leave `note` for who is refused; raise `SchedulerRunsAlready`."""
        descriptor = open_private(self.path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = _refusal(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise SchedulerRunsAlready(message) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, as another may be waiting to open it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _let_go(reference: weakref.ref[SchedulerLock]) -> None:
    lock = reference()
    if lock is not None:
        lock.release()


def _refusal(note: bytes) -> str:
    try:
        holder = json.loads(note)
        who = f"pid {holder['pid']} on {holder['hostname']}, started {holder['since']}"
    except (ValueError, KeyError, TypeError):
        who = "its pid is not known yet"
    return (
        f"Another scheduler uses this database: {who}."
        " Stop it, or set AIRFLOW_LITE_HOME to another folder."
    )


@dataclass
class Ownership:
    """A running job, and on SQLite the lock that proves that no other scheduler runs."""

    store: Store
    clock: Clock
    job_id: int
    lock: SchedulerLock | None = None
    _files: StoreFiles | None = None

    @classmethod
    def take(
        cls, config: Config, store: Store, clock: Clock, *, kind: str, executor: str
    ) -> Ownership:
        """Begin a job of `kind`: scheduler, dags_test; raise `SchedulerRunsAlready`."""
        lock = _take_lock(config, store, clock) if kind == "scheduler" else None
        try:
            with store.begin() as connection:
                job_id = jobs.start_job(
                    connection,
                    kind=kind,
                    hostname=config.hostname,
                    pid=os.getpid(),
                    boot_id=process_space(),
                    process_start=process_start(os.getpid()),
                    executor=executor,
                    now_us=clock.now_us(),
                )
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return cls(store, clock, job_id, lock, StoreFiles(store))

    def check_file(self) -> None:
        """Raise `StoreTaken` if a file of the database is another by now, or none.

        The connections that are open would go on with what nobody else sees.
        """
        if self._files is None:
            return
        try:
            fault = self._files.fault()
        except OSError:
            return  # an outage
        if fault is not None:
            saved = self._save(self._files)
            raise StoreTaken(
                f"{fault} while this scheduler used it.{saved} Start the scheduler again."
            )

    def _save(self, files: StoreFiles) -> str:
        """Write back what a removed log holds, unless others began anew; say what is lost."""
        if not files.is_intact:
            return ""
        if files.is_begun_anew():
            return " What was written since is lost."
        try:
            write_log_back(self.store)
            self.store.close()  # the log without a name
        except Exception as error:
            if not faults.is_database_error(error):
                raise
            return f" What was written since is lost: {faults.cause_of(error)}."
        return ""

    @property
    def fenced_store(self) -> Store:
        """The store, for writes of who holds the lease; on SQLite nobody else can take it."""
        return self.store if self.store.is_sqlite else FencedStore(self.store.engine, self.job_id)

    def renew(self, **columns: object) -> None:
        """Renew the lease; raise `LeaseLost` if another job ended this one, and `StoreTaken`.

        `columns` are what else the job's row is to say; see `jobs.beat`.
        """
        self.check_file()
        with self.store.begin() as connection:
            if not jobs.beat(connection, self.job_id, **columns):
                raise LeaseLost

    def end(self, *, state: str) -> None:
        """Record how the job ended, if the database can be used, and let the next one in."""
        try:
            with self.store.begin() as connection:
                jobs.end_jobs(connection, [self.job_id], state=state, now_us=self.clock.now_us())
                if not self.store.is_sqlite:
                    ownership.release_dags(connection, self.job_id)
        except Exception as error:
            if not faults.is_database_error(error):
                raise
            logger.warning(
                "the end of this job is not recorded: %s; the next scheduler does it",
                faults.cause_of(error),
            )
        finally:
            if self.lock is not None:
                self.lock.release()


def _take_lock(config: Config, store: Store, clock: Clock) -> SchedulerLock | None:
    path = store.engine.url.database
    if not store.is_sqlite or not path:
        return None
    lock = SchedulerLock(Path(path + LOCK_SUFFIX))
    since = iso(clock.now_us() // 1_000_000 * 1_000_000)
    lock.take({"pid": os.getpid(), "hostname": config.hostname, "since": since})
    return lock
