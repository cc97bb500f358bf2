"""Makes pods: a few at once, each until the API server has answered whether it is there."""

from __future__ import annotations

import logging
import random
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite_k8s_executor.client.errors import (
    ApiError,
    ApiUnreachableError,
    ClusterConfigError,
)
from airflow_lite_k8s_executor.loop.board import Step
from airflow_lite_k8s_executor.pods.naming import token_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_k8s_executor.client.pods import Pod, PodPort
    from airflow_lite_k8s_executor.loop.board import Board, Held
    from airflow_lite_k8s_executor.loop.requests import RequestPool

#: Seconds until a pod is tried again, doubled up to the longest, half of it by chance.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.5, 15.0
_UNAUTHORIZED = 401
#: So often a right that we do not have is asked for, in about 20 s.
_MOST_REFUSALS = 5

logger = logging.getLogger(__name__)


class PodMaker:
    """Makes the pods of the board's attempts as far as those in flight let it.

    `on_made(pod)` is called for each pod that is there, `on_refused(held, reason)` for each that
    can never be; both on threads of the pool.
    """

    def __init__(
        self,
        port: PodPort,
        board: Board,
        pool: RequestPool,
        *,
        quota_retries: int,
        on_made: Callable[[Pod], None],
        on_refused: Callable[[Held, str], None],
    ) -> None:
        self._port = port
        self._board = board
        self._pool = pool
        self._quota_retries = quota_retries
        self._on_made = on_made
        self._on_refused = on_refused
        self._complaint: str | None = None

    def pump(self) -> None:
        """Have made what may be made now."""
        while (held := self._board.take_next()) is not None:
            self._pool.submit(partial(self._make, held))

    def _make(self, held: Held) -> float | None:
        if self._board.find(held.token) is not held or held.step is not Step.MAKING:
            return None  # taken back, or seen to be there
        complaint = self._complaint
        try:
            pod = self._port.create(held.namespace, held.pod)
        except ApiError as error:
            return self._refused(held, error)
        except (ApiUnreachableError, ClusterConfigError) as error:
            held.may_exist = True
            self._complain(str(error))
            return self._delay_s(held)
        if self._complaint is complaint:  # not of what was refused while this one was made
            self._complaint = None
        self._made(held, pod)
        return None

    def _made(self, held: Held, pod: Pod) -> None:
        if self._board.find(held.token) is held:
            self._on_made(pod)
        elif not self._board.is_closed:  # taken back while it was being made
            uid = str(pod.get("metadata", {}).get("uid", "")) or None
            self._pool.submit(partial(self._unmake, held, uid))

    def _unmake(self, held: Held, uid: str | None) -> float | None:
        try:
            self._port.delete(held.namespace, held.name, uid)
        except (ApiError, ApiUnreachableError, ClusterConfigError):
            return self._delay_s(held)
        return None

    def _refused(self, held: Held, error: ApiError) -> float | None:
        if error.is_existing:
            return self._adopt(held)
        if error.is_quota:
            return self._quota(held, error)
        if error.is_passing or error.status == _UNAUTHORIZED:
            self._complain(str(error))
            return max(self._delay_s(held), error.retry_after_s or 0.0)
        if error.is_of_rights and held.refusals < _MOST_REFUSALS:
            held.refusals += 1
            self._complain(str(error))
            return self._delay_s(held)
        self._on_refused(held, self._reason(held, error))
        return None

    @staticmethod
    def _reason(held: Held, error: ApiError) -> str:
        refuser = "Kubernetes"
        if error.status == 403:
            refuser = f"Kubernetes does not let the executor make pods in {held.namespace!r}, or"
        return f"{refuser} refuses the pod {held.name} ({error})"

    def _adopt(self, held: Held) -> float | None:
        """Take a pod of our name for ours, if it has our token."""
        try:
            listed = self._port.list(held.namespace, "", f"metadata.name={held.name}")
        except (ApiError, ApiUnreachableError, ClusterConfigError):
            return self._delay_s(held)
        if not listed.pods:
            return self._delay_s(held)  # it has gone meanwhile
        if token_of(listed.pods[0]) != held.token:
            self._on_refused(held, f"another pod has the name {held.name}. Delete it.")
            return None
        self._made(held, listed.pods[0])
        return None

    def _quota(self, held: Held, error: ApiError) -> float | None:
        if 0 <= self._quota_retries <= held.tries:
            self._on_refused(held, f"the quota does not admit its pod: {error.message}")
            return None
        self._complain(f"the quota is used up; pods wait for it: {error.message}")
        return self._delay_s(held)

    def _complain(self, text: str) -> None:
        """Log what is in the way of making pods, once until one is made."""
        kind = text.partition(":")[0]
        if self._complaint != kind:
            self._complaint = kind
            logger.warning("pods cannot be made now: %s", text)

    @staticmethod
    def _delay_s(held: Held) -> float:
        held.tries += 1
        longest: float = min(_FIRST_RETRY_S * 2 ** min(held.tries, 10), _LONGEST_RETRY_S)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
