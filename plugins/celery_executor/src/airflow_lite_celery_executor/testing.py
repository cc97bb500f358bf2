"""Engines of the conformance kit: a Celery worker, and a proxy before the broker."""

from __future__ import annotations

import os
import signal
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_lite_testing.proxied import ProgramEngine
from airflow_lite_testing.proxy import LOOPBACK

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

#: More than any case of the kit has in flight.
SLOTS = 40
_SECTION = "AIRFLOW_LITE__CELERY__"


class RedisEngine(ProgramEngine):
    """Runs `airflow-lite celery worker`, as `airflow_lite.testing.Engine` says.

    The broker must be there, on loopback: its URL is in a variable. The executor reaches it
    through a proxy; the worker does not.
    """

    variable = "REDIS_URL"
    default_url = "redis://127.0.0.1:6379/0"

    def __init__(self) -> None:
        super().__init__()
        self._worker: subprocess.Popen[bytes] | None = None
        self._name = f"kit-{uuid.uuid4().hex[:12]}"

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Start the worker and the proxy; return once the worker takes tasks."""
        url = os.environ.get(self.variable, self.default_url)
        shared = self.settings()
        self.environ = {
            **os.environ,
            **environ,
            **shared,
            f"{_SECTION}BROKER_URL": url,
            "AIRFLOW_LITE__CORE__EXECUTOR": "CeleryExecutor",
        }
        self._run()
        parts = urlsplit(url)
        user = parts.netloc.rpartition("@")[0]
        address = f"{LOOPBACK}:{self.open_proxy(parts.port or 0)}"
        netloc = f"{user}@{address}" if user else address
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
        super().stop()
        self.clean(os.environ.get(self.variable, self.default_url))

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

    def _run(self) -> None:
        before = self._count_ready()
        self._worker = self.run(
            "celery", "worker", "--concurrency", str(SLOTS), "--skip-serve-logs"
        )
        self.wait_for(lambda: self._count_ready() > before, "a Celery worker")

    def _count_ready(self) -> int:
        try:
            return self.log.read_text(errors="replace").count("takes tasks from")
        except OSError:
            return 0


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
