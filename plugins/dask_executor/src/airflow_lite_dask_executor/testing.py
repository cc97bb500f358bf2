"""The engine of the conformance kit: a Dask scheduler, a worker, and a proxy that can be cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite_testing.proxy import LOOPBACK, Proxy, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: More than any case of the kit has in flight.
THREADS = 40
_DEADLINE_S = 40.0
_POLL_S = 0.05


class DaskEngine:
    """Runs `airflow-lite dask scheduler` and `dask worker`, as `airflow_lite.testing.Engine` says.

    The executor reaches them through a `Proxy`; the worker does not, so that it goes on when it is
    cut.
    """

    def __init__(self) -> None:
        self._environ: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port = 0
        self._proxy: Proxy | None = None
        self._log = Path(tempfile.mkdtemp(prefix="airflow-lite-dask-")) / "engine.log"

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Start the scheduler, the worker and the proxy; return once the worker takes tasks."""
        self._environ = {**os.environ, **environ, "AIRFLOW_LITE__CORE__EXECUTOR": "DaskExecutor"}
        self._log.parent.mkdir(exist_ok=True)
        self._port = free_port()
        self._run("scheduler", "--port", str(self._port))
        self._run("worker", f"{LOOPBACK}:{self._port}", "--nthreads", str(THREADS))
        self._wait(lambda: bool(self._workers()), "a Dask worker")
        self._proxy = Proxy(self._port)
        return {"AIRFLOW_LITE__DASK__CLUSTER_ADDRESS": f"{LOOPBACK}:{self._proxy.port}"}

    def stop(self) -> None:
        """Stop all of it."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        with suppress(OSError):
            self._log.unlink()
            self._log.parent.rmdir()

    def kill_worker(self) -> None:
        """Kill the worker's process; its nanny starts another."""
        before = self._workers()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        self._wait(lambda: bool(self._workers().keys() - before.keys()), "a new Dask worker")

    def cut(self) -> None:
        """Close the proxy, and the connections on it."""
        assert self._proxy is not None  # it was started
        self._proxy.cut()

    def stall(self) -> None:
        """Have the proxy take whatever comes, and pass nothing on."""
        assert self._proxy is not None  # it was started
        self._proxy.stall()

    def restore(self) -> None:
        """Open the proxy again."""
        assert self._proxy is not None  # it was started
        self._proxy.open()

    def _run(self, *words: str) -> None:
        program = [sys.executable, "-m", "airflow_lite", "dask", *words]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                program, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)

    def _workers(self) -> dict[str, int]:
        """Return the process ids of the workers by their addresses."""
        from distributed import Client

        try:
            with Client(f"{LOOPBACK}:{self._port}", timeout=2, set_as_default=False) as client:
                pids: dict[str, int] = client.run(os.getpid, on_error="ignore")
        except OSError:
            return {}
        return pids

    def _wait(self, condition: Callable[[], bool], subject: str) -> None:
        end = time.monotonic() + _DEADLINE_S
        while not condition():
            assert time.monotonic() < end, (
                f"waited {_DEADLINE_S:g} s for {subject}:\n{self._log.read_text()[-3000:]}"
            )
            time.sleep(_POLL_S)
