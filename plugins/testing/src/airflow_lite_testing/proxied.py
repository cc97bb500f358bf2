"""What engines share that the executor reaches by TCP: a proxy to cut, and programs with a log."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite_testing.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that a program has to start or to end, and between two looks.
DEADLINE_S, _POLL_S = 40.0, 0.05


class ProxiedEngine:
    """An engine behind a `Proxy`; its workers do not use that: they go on when it is cut."""

    _proxy: Proxy | None = None

    def open_proxy(self, target: int) -> int:
        """Open the proxy before a port of this machine; return its own port."""
        self._proxy = Proxy(target)
        return self._proxy.port

    def close_proxy(self) -> None:
        """Close the proxy, if it was opened."""
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            proxy.close()

    def cut(self) -> None:
        """Close the proxy, and the connections on it."""
        self._require_proxy().cut()

    def stall(self) -> None:
        """Have the proxy take whatever comes, and pass nothing on."""
        self._require_proxy().stall()

    def restore(self) -> None:
        """Open the proxy again."""
        self._require_proxy().open()

    def _require_proxy(self) -> Proxy:
        assert self._proxy is not None  # it was started
        return self._proxy


class ProgramEngine(ProxiedEngine):
    """The same, made of commands of `airflow-lite`, whose output is in one log."""

    def __init__(self) -> None:
        self.environ: dict[str, str] = {}
        self.log = Path(tempfile.mkdtemp(prefix="airflow-lite-engine-")) / "engine.log"
        self._programs: list[subprocess.Popen[bytes]] = []

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command of `airflow-lite`."""
        self.log.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "airflow_lite", *words]
        with self.log.open("ab") as log:
            program = subprocess.Popen(
                command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._programs.append(program)
        return program

    def stop(self) -> None:
        """End the programs, the last one first; close the proxy and remove the log."""
        for program in reversed(self._programs):
            program.terminate()
        for program in self._programs:
            try:
                program.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self._programs.clear()
        self.close_proxy()
        with suppress(OSError):
            self.log.unlink()
            self.log.parent.rmdir()

    def wait_for(self, condition: Callable[[], bool], subject: str) -> None:
        """Wait until something is so; fail with the end of the log if that takes too long."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, (
                f"waited {DEADLINE_S:g} s for {subject}:\n{self.log.read_text()[-3000:]}"
            )
            time.sleep(_POLL_S)
