"""What the API server refuses for want of rights is asked for again: it may have just started."""

from __future__ import annotations

import pytest

from airflow_lite.executors import TaskInstanceKey
from airflow_lite_k8s_executor.client.errors import ApiError
from airflow_lite_k8s_executor.client.pods import Pods
from airflow_lite_k8s_executor.loop.board import Board, Held
from airflow_lite_k8s_executor.loop.creation import PodMaker
from airflow_lite_k8s_executor.loop.removal import PodRemover
from airflow_lite_k8s_executor.loop.requests import RequestPool

NO_RIGHT = 'pods is forbidden: User "u" cannot create resource "pods" in API group "" in "n"'
WEBHOOK = 'admission webhook "policy" denied the request: cannot run as root'
POD = {"metadata": {"name": "p", "namespace": "n"}}


class Server(Pods):
    """Refuses so often, then does what it is told."""

    def __init__(self, message, times):
        self.message = message
        self.left = times

    def _answer(self):
        self.left -= 1
        if self.left >= 0:
            raise ApiError(403, "Forbidden", self.message)

    def create(self, namespace, pod):
        self._answer()
        return POD

    def delete(self, namespace, name, uid=None, grace_s=None):
        self._answer()


def ends(message, times):
    """Return what becomes of an attempt's pod, with no time between the requests."""
    said = []
    board = Board(1)
    maker = PodMaker(
        Server(message, times),
        board,
        RequestPool(1),
        quota_retries=-1,
        on_made=lambda pod: said.append("made"),
        on_refused=lambda held, reason: said.append(reason),
    )
    board.add(Held(TaskInstanceKey("d", "t", "r", attempt="a"), POD))
    held = board.take_next()
    assert held is not None
    while not said:
        maker._make(held)
    return said


@pytest.mark.parametrize("times", [0, 1, 5])
def test_rights_that_come_late_cost_no_try(times):
    assert ends(NO_RIGHT, times) == ["made"]


def test_a_pod_that_was_made_before_others_were_refused_ends_no_complaint(caplog):
    """The quota took one pod; what the others wait for is told once, whichever answer came first."""

    class Slow(Server):
        def create(self, namespace, pod):
            if pod is POD:
                assert second is not None
                maker._make(second)  # refused while the first is on its way
                return POD
            return super().create(namespace, pod)

    board = Board(2)
    maker = PodMaker(
        Slow("exceeded quota: one", 10),
        board,
        RequestPool(1),
        quota_retries=-1,
        on_made=lambda pod: None,
        on_refused=lambda held, reason: None,
    )
    board.add(Held(TaskInstanceKey("d", "t", "r", attempt="a"), POD))
    board.add(Held(TaskInstanceKey("d", "u", "r", attempt="b"), {**POD}))
    first, second = board.take_next(), board.take_next()
    assert first is not None
    assert second is not None
    maker._make(first)
    maker._make(second)

    assert caplog.text.count("the quota is used up") == 1


def test_rights_that_do_not_come_end_the_try():
    assert ends(NO_RIGHT, 6) == [
        "Kubernetes does not let the executor make pods in 'n', or refuses the pod p"
        f" (403 Forbidden: {NO_RIGHT})"
    ]


def test_what_a_webhook_denies_ends_the_try_at_once():
    assert WEBHOOK in ends(WEBHOOK, 1)[0]


@pytest.mark.parametrize(("message", "is_tried_again"), [(NO_RIGHT, True), (WEBHOOK, False)])
def test_a_pod_is_deleted_once_there_are_rights(message, is_tried_again):
    waiting = RequestPool(1)
    remover = PodRemover(Server(message, 1), waiting)
    remover.remove("n", "p")
    _, _, action = waiting._due.pop()
    assert (action() is not None) is is_tried_again
    if is_tried_again:
        assert action() is None
