"""Engines of the conformance kit: a Celery worker, and a proxy before the broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_lite_testing.proxy import LOOPBACK, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: More than any case of the kit has in flight.
SLOTS = 40
_DEADLINE_S = 40.0
_POLL_S = 0.05
_SECTION = "AIRFLOW_LITE__CELERY__"


class RedisEngine:
    """Runs `airflow-lite celery worker`, as `airflow_lite.testing.Engine` says.

    The broker must be there, on loopback: its URL is in a variable. The executor reaches it
    through a `Proxy`; the worker does not, so that it goes on when that is cut.
    """

    variable = "REDIS_URL"
    default_url = "redis://127.0.0.1:6379/0"

    def __init__(self) -> None:
        self._environ: dict[str, str] = {}
        self._worker: subprocess.Popen[bytes] | None = None
        self._proxy: Proxy | None = None
        self._log = Path(tempfile.mkdtemp(prefix="airflow-lite-celery-")) / "engine.log"
        self._name = f"kit-{uuid.uuid4().hex[:12]}"

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Start the worker and the proxy; return once the worker takes tasks."""
        url = os.environ.get(self.variable, self.default_url)
        shared = self.settings()
        self._environ = {
            **os.environ,
            **environ,
            **shared,
            f"{_SECTION}BROKER_URL": url,
            "AIRFLOW_LITE__CORE__EXECUTOR": "CeleryExecutor",
        }
        self._log.parent.mkdir(exist_ok=True)
        self._run()
        parts = urlsplit(url)
        self._proxy = Proxy(parts.port or 0)
        user = parts.netloc.rpartition("@")[0]
        netloc = (
            f"{user}@{LOOPBACK}:{self._proxy.port}" if user else f"{LOOPBACK}:{self._proxy.port}"
        )
        return {f"{_SECTION}BROKER_URL": parts._replace(netloc=netloc).geturl(), **shared}

    def settings(self) -> dict[str, str]:
        """Return the settings by which nobody else gets this engine's messages."""
        return {
            f"{_SECTION}GLOBAL_KEYPREFIX": f"{self._name}:",
            f"{_SECTION}OPERATION_TIMEOUT": "2",
            f"{_SECTION}MESSAGE_SECRET_KEY": self._name * 2,
        }

    def stop(self) -> None:
        """Stop the worker, and remove what is left at the broker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.terminate()
            try:
                worker.wait(_DEADLINE_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        self.clean(os.environ.get(self.variable, self.default_url))
        with suppress(OSError):
            self._log.unlink()
            self._log.parent.rmdir()

    def clean(self, url: str) -> None:
        """Remove the keys of this engine."""
        import redis

        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"{self._name}:*"):
                client.delete(key)

    def kill_worker(self) -> None:
        """Kill the worker, and start another; its task host finishes what runs."""
        assert self._worker is not None  # it was started
        os.kill(self._worker.pid, signal.SIGKILL)
        self._worker.wait()
        self._run()

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

    def _run(self) -> None:
        words = ("worker", "--concurrency", str(SLOTS), "--skip-serve-logs")
        program = [sys.executable, "-m", "airflow_lite", "celery", *words]
        before = self._count_ready()
        with self._log.open("ab") as log:
            self._worker = subprocess.Popen(
                program, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait(lambda: self._count_ready() > before, "a Celery worker")

    def _count_ready(self) -> int:
        try:
            return self._log.read_text(errors="replace").count("takes tasks from")
        except OSError:
            return 0

    def _wait(self, condition: Callable[[], bool], subject: str) -> None:
        end = time.monotonic() + _DEADLINE_S
        while not condition():
            assert time.monotonic() < end, (
                f"waited {_DEADLINE_S:g} s for {subject}:\n{self._log.read_text()[-3000:]}"
            )
            time.sleep(_POLL_S)


class RabbitmqEngine(RedisEngine):
    """The same with RabbitMQ: a server, or a virtual host, that nobody else uses."""

    variable = "RABBITMQ_URL"
    default_url = "amqp://guest:guest@127.0.0.1:5672//"

    def settings(self) -> dict[str, str]:
        """Return the settings that executor and worker share."""
        shared = super().settings()
        del shared[f"{_SECTION}GLOBAL_KEYPREFIX"]
        return shared

    def clean(self, url: str) -> None:
        """Leave the broker to whoever started it."""
