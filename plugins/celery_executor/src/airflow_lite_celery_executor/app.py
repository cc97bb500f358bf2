"""The Celery application: the same settings for scheduler, workers and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_celery_executor.messages import TASK, fingerprint

if TYPE_CHECKING:
    from airflow_lite_celery_executor.settings import CelerySettings

#: The highest priority that queues have.
TOP_PRIORITY = 9
#: The type of RabbitMQ's replicated queues.
QUORUM = "quorum"
#: Bytes of the longest name that a queue of RabbitMQ's may have.
_LONGEST_QUEUE = 255
_PACKAGE = "airflow_lite_celery_executor"
#: Seconds between RabbitMQ's heartbeats: a cut connection is noticed after two.
_HEARTBEAT_S = 10


class Names(NamedTuple):
    """What a home has at the broker beside its queues; homes that share a key share these."""

    control: str
    events: str
    hints: str
    refused: str

    @classmethod
    def of(cls, key: bytes) -> Names:
        """Return the names for a key."""
        prefix = f"airflow_lite.{fingerprint(key)}"
        return cls(*(f"{prefix}.{name}" for name in cls._fields))


def make_app(settings: CelerySettings, key: bytes) -> Any:
    """Return the application; it connects to nothing yet."""
    from celery import Celery

    app = Celery("airflow_lite", set_as_current=False, fixups=[])
    app.config_from_object(_options(settings, Names.of(key)))
    app.task(_never_called, name=TASK, ignore_result=True, acks_late=True, typing=False)
    return app


def broker_priority(weight: int, *, is_redis: bool) -> int:
    """Return the broker's priority for a task's weight: its length in bits, 9 at most.

    The highest is 9 with RabbitMQ, and 0 with Redis.
    """
    priority = min(max(weight, 0).bit_length(), TOP_PRIORITY)
    return TOP_PRIORITY - priority if is_redis else priority


def make_queue(app: Any, name: str) -> Any:
    """Return a queue as everybody declares it: RabbitMQ refuses two ways of one name."""
    from kombu import Exchange, Queue

    arguments: dict[str, int | str] = {"x-max-priority": TOP_PRIORITY}
    if app.conf.task_default_queue_type == QUORUM:  # those refuse priorities of their own
        arguments = {"x-queue-type": QUORUM}
    return Queue(name, Exchange(name), routing_key=name, queue_arguments=arguments)


def why_no_queue(name: str) -> str | None:
    """Return why a broker can have no queue of that name; None if it can."""
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_QUEUE:
        return f"RabbitMQ has none of more than {_LONGEST_QUEUE} bytes. Give it a shorter name"
    if name.startswith("amq."):
        return "names that begin with amq. are the broker's own. Give it another"
    if not name.isprintable():
        return "it has characters that cannot be printed. Leave them out"
    return None


def safe_url(app: Any) -> str:
    """Return the broker's URL without its password."""
    return str(app.connection_for_read().as_uri())


def _never_called(*_: Any) -> None:
    """Stand for the task: the pool hands its message to the task host instead."""
    raise RuntimeError("attempts are run by the task host beside a worker")


def _options(settings: CelerySettings, names: Names) -> dict[str, Any]:
    return {
        **_defaults(settings),
        **settings.extra,
        **_messages(),
        **_names(settings, names),
        "broker_transport_options": {
            **_transport(settings),
            **settings.extra.get("broker_transport_options", {}),
        },
    }


def _defaults(settings: CelerySettings) -> dict[str, Any]:
    """What [celery] says, and what serves us best; `celery_config_options` may change it."""
    options: dict[str, Any] = {
        "broker_url": settings.broker_url,
        "broker_connection_timeout": settings.operation_timeout_s,
        "broker_heartbeat": _HEARTBEAT_S,
        "timezone": "UTC",
        "task_default_queue_type": settings.queue_type,
        "worker_concurrency": settings.concurrency,
        "worker_prefetch_multiplier": settings.prefetch_multiplier,
        "worker_enable_remote_control": settings.has_remote_control,
        "worker_soft_shutdown_timeout": settings.soft_shutdown_timeout_s,
        "worker_redirect_stdouts": False,
    }
    if settings.ssl is not None:
        options["broker_use_ssl"] = settings.ssl.options(is_redis=settings.is_redis)
    return options


def _messages() -> dict[str, Any]:
    """What neither code nor configuration of users may change: safety rests on it."""
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "result_backend": None,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_compression": None,
        "worker_pool": f"{_PACKAGE}.worker.pool:TaskHostPool",
        "worker_consumer": f"{_PACKAGE}.worker.consumer:CheckingConsumer",
        "worker_pool_restarts": False,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_prefetch_count_reduction": False,
    }


def _names(settings: CelerySettings, names: Names) -> dict[str, Any]:
    return {
        "task_default_queue": settings.default_queue,
        "task_create_missing_queues": True,
        "control_exchange": names.control,
        "event_exchange": names.events,
        "event_queue_prefix": names.events,
    }


def _transport(settings: CelerySettings) -> dict[str, Any]:
    timeout_s = settings.operation_timeout_s
    if not settings.is_redis:
        return {"confirm_publish": True, "read_timeout": timeout_s, "write_timeout": timeout_s}
    options: dict[str, Any] = {
        "visibility_timeout": settings.visibility_timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_timeout": timeout_s,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
    if settings.global_keyprefix:
        options["global_keyprefix"] = settings.global_keyprefix
    if settings.sentinel is not None:
        options |= settings.sentinel.options(settings.ssl)
    return options
