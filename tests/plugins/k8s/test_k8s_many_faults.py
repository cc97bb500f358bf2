"""Every fault of a cluster, one after the other, in the midst of one run of a hundred tasks.

Tasks wait for gates, the first few for the first one and so on. With each fault one gate opens, so
that tasks end and others begin while it lasts.
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from fixtures.faulty_cluster import (
    AT_ONCE,
    MANY,
    NAMESPACE,
    PER_GATE,
    USER,
    compact,
    grant,
    write_token,
)
from fixtures.histories import findings_of
from fixtures.many_tasks import Many
from fixtures.waits import lasting, wait_until

RUN, DAG = "r", "many"
#: Seconds for which something is away, or refuses.
API_SERVER_AWAY_S, DATABASE_AWAY_S, REFUSING_S = 30.0, 20.0, 10.0


@pytest.fixture
def many(whole, shared):
    """The run, triggered."""
    run = Many(whole.home, shared, wait_until, lambda: findings_of(whole.home), MANY)
    yield run
    open_all(run)  # a test that failed leaves nothing waiting


def open_all(run):
    for number in range(MANY // PER_GATE + 1):
        run.open(f"gate{number}")


def wake(cluster):
    """End the last of a fault: Kubernetes' own scheduler backs off from its API server.

    Where that was started anew a few times, it gives no pod a node for up to a minute.
    """
    cluster.restart("scheduler")


@contextmanager
def api_server_killed(whole, _task):
    with lasting(API_SERVER_AWAY_S):
        whole.cluster.kill("apiserver")
        yield
    whole.cluster.heal()
    wake(whole.cluster)


@contextmanager
def node_lost(whole, _task):
    whole.cluster.stop("kubelet")
    wait_until(lambda: not whole.cluster.node.node_ready(), "a lost node")
    yield
    whole.cluster.resume("kubelet")


@contextmanager
def pod_deleted(whole, task):
    whole.delete_by_hand(RUN, task)
    yield


@contextmanager
def container_killed(whole, task):
    whole.kill_container(RUN, task)
    yield


@contextmanager
def watch_expired(whole, _task):
    whole.cluster.restart("apiserver", "--watch-cache-sizes=pods#0")
    whole.cluster.stop("relay")
    yield
    compact(whole.cluster)
    wake(whole.cluster)
    whole.cluster.restart("relay")


@contextmanager
def too_many_requests(whole, _task):
    flags = ("max-requests-inflight=1", "max-mutating-requests-inflight=1")
    fairness = "--enable-priority-and-fairness=false"
    whole.cluster.restart("apiserver", fairness, *(f"--{flag}" for flag in flags))
    with lasting(REFUSING_S):
        yield
    whole.cluster.restart("apiserver")
    wake(whole.cluster)


@contextmanager
def quota_used_up(whole, _task):
    whole.cluster.kubectl("-n", NAMESPACE, "create", "quota", "one", "--hard=pods=1")
    with lasting(REFUSING_S):
        yield
    whole.cluster.kubectl("-n", NAMESPACE, "delete", "quota", "one")


@contextmanager
def rights_taken_away(whole, _task):
    whole.cluster.kubectl("-n", NAMESPACE, "delete", "rolebinding", "faults")
    yield
    refused = "does not let the executor make pods"
    wait_until(lambda: refused in "".join(whole.causes(RUN, DAG)), "a try that is refused")
    grant(whole.cluster)


@contextmanager
def token_expired(whole, _task):
    whole.cluster.take_token_away(USER)
    yield
    whole.cluster.new_user(USER)
    wake(whole.cluster)
    write_token(whole.cluster, whole.home)


@contextmanager
def database_out_of_reach(whole, _task):
    with lasting(DATABASE_AWAY_S):
        whole.cut_store()
        yield
    whole.join_store()


FAULTS = (
    *(api_server_killed, node_lost, pod_deleted, container_killed, watch_expired),
    *(too_many_requests, quota_used_up, rights_taken_away, token_expired, database_out_of_reach),
)
#: A pod that is deleted and a container that is killed take a try with them, and a database out of
#: reach all that run, since they are silent for longer than `beat_timeout_s`. Nothing else does.
LOST = 2 + AT_ONCE


def tasks_begun(run):
    return {path.stem for path in run.starts.iterdir()}


def test_a_hundred_tasks_end_well_whatever_befalls_their_cluster(whole, scheduler, many):
    def wait_for(count):
        wait_until(lambda: len(tasks_begun(many)) >= count, f"{count} tasks to begin")

    wait_for(AT_ONCE)
    for number, fault in enumerate(FAULTS):
        many.struck()
        with fault(whole, f"t{number * PER_GATE:03}"):
            many.open(f"gate{number}")
        many.mended(fault.__name__.replace("_", " "))
        wait_for(AT_ONCE + (number + 1) * PER_GATE)
    scheduler.kill()
    many.mended("scheduler killed")
    with whole.home.scheduler("KubernetesExecutor") as second:
        open_all(many)
        wait_for(MANY)
        many.finish(most_lost=LOST)
        wait_until(lambda: not whole.pods(RUN), "no pod of the run")
    for output in (scheduler.output(), second.output()):
        assert "Traceback" not in output
