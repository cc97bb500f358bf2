"""Which Dask workers can run attempts at all, and why the others are set aside."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import first_line
from airflow_lite_dask_executor.client import ANSWER_S, picture
from airflow_lite_dask_executor.store_file import StoreFile

if TYPE_CHECKING:
    from airflow_lite_dask_executor.cluster import Cluster

logger = logging.getLogger(__name__)


class Vetting:
    """Asks each worker once whether it shares the store, and one that was set aside each time.

    Where strangers could join (`is_closed`) nothing is sent to a worker before it was asked.
    """

    def __init__(self, store_url: str, *, is_closed: bool) -> None:
        self._store_url = store_url
        self._is_closed = is_closed
        self._faults: dict[str, str | None] = {}

    def look(self, client: Any) -> Cluster:
        """Return the cluster as it is now; raise OSError if no scheduler answers."""
        cluster = picture(client)
        present = {worker.address for worker in cluster.workers}
        for gone in self._faults.keys() - present:
            del self._faults[gone]
        unproven = sorted(
            address for address in present if self._faults.get(address, "") is not None
        )
        if unproven:
            self._ask(client, unproven)
        return self.judged(cluster)

    def judged(self, cluster: Cluster) -> Cluster:
        """Return the cluster with the faults of its workers."""
        return cluster.judged(self._faults, is_closed=self._is_closed)

    def _ask(self, client: Any, addresses: list[str]) -> None:
        from airflow_lite_dask_executor.remote import vet

        store = StoreFile.of(self._store_url)  # anew: the file may have been made meanwhile
        options = {"workers": addresses, "on_error": "return", "callback_timeout": ANSWER_S}
        try:
            answers = client.sync(client.run, vet, store, **options)
        except TimeoutError:
            return
        for address, answer in answers.items():
            if isinstance(answer, OSError):  # it has just gone
                continue
            self.judge(address, _fault(answer))

    def judge(self, address: str, fault: str | None) -> None:
        """Record the fault of a worker; None: it has none."""
        before, self._faults[address] = self._faults.get(address), fault
        if fault is not None and before != fault:
            logger.warning("Dask worker %s gets no tasks: %s", address, fault)
        elif fault is None and before is not None:
            logger.info("Dask worker %s gets tasks again", address)


def _fault(answer: Any) -> str | None:
    if not isinstance(answer, BaseException):
        return None if answer is None else str(answer)
    cause = f"{type(answer).__name__}: {first_line(answer)}"
    return f"it cannot be asked ({cause}). Install airflow-lite-dask-executor there"
