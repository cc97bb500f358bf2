"""Removes pods that are of no more use, unless they are told to stay."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite_k8s_executor.client.errors import (
    ApiError,
    ApiUnreachableError,
    ClusterConfigError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_k8s_executor.client.pods import PodPort
    from airflow_lite_k8s_executor.loop.requests import RequestPool

#: Seconds until the API server is asked again; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 30.0
#: So often what is to be done before is tried.
_MOST_LOOKS = 4
#: So often, then it is left to the next list of pods that have ended.
_MOST_TRIES = 20
_LASTING = frozenset({400, 403, 405, 422})

logger = logging.getLogger(__name__)


class PodRemover:
    """Deletes pods by name and uid, until the API server has done so."""

    def __init__(self, port: PodPort, pool: RequestPool) -> None:
        self._port = port
        self._pool = pool
        self._is_refusal_logged = False

    def remove(
        self,
        namespace: str,
        name: str,
        uid: str | None = None,
        *,
        grace_s: float | None = None,
        before: Callable[[], bool] | None = None,
    ) -> None:
        """Have a pod deleted soon, once `before` is done: it is called until it returns True."""
        request = _Removal(namespace, name, uid, grace_s, before)
        self._pool.submit(partial(self._remove, request))

    def _remove(self, request: _Removal) -> float | None:
        if not request.is_ready():
            return _FIRST_RETRY_S
        try:
            self._port.delete(request.namespace, request.name, request.uid, request.grace_s)
        except ApiError as error:
            if error.status in _LASTING:
                self._tell(request, error)
            is_final = error.status in _LASTING and not error.is_of_rights
            return None if is_final else request.next_delay_s()
        except (ApiUnreachableError, ClusterConfigError):
            return request.next_delay_s()
        return None

    def _tell(self, request: _Removal, error: ApiError) -> None:
        if not self._is_refusal_logged:
            self._is_refusal_logged = True
            logger.warning("pod %s cannot be deleted, nor maybe others: %s", request.name, error)


class _Removal:
    def __init__(
        self,
        namespace: str,
        name: str,
        uid: str | None,
        grace_s: float | None,
        before: Callable[[], bool] | None,
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.grace_s = grace_s
        self._before = before
        self._looks = self._tries = 0

    def is_ready(self) -> bool:
        if self._before is None or self._looks >= _MOST_LOOKS:
            return True
        self._looks += 1
        return self._before()

    def next_delay_s(self) -> float | None:
        self._tries += 1
        if self._tries > _MOST_TRIES:
            return None
        return min(_FIRST_RETRY_S * 2.0**self._tries, _LONGEST_RETRY_S)
