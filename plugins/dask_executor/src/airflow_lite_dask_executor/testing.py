"""The engine of the conformance kit: a Dask scheduler, a worker, and a proxy that can be cut."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from airflow_lite_testing.proxied import ProgramEngine
from airflow_lite_testing.proxy import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

#: More than any case of the kit has in flight.
THREADS = 40


class DaskEngine(ProgramEngine):
    """Runs `airflow-lite dask scheduler` and `dask worker`, as `airflow_lite.testing.Engine` says.

    The executor reaches them through a proxy; the worker does not.
    """

    _port = 0

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Start the scheduler, the worker and the proxy; return once the worker takes tasks."""
        self.environ = {**os.environ, **environ, "AIRFLOW_LITE__CORE__EXECUTOR": "DaskExecutor"}
        self._port = free_port()
        self.run("dask", "scheduler", "--port", str(self._port))
        self.run("dask", "worker", f"{LOOPBACK}:{self._port}", "--nthreads", str(THREADS))
        self.wait_for(lambda: bool(self._workers()), "a Dask worker")
        return {"AIRFLOW_LITE__DASK__CLUSTER_ADDRESS": f"{LOOPBACK}:{self.open_proxy(self._port)}"}

    def kill_worker(self) -> None:
        """Kill the worker's process; its nanny starts another."""
        before = self._workers()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: bool(self._workers().keys() - before.keys()), "a new Dask worker")

    def _workers(self) -> dict[str, int]:
        """Return the process ids of the workers by their addresses."""
        from distributed import Client

        try:
            with Client(f"{LOOPBACK}:{self._port}", timeout=2, set_as_default=False) as client:
                pids: dict[str, int] = client.run(os.getpid, on_error="ignore")
        except OSError:
            return {}
        return pids
