"""Where on the cluster, and how urgently, an attempt is to run: from queue and executor_config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.executors import AttemptRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite_dask_executor.cluster import Cluster

#: The keys of `executor_config`.
KEYS = ("priority", "resources", "workers")


class Placement(NamedTuple):
    """Arguments for Dask: hashable, so that attempts placed alike are handed over at once."""

    priority: int = 1
    resources: tuple[tuple[str, float], ...] = ()
    workers: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Return it as arguments of `Client.map`, but for the workers."""
        return {"priority": self.priority, "resources": dict(self.resources) or None}


def place(
    queue: str | None,
    executor_config: Any,
    priority: int,
    *,
    default_queue: str,
    cluster: Cluster,
) -> Placement:
    """Return the placement; raise `AttemptRefused` for one that this cluster can never give.

    The default queue means any worker, unless workers name that queue too. Without any worker
    nothing is refused: the first worker may have the resources.
    """
    config = _checked(executor_config)
    resources: dict[str, float] = dict(config.get("resources") or {})
    workers = _names(config.get("workers"))
    if cluster.fit:
        _add_queue(resources, queue, default_queue, cluster)
        _check_there(resources, workers, cluster)
    elif queue not in {None, default_queue}:
        resources[str(queue)] = 1
    return Placement(config.get("priority", priority), tuple(sorted(resources.items())), workers)


def _add_queue(
    resources: dict[str, float], queue: str | None, default_queue: str, cluster: Cluster
) -> None:
    queue = queue or default_queue
    if queue in cluster.queues:
        resources.setdefault(queue, 1)
    elif queue != default_queue:
        queues = ", ".join(map(repr, [*cluster.queues, default_queue]))
        raise AttemptRefused(
            f"No Dask worker serves queue {queue!r}. The queues are {queues}. Change the task's "
            f"queue, or start a worker: airflow-lite dask worker --queues {queue}"
        )


def _check_there(
    resources: Mapping[str, float], workers: tuple[str, ...], cluster: Cluster
) -> None:
    names = frozenset(name for worker in cluster.workers for name in worker.names)
    missing = [name for name in workers if name not in names]
    if missing:
        raise AttemptRefused(
            f"executor_config asks for Dask worker {missing[0]!r}, which is not in the cluster. "
            f"The workers are {', '.join(worker.address for worker in cluster.workers)}."
        )
    _check_fit(workers, cluster)
    if not cluster.could_give(resources, workers):
        raise AttemptRefused(
            f"No Dask worker{' of those asked for' if workers else ''} has the resources "
            f"{dict(resources)}. Ask for less, or start a worker that has them."
        )


def _check_fit(workers: tuple[str, ...], cluster: Cluster) -> None:
    matches = [worker for worker in cluster.workers if worker.names & frozenset(workers)]
    if matches and all(worker.fault is not None for worker in matches):
        raise AttemptRefused(
            f"executor_config asks for Dask worker {matches[0].address}, which gets no tasks: "
            f"{matches[0].fault}."
        )


def _checked(executor_config: Any) -> Mapping[str, Any]:
    config = executor_config or {}
    if not isinstance(config, dict):
        raise AttemptRefused(f"executor_config is {config!r:.200}. Make it a dict.")
    unknown = sorted(map(str, config.keys() - set(KEYS)))
    if unknown:
        raise AttemptRefused(
            f"executor_config has {unknown[0]!r}. DaskExecutor takes {', '.join(KEYS)}."
        )
    _check_types(config)
    return config


def _check_types(config: Mapping[str, Any]) -> None:
    priority = config.get("priority", 0)
    if not _is_number(priority, int):
        raise AttemptRefused(f"executor_config priority is {priority!r}. Make it a whole number.")
    resources = config.get("resources") or {}
    if not isinstance(resources, dict) or not all(
        isinstance(name, str) and _is_number(much, int | float) and much > 0
        for name, much in resources.items()
    ):
        raise AttemptRefused(
            f"executor_config resources is {resources!r:.200}. Make it a dict of numbers above 0."
        )


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _names(workers: Any) -> tuple[str, ...]:
    names = [workers] if isinstance(workers, str) else workers or []
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise AttemptRefused(
            f"executor_config workers is {workers!r:.200}. Make it a list of addresses or names."
        )
    return tuple(sorted(names))
