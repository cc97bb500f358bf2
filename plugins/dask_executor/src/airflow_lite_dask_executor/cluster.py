"""The cluster as it was at the last look: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: A worker in one of these takes tasks; one that just joined is "init" for a moment.
_TAKES_TASKS = frozenset({"init", "running", "paused"})


@dataclass(frozen=True)
class DaskWorker:
    """One Dask worker; the names of its resources are its queues; `memory` is in bytes.

    With a `fault` it is set aside: no attempt is sent there.
    """

    address: str
    name: str
    threads: int
    resources: Mapping[str, float] = field(default_factory=dict)
    memory: int = 0
    fault: str | None = None

    @property
    def host(self) -> str:
        """The machine's name or number, as in the address."""
        return urlsplit(self.address).hostname or ""

    @property
    def names(self) -> frozenset[str]:
        """Every name that `executor_config` may name it by."""
        return frozenset({self.address, self.name, self.host, self.address.partition("://")[2]})


@dataclass(frozen=True)
class Cluster:
    """The workers that take tasks; where `is_closed`, none but these may be sent any."""

    workers: tuple[DaskWorker, ...] = ()
    is_closed: bool = False

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Cluster:
        """Read the answer of `Client.scheduler.identity`."""
        workers = (
            _worker(address, worker)
            for address, worker in info["workers"].items()
            if worker.get("status", "running") in _TAKES_TASKS
        )
        return cls(tuple(sorted(workers, key=lambda worker: worker.address)))

    def judged(self, faults: Mapping[str, str | None], *, is_closed: bool) -> Cluster:
        """Return it with the faults of its workers, by address; None: there is none.

        Where it is closed, a worker that was not checked yet counts as absent.
        """
        workers = tuple(
            replace(worker, fault=faults.get(worker.address))
            for worker in self.workers
            if worker.address in faults or not is_closed
        )
        return Cluster(workers, is_closed)

    @property
    def fit(self) -> tuple[DaskWorker, ...]:
        """The workers that are not set aside."""
        return tuple(worker for worker in self.workers if worker.fault is None)

    @property
    def threads(self) -> int:
        """How many attempts can run at once."""
        return sum(worker.threads for worker in self.fit)

    @property
    def queues(self) -> list[str]:
        """The names of all resources, in order."""
        return sorted({name for worker in self.fit for name in worker.resources})

    def restriction(self, names: Iterable[str]) -> list[str] | None:
        """Return the addresses that Dask may send attempts to; None: any.

        `names` are the workers that `executor_config` names, if any.
        """
        name_set = frozenset(names)
        if not name_set and not self.is_closed and len(self.fit) == len(self.workers):
            return None
        return [worker.address for worker in self.fit if not name_set or name_set & worker.names]

    def could_give(self, resources: Mapping[str, float], names: Iterable[str]) -> bool:
        """Return whether one of the named workers, or any if none is, has all of these."""
        name_set = frozenset(names)
        return any(
            all(worker.resources.get(name, 0) >= much for name, much in resources.items())
            for worker in self.fit
            if not name_set or name_set & worker.names
        )


def _worker(address: str, info: Mapping[str, Any]) -> DaskWorker:
    metrics = info.get("metrics") or {}
    return DaskWorker(
        address,
        str(info.get("name", address)),
        int(info.get("nthreads", 0)),
        dict(info.get("resources") or {}),
        int(metrics.get("memory") or 0),
    )
