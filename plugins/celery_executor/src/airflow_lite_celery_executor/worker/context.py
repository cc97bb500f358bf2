"""What the parts of a worker share: the pool, the consumer and the commands of remote control."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_lite.worker import AttemptLines

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite_celery_executor.worker.liveness import LivenessFile
    from airflow_lite_celery_executor.worker.reporter import Reporter

#: Where the Celery application holds it: Celery makes pool and consumer by itself, and hands
#: them nothing else.
_ATTRIBUTE = "airflow_lite"


@dataclass
class WorkerContext:
    """One worker's settings and state."""

    config: Config
    key: bytes
    reporter: Reporter
    liveness: LivenessFile
    memory: AttemptLines = field(default_factory=AttemptLines)
    #: So many messages have come, and so many of them were refused.
    received: int = 0
    refused: int = 0
    #: Why no attempt can be claimed here now; None: they can.
    fault: str | None = None

    def put(self, app: Any) -> None:
        """Have `context_of` find it."""
        setattr(app, _ATTRIBUTE, self)


def context_of(app: Any) -> WorkerContext:
    """Return the context of a worker's application."""
    context: WorkerContext = getattr(app, _ATTRIBUTE)
    return context
