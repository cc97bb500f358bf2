"""Follows the pods of one namespace, or of all: LIST, WATCH from there, and LIST again.

Nothing relies on an event to come: whatever ends a watch, and at the latest after an interval, all
pods are listed and compared with what is held.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from airflow_lite_k8s_executor.client.errors import (
    ApiError,
    ApiUnreachableError,
    ClusterConfigError,
)
from airflow_lite_k8s_executor.client.pods import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_k8s_executor.client.pods import Pod, PodPort

#: Seconds until the API server is tried again; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.5, 10.0
_CLOSE_S = 3.0
_DELETED, _BOOKMARK = "DELETED", "BOOKMARK"

logger = logging.getLogger(__name__)


class Follower:
    """A thread that tells `on_list(pods, since)` and `on_pod(pod, is_deleted)` what it sees.

    `since` is a moment of `now`, before the list was asked for.
    """

    def __init__(
        self,
        port: PodPort,
        namespace: str | None,
        selector: str,
        *,
        interval_s: float,
        now: Callable[[], float],
        on_list: Callable[[list[Pod], float], None],
        on_pod: Callable[[Pod, bool], None],
    ) -> None:
        self.namespace = namespace
        self._port = port
        self._selector = selector
        self._interval_s = interval_s
        self._now = now
        self._on_list = on_list
        self._on_pod = on_pod
        self._is_closing = threading.Event()
        self._is_in_trouble = False
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name="kubernetes-pods", daemon=True)

    def start(self) -> None:
        """Start the thread; it reaches the API server whenever that can be."""
        self._thread.start()

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """End the thread, but wait no longer for it than that."""
        self._is_closing.set()
        if self._watch is not None:
            self._watch.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        delay_s = _FIRST_RETRY_S
        while not self._is_closing.is_set():
            try:
                self._turn()
                delay_s = _FIRST_RETRY_S
                continue
            except (ApiError, ApiUnreachableError, ClusterConfigError) as error:
                if self._is_closing.is_set():
                    return
                wait_s = self._pause_s(error, delay_s)
            except Exception:  # whatever it is: the next list begins anew
                logger.exception("following the pods failed; all are listed again")
                wait_s = delay_s
            self._is_closing.wait(wait_s)
            delay_s = min(delay_s * 2, _LONGEST_RETRY_S)

    def _turn(self) -> None:
        since = self._now()
        listed = self._port.list(self.namespace, self._selector)
        self._log_return()
        self._on_list(listed.pods, since)
        if self._is_closing.is_set():
            return
        watch = Watch()
        self._watch = watch
        version = listed.resource_version
        for event in self._port.watch(
            self.namespace, self._selector, version, self._interval_s, watch
        ):
            if self._is_closing.is_set():
                return
            if event.kind != _BOOKMARK:
                self._on_pod(event.pod, event.kind == _DELETED)

    def _pause_s(self, error: Exception, delay_s: float) -> float:
        """Tell of trouble, once; return the seconds until the next list."""
        if isinstance(error, ApiError):
            if error.is_gone:
                return 0.0
            delay_s = max(delay_s, error.retry_after_s or 0.0)
        if not self._is_in_trouble and delay_s > _FIRST_RETRY_S:
            self._is_in_trouble = True
            logger.warning(
                "the pods of %s cannot be followed (%s); trying again until they can",
                self._place,
                error,
            )
        return delay_s

    def _log_return(self) -> None:
        if self._is_in_trouble:
            self._is_in_trouble = False
            logger.info("the pods of %s can be followed again", self._place)

    @property
    def _place(self) -> str:
        return "all namespaces" if self.namespace is None else f"namespace {self.namespace}"
