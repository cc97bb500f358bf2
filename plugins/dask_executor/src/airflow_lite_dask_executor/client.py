"""Dask clients as this package uses them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite_dask_executor.cluster import Cluster
from airflow_lite_dask_executor.settings import security

if TYPE_CHECKING:
    from airflow_lite_dask_executor.settings import DaskSettings

#: Seconds that a Dask scheduler, or a worker, has to answer a question.
ANSWER_S = 5.0

logger = logging.getLogger(__name__)


def new_client(settings: DaskSettings, address: str) -> Any:
    """Return a client that is connected; raise OSError if that takes too long."""
    from distributed import Client

    return Client(
        address,
        security=security(settings.tls),
        timeout=settings.connect_timeout_s,
        set_as_default=False,
        name="airflow-lite",
    )


def picture(client: Any) -> Cluster:
    """Ask the Dask scheduler for the cluster; raise OSError if it does not answer."""
    return Cluster.of(client.sync(client.scheduler.identity, callback_timeout=ANSWER_S))


async def stop(client: Any, tokens: list[str], futures: list[Any], grace_s: float | None) -> None:
    """Have attempts stopped on whichever workers have them, and Dask forget their futures."""
    from airflow_lite_dask_executor.remote import stop_attempts

    try:
        if futures:
            await client.cancel(futures, force=True)
        if tokens:
            await client.run(stop_attempts, tokens, grace_s, wait=False, on_error="ignore")
    except OSError as error:
        logger.warning("not every Dask worker could be told to stop an attempt: %s", error)
