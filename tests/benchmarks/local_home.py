"""A home with one DAG file, and a scheduler with LocalExecutor on it: what it costs, by role."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_lite.config import Config
from airflow_lite.store.engine import open_store
from benchmarks import databases, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

#: A part of the command line -> what the process is.
ROLES = (
    ("triggerer.runner", "triggers"),
    ("worker.host.main", "task host"),
    ("airflow_lite --executor", "scheduler"),
)


class Home:
    """A home with a DAG file; its scheduler is there for as long as the context lasts."""

    def __init__(self, folder: Path, settings: dict[str, str], dag_file: str) -> None:
        self.folder = folder
        self.environ = {**os.environ, **settings, "AIRFLOW_LITE_HOME": str(folder)}
        (folder / "dags").mkdir(parents=True)
        (folder / "dags" / "bench.py").write_text(dag_file)
        self.scheduler_pid = 0

    @contextmanager
    def scheduler(self) -> Iterator[None]:
        words = [sys.executable, "-m", "airflow_lite", "--executor", "LocalExecutor", "scheduler"]
        with (self.folder / "scheduler.log").open("wb") as log:
            scheduler = subprocess.Popen(words, env=self.environ, stdout=log, stderr=log)
            self.scheduler_pid = scheduler.pid
            try:
                yield
            finally:
                scheduler.send_signal(signal.SIGTERM)
                scheduler.wait(60)

    def trigger(self, dag_id: str) -> None:
        """Make a run; if there is no such DAG, its file is broken: the benchmark ends."""
        words = [sys.executable, "-m", "airflow_lite", "dags", "trigger", dag_id]
        done = subprocess.run(words, env=self.environ, check=False, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)

    def value(self, query: sa.Executable) -> Any:
        """Return the one value that a query gives."""
        with closing(open_store(Config.load(self.environ))) as store, store.read() as connection:
            return connection.execute(query).scalar_one()

    def wait_for(self, count: Callable[[], int], wanted: int, patience_s: float) -> None:
        """Wait until there are so many; end the benchmark if that never comes."""
        end = time.monotonic() + patience_s
        while (found := count()) < wanted:
            if time.monotonic() > end:
                log = (self.folder / "scheduler.log").read_text()
                sys.exit(f"{found} of {wanted} after {patience_s:g} s:\n{log[-2000:]}")
            time.sleep(0.5)

    def cpu_s(self) -> dict[str, float]:
        """Return the processor's seconds so far, by role."""
        return {role: s for role, s in turns.cpu_of(self.folder, ROLES).items() if role != "client"}


@contextmanager
def home_of(dag_file: str, database: str, **settings: str) -> Iterator[Home]:
    """Give a new home on a new database, gone at the end."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        databases.new_database(database) as address,
    ):
        yield Home(Path(folder) / "home", {**address, **settings}, dag_file)
