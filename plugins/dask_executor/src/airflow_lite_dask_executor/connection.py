"""The connection to the cluster: a Dask client that is made again whenever it is lost."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import first_line
from airflow_lite_dask_executor.client import new_client, stop
from airflow_lite_dask_executor.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite_dask_executor.settings import DaskSettings
    from airflow_lite_dask_executor.vetting import Vetting

#: Seconds until the next try to connect; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 10.0
#: Seconds between two looks at the cluster where no event asked for one.
_LOOK_S = 15.0
#: Longest time, in seconds, that closing may take, of the client and of a cluster of ours.
_CLOSE_S = 3.0

logger = logging.getLogger(__name__)


class Connection:
    """Keeps a client connected, and the latest picture of the cluster.

    `on_change()` is called, on a thread of this object's, when the cluster has changed or can be
    reached again; `on_message(message)`, on the client's thread, with a worker's events.
    """

    def __init__(
        self,
        settings: DaskSettings,
        vetting: Vetting,
        *,
        on_change: Callable[[], None],
        on_message: Callable[[dict[str, Any]], None],
    ) -> None:
        self._settings = settings
        self._address = settings.address
        self._on_change = on_change
        self._on_message = on_message
        self._vetting = vetting
        self._client: Any = None
        self._local: Any = None
        self._is_ready = False
        self._is_loss_logged = False
        self._closing = threading.Event()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="dask-connection", daemon=True)
        self.cluster = Cluster()

    def open(self, environ: dict[str, str]) -> None:
        """Connect, starting a cluster with that environment where there is no address.

        Raises `ConfigError` with the address where no Dask scheduler answers.
        """
        if not self._address:
            self._start_cluster(environ)
        try:
            self._client = new_client(self._settings, self._address)
            self._prepare()
            self._look()
        except Exception as error:
            self.close()
            raise _unreachable(self._address, error) from error
        self._is_ready = True
        self._thread.start()

    def _start_cluster(self, environ: dict[str, str]) -> None:
        from airflow_lite_dask_executor.local_cluster import local_cluster

        settings = self._settings
        self._local = local_cluster(
            settings.local_workers, settings.local_threads, settings.tls, environ
        )
        self._address = self._local.scheduler_address
        logger.info(
            "[dask] cluster_address is empty: started a Dask cluster of %d workers with %d "
            "threads each on this machine, for as long as this scheduler runs",
            settings.local_workers,
            settings.local_threads,
        )

    @property
    def is_ready(self) -> bool:
        """Whether attempts can be handed over; if not, the connection is being restored."""
        if self._is_ready and self._client.status != "running":
            self.suspect()
        return self._is_ready

    @property
    def is_local(self) -> bool:
        """Whether the cluster is our own."""
        return self._local is not None

    def suspect(self) -> None:
        """Note that attempts came back: check the connection before any is handed over."""
        self._is_ready = False
        self._bell.set()

    def look(self) -> Cluster:
        """Ask what the cluster looks like now; the old picture where it does not answer."""
        if self.is_ready:
            with suppress(OSError, TimeoutError):
                self._look()
        return self.cluster

    def map(self, words: Sequence[str], keys: Sequence[str], options: dict[str, Any]) -> Any:
        """Have the attempts of some lanes run, all lanes at once; return a future of each."""
        from airflow_lite_dask_executor.remote import run_attempts

        return self._client.map(
            run_attempts, list(words), key=list(keys), pure=False, retries=0, **options
        )

    def set_aside(self, worker: str, fault: str | None) -> None:
        """Send a worker nothing more because of its `fault`; None: check it again."""
        if fault is not None:
            self._vetting.judge(worker, fault)
            self.cluster = self._vetting.judged(self.cluster)
        self._bell.set()

    def stop(self, tokens: list[str], futures: list[Any], grace_s: float | None = None) -> None:
        """Have attempts stopped wherever they are; returns at once."""
        client = self._client
        if client is not None and client.status == "running":
            client.loop.add_callback(stop, client, tokens, futures, grace_s)

    def kill(self, tokens: list[str], timeout_s: float) -> None:
        """Have attempts killed; return when the workers know, or after `timeout_s`."""
        from airflow_lite_dask_executor.remote import stop_attempts

        client = self._client
        if not tokens or client is None or client.status != "running":
            return
        try:
            client.sync(client.run, stop_attempts, tokens, 0.0, callback_timeout=timeout_s)
        except Exception as error:  # in whatever state the cluster is, this executor ends
            logger.warning("not every Dask worker could be told to stop: %s", error)

    def close(self) -> None:
        """Close the client, and the cluster if it is ours; running attempts go on without it."""
        self._is_ready = False
        self._closing.set()
        self._bell.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_S)
        client, self._client = self._client, None
        if client is not None and client.status == "running":
            with suppress(Exception):  # else the Dask scheduler sends it its own leaving
                client.unsubscribe_topic("all")
        for resource in (client, self._local):
            if resource is not None:
                with suppress(Exception):
                    resource.close(timeout=_CLOSE_S)
        self._local = None

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._bell.wait(_LOOK_S)
            self._bell.clear()
            self._renew()

    def _renew(self) -> None:
        delay_s = _FIRST_RETRY_S
        while not self._closing.is_set():
            try:
                self._restore()
                return
            except Exception as error:  # of Dask or the network: either way it is lost
                self._log_loss(error)
            self._closing.wait(delay_s)
            delay_s = min(delay_s * 2, _LONGEST_RETRY_S)

    def _restore(self) -> None:
        if self._client.status == "connecting":
            raise ConnectionError("the connection is broken")
        if self._client.status != "running":
            self._is_ready = False
            client, self._client = self._client, new_client(self._settings, self._address)
            client.close(timeout=_CLOSE_S)
        was_ready = self._is_ready
        if not was_ready:
            self._prepare()
        before = self.cluster
        self._look()
        if self._client.status != "running":
            raise ConnectionError("the connection broke again")
        self._is_ready = True
        if not was_ready or self.cluster != before:
            self._on_change()
        if self._is_loss_logged:
            self._is_loss_logged = False
            logger.info("connected to the Dask scheduler at %s again", self._address)

    def _log_loss(self, error: Exception) -> None:
        self._is_ready = False
        if not self._is_loss_logged:
            self._is_loss_logged = True
            logger.warning(
                "the Dask scheduler at %s cannot be reached (%s); trying again. The attempts that "
                "it had are looked up in the database.",
                self._address,
                error,
            )

    def _prepare(self) -> None:
        from airflow_lite_dask_executor.worker import NAME, TaskHostPlugin

        client = self._client
        try:
            client.register_plugin(TaskHostPlugin(), name=NAME)
        except Exception as error:
            if isinstance(error, OSError) or client.status != "running":
                raise
            logger.warning("not every Dask worker has a task host: %s", first_line(error))
        client.subscribe_topic(NAME, self._hear_worker)
        client.subscribe_topic("all", self._hear_scheduler)

    def _look(self) -> None:
        self.cluster = self._vetting.look(self._client)

    def _hear_worker(self, event: tuple[float, dict[str, Any]]) -> None:
        _, message = event
        if "fault" in message:
            self.set_aside(message["worker"], message["fault"])
        self._on_message(message)

    def _hear_scheduler(self, event: tuple[float, dict[str, Any]]) -> None:
        _, message = event
        if str(message.get("action", "")).endswith("-worker"):
            self._bell.set()


def _unreachable(address: str, error: Exception) -> Exception:
    from airflow_lite.executors import ConfigError

    return ConfigError(
        f"DaskExecutor cannot use the Dask scheduler at {address!r}: {first_line(error)}. "
        "Start it with `airflow-lite dask scheduler`, or set [dask] cluster_address."
    )
