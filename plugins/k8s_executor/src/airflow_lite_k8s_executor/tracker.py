"""Brings attempts to pods and news of pods to the executor, on threads beside the executor's."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import Lost, Refused
from airflow_lite_k8s_executor.loop.board import Board, Held, Step
from airflow_lite_k8s_executor.loop.creation import PodMaker
from airflow_lite_k8s_executor.loop.follower import Follower
from airflow_lite_k8s_executor.loop.orphans import ORPHAN_S, Orphans
from airflow_lite_k8s_executor.loop.removal import PodRemover
from airflow_lite_k8s_executor.loop.requests import RequestPool
from airflow_lite_k8s_executor.mutation import find_hook
from airflow_lite_k8s_executor.pod_log import LogKeeper
from airflow_lite_k8s_executor.pods.naming import key_of, pod_name, selector, token_of, uid_of
from airflow_lite_k8s_executor.pods.spec import BadPodError, PodAttempt, PodBuilder
from airflow_lite_k8s_executor.pods.state import PodState, Stage, deletion, gone, read_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite.executors import BaseExecutor, TaskInstance, TaskInstanceKey
    from airflow_lite_k8s_executor.client.pods import Pod
    from airflow_lite_k8s_executor.connection import Connection
    from airflow_lite_k8s_executor.settings import KubernetesSettings

#: Seconds that a pod has to end whose outcome is recorded; then it is deleted.
LINGER_S = 10.0
#: Seconds until the log of an ended pod is asked for again.
LOOK_AGAIN_S = 2.0
#: Seconds for which a scheduler that ends waits for such pods.
LEAVE_S = 4.0
#: Seconds that closing waits for requests that are under way.
_CLOSE_S = 3.0

logger = logging.getLogger(__name__)


class PodTracker:
    """What a started executor has: the board, and the threads that work on it."""

    def __init__(
        self, executor: BaseExecutor, settings: KubernetesSettings, connection: Connection
    ) -> None:
        self._executor = executor
        self._settings = settings
        self._connection = connection
        self._builder = PodBuilder(
            settings.template,
            namespace=connection.namespace,
            instance=settings.instance,
            owner=str(executor.job_id or "none"),
            mutate=find_hook(settings.template.hook, executor.config),
        )
        self._board = Board(settings.in_flight)
        self._pool = RequestPool(settings.at_once)
        self._maker = PodMaker(
            connection.pods,
            self._board,
            self._pool,
            quota_retries=settings.quota_retries,
            on_made=self._see,
            on_refused=self._refuse,
        )
        self._remover = PodRemover(connection.pods, self._pool)
        self._logs = LogKeeper(connection.pods, executor.config)
        self._orphans = Orphans()
        self._followers = [self._follower(namespace) for namespace in self._namespaces()]

    def _namespaces(self) -> list[str | None]:
        named = self._settings.namespaces
        if named is None:
            return [None]
        return list(dict.fromkeys([self._connection.namespace, *named]))

    def _follower(self, namespace: str | None) -> Follower:
        return Follower(
            self._connection.pods,
            namespace,
            selector(self._settings.instance),
            interval_s=self._settings.list_interval_s,
            now=self._now,
            on_list=partial(self._compare, namespace),
            on_pod=self._see,
        )

    def _now(self) -> float:
        return self._executor.clock.monotonic()

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()
        for follower in self._followers:
            follower.start()

    def settle(self) -> None:
        """Wait a moment for the pods of recorded attempts to end; delete them in any case."""
        self._board.wait_until_left(LEAVE_S)
        for held in self._board.close():
            if held.step is Step.LEAVING:
                self._remove(held)
        self._pool.flush(_CLOSE_S)

    def close(self) -> None:
        """End the threads, and leave the pods as they are."""
        self._board.close()
        for follower in self._followers:
            follower.close()
        self._pool.close(_CLOSE_S)
        self._connection.http.close()

    def add(
        self, key: TaskInstanceKey, command: list[str], executor_config: Mapping[str, Any]
    ) -> None:
        """Have the pod of an attempt made as soon as may be; raise `BadPodError`."""
        pod = self._builder.build(PodAttempt(key, command, executor_config))
        namespace = pod["metadata"]["namespace"]
        if not self._is_followed(namespace):
            raise BadPodError(
                f"Its pod is to be in namespace {namespace!r}, which the executor does not look"
                " at. Set [kubernetes] multi_namespace_mode, and name it in"
                " multi_namespace_mode_namespace_list."
            )
        self._board.add(Held(key, pod))
        self._maker.pump()

    def _is_followed(self, namespace: str) -> bool:
        return any(follower.namespace in {None, namespace} for follower in self._followers)

    def revoke(self, ti: TaskInstance, *, is_recorded: bool) -> None:
        """Delete an attempt's pod; where its outcome is recorded, only if it does not end."""
        held = self._board.find(ti.attempt)
        if held is not None and is_recorded and held.step in {Step.MADE, Step.RUNNING}:
            self._board.advance(ti.attempt, Step.LEAVING, self._now(), held.uid)
            self._pool.submit(partial(self._part_with, ti.attempt), LINGER_S)
            return
        held = self._board.remove(ti.attempt)
        if held is None:
            namespace, name = self._place(ti)
            self._remover.remove(namespace, name)
        elif held.step is not Step.WAITING or held.may_exist:
            self._remove(held)
        self._maker.pump()

    def _remove(self, held: Held) -> None:
        """Delete the pod of an attempt, with its log kept if it has begun one."""
        has_log = held.step in {Step.RUNNING, Step.LEAVING}
        keep = partial(self._logs.keep, held.key, held.pod) if has_log else None
        self._remover.remove(held.namespace, held.name, held.uid, before=keep)

    def _place(self, ti: TaskInstance) -> tuple[str, str]:
        namespace, _, name = (ti.external_executor_id or "").rpartition("/")
        return namespace or self._connection.namespace, name or pod_name(ti.key)

    def _part_with(self, token: str) -> None:
        """Delete the pod of a recorded attempt that did not end: a thread of its, or a sidecar."""
        held = self._board.remove(token)
        if held is not None:
            logger.info("pod %s has not ended after its task; it is deleted", held.name)
            self._remove(held)

    def remove_all(self) -> None:
        """Delete the pods of all attempts, and wait a moment for that."""
        for held in self._board.clear():
            self._remover.remove(held.namespace, held.name, held.uid)
        self._pool.flush(_CLOSE_S)

    def _compare(self, namespace: str | None, pods: list[Pod], since: float) -> None:
        for pod in pods:
            self._see(pod)
        tokens = {token for pod in pods if (token := token_of(pod)) is not None}
        for token in self._board.missing(
            tokens, since, lambda held: namespace in {None, held.namespace}
        ):
            held = self._board.find(token)
            if held is not None:
                self._finish(held, gone(held.name), None)
        if len(self._followers) == 1:
            self._orphans.keep(uid for pod in pods if (uid := uid_of(pod)) is not None)
        self._maker.pump()

    def _see_unheld(self, pod: Pod, *, is_deleted: bool) -> None:
        """Have a pod removed that has ended, and that nobody comes back for."""
        uid = uid_of(pod)
        if uid is None:
            return
        if is_deleted:
            self._orphans.forget(uid)
        elif read_state(pod).stage is Stage.ENDED and self._orphans.take(uid):
            self._pool.submit(partial(self._remove_orphan, pod, uid), ORPHAN_S)

    def _remove_orphan(self, pod: Pod, uid: str) -> None:
        key = key_of(pod)
        if key is None or self._board.find(key.attempt) is not None:
            self._orphans.forget(uid)
        else:
            about = pod["metadata"]
            self._settle(key, pod, (about["namespace"], about["name"], uid), read_state(pod))

    def _see(self, pod: Pod, is_deleted: bool = False) -> None:  # noqa: FBT001, FBT002
        token = token_of(pod)
        held = self._board.find(token) if token is not None else None
        if token is None:
            return
        if held is None:
            self._see_unheld(pod, is_deleted=is_deleted)
            return
        uid = uid_of(pod)
        if is_deleted and held.uid not in {None, uid}:
            return  # of a pod that had this name before
        self._note_deletion(held, pod)
        state = read_state(pod, is_deleted=is_deleted)
        if state.stage is Stage.ENDED:
            self._finish(held, state, None if is_deleted else uid)
        elif state.stage is Stage.RUNNING:
            if self._board.advance(token, Step.RUNNING, self._now(), uid) is not None:
                self._executor.running_state(held.key, f"{held.namespace}/{held.name}")
                self._maker.pump()
        else:
            self._wait(held, state, uid)

    def _note_deletion(self, held: Held, pod: Pod) -> None:
        """Note, once, that somebody has the pod deleted: its task is told to end."""
        reason = deletion(pod)
        if reason is not None and not held.is_doomed and held.step is Step.RUNNING:
            held.is_doomed = True
            self._executor.log_task_event(event="pod", extra=reason, ti_key=held.key)

    def _wait(self, held: Held, state: PodState, uid: str | None) -> None:
        if self._board.advance(held.token, Step.MADE, self._now(), uid) is not None:
            self._executor.queued(held.key, f"{held.namespace}/{held.name}")
            timeout_s = self._settings.pending_timeout_s
            if timeout_s:
                self._pool.submit(partial(self._look_at_wait, held), timeout_s)
        held.waits = state.reason
        if state.never_starts(self._settings.fatal_reasons):
            self._give_up(held, state.reason)

    def _look_at_wait(self, held: Held) -> None:
        if self._board.find(held.token) is held and held.step is Step.MADE:
            timeout_s = self._settings.pending_timeout_s
            why = f": {held.waits}" if held.waits else ""
            self._give_up(held, f"its pod did not run within {timeout_s:g} s{why}")

    def _give_up(self, held: Held, reason: str) -> None:
        """End an attempt whose pod does not run; it is deleted, or it might yet."""
        if self._board.remove(held.token) is held:
            self._report(held, PodState(Stage.ENDED, reason))
            self._remover.remove(held.namespace, held.name, held.uid)
            self._maker.pump()

    def _refuse(self, held: Held, reason: str) -> None:
        if self._board.remove(held.token) is not None:
            self._executor.fail(held.key, Refused(reason))
            self._maker.pump()

    def _finish(self, held: Held, state: PodState, uid: str | None) -> None:
        """Report an attempt's end, once, and remove its pod unless it is to stay."""
        if self._board.remove(held.token) is not held:
            return
        is_leaving = held.step is Step.LEAVING
        if not is_leaving:
            self._report(held, state)
        if uid is not None:
            self._orphans.take(uid)
            place = held.namespace, held.name, uid
            self._settle(held.key, held.pod, place, state, is_recorded=is_leaving)
        self._maker.pump()

    def _settle(
        self,
        key: TaskInstanceKey,
        pod: Pod,
        place: tuple[str, str, str],
        state: PodState,
        *,
        is_recorded: bool = False,
    ) -> None:
        """Keep the log of an ended pod, and delete it unless it is to stay."""
        keep = partial(self._logs.keep, key, pod)
        if self._is_to_go(state, is_recorded=is_recorded):
            self._remover.remove(*place, before=keep)
        else:
            self._pool.submit(lambda: None if keep() else LOOK_AGAIN_S)

    def _report(self, held: Held, state: PodState) -> None:
        if state.is_recorded:
            self._executor.success(held.key)
            return
        if held.step is Step.RUNNING and not state.is_void and not held.is_doomed:
            self._executor.log_task_event(event="pod", extra=state.reason, ti_key=held.key)
        else:
            logger.warning("pod %s: %s", held.name, state.reason)
        self._executor.fail(held.key, Lost(state.reason, state.is_proven))

    def _is_to_go(self, state: PodState, *, is_recorded: bool) -> bool:
        if not self._settings.deletes:
            return False
        ended_well = is_recorded or state.is_recorded or state.is_void
        return ended_well or self._settings.deletes_failed
