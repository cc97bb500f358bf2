"""What the executor makes of an API server's moods: each attempt has one pod, and one end."""

from __future__ import annotations

import json
import threading
import time

import pytest

from airflow_lite.config import Config
from airflow_lite.executors import Lost, Refused, RunCommand, TaskInstance
from airflow_lite.keys import new_attempt_token
from airflow_lite_k8s_executor.executor import KubernetesExecutor
from airflow_lite_k8s_executor.loop.board import Board
from fixtures.kube_api import DEADLINE_S, status

PREFIX = "AIRFLOW_LITE__KUBERNETES__"
RUNNING = {"phase": "Running", "containerStatuses": [{"name": "base", "state": {"running": {}}}]}


def ended(code, reason="Error"):
    state = {"terminated": {"exitCode": code, "reason": reason}}
    phase = "Succeeded" if code == 0 else "Failed"
    return {"phase": phase, "containerStatuses": [{"name": "base", "state": state}]}


class Rig:
    """An executor on the fake API server, with the test as its scheduler."""

    def __init__(self, executor, api):
        self.executor = executor
        self.api = api
        self.events = {}
        self.news = threading.Event()
        executor.bind(self.news.set)
        executor.start()

    def queue(self, number=0, **fields):
        """Hand an attempt over; return its task instance."""
        ti = TaskInstance("d", f"t{number}", "r", attempt=new_attempt_token(), **fields)
        self.executor.queue_command(ti, RunCommand(ti.key).words())
        self.executor.heartbeat()
        return ti

    def until(self, condition, what):
        """Take what the executor reports until something is true."""
        end = time.monotonic() + DEADLINE_S
        while True:
            self.executor.heartbeat()
            self.events |= self.executor.get_event_buffer()
            if condition():
                return
            assert time.monotonic() < end, f"waited for {what}: {self.events} {self.api.calls}"
            self.news.wait(0.02)
            self.news.clear()

    def name(self, ti):
        """Return the name of an attempt's pod once it is there."""
        self.until(lambda: self.pod_names(ti), f"the pod of {ti.task_id}")
        (name,) = self.pod_names(ti)
        return name

    def pod_names(self, ti):
        return [name for name in [*self.api.pods] if name.endswith(ti.attempt)]

    def end_of(self, ti):
        """Wait for the event of an attempt's end, and return it."""
        self.until(
            lambda: self.events.get(ti.key, ("queued",))[0] in {"success", "failed"},
            f"the end of {ti.task_id}",
        )
        return self.events[ti.key]

    def count(self, kind):
        return sum(call[0] == kind for call in self.api.calls)


@pytest.fixture
def make_rig(kube_api, tmp_path):
    made = []

    def make(**settings):
        kube_api.kubeconfig(tmp_path / "kubeconfig", token="one")
        environ = {
            "AIRFLOW_LITE_HOME": str(tmp_path),
            "AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S": "0",
            f"{PREFIX}CONFIG_FILE": str(tmp_path / "kubeconfig"),
            f"{PREFIX}WORKER_CONTAINER_REPOSITORY": "image",
            f"{PREFIX}WORKER_CONTAINER_TAG": "1",
            **{f"{PREFIX}{name.upper()}": text for name, text in settings.items()},
        }
        executor = KubernetesExecutor(parallelism=0)
        from airflow_lite_k8s_executor.plugin import get_config_options

        config = Config.load(environ)
        config.plugin_options = tuple(get_config_options())
        executor.configure(config)
        made.append(Rig(executor, kube_api))
        return made[-1]

    yield make
    for rig in made:
        rig.executor.terminate()


@pytest.fixture
def rig(make_rig):
    return make_rig()


FORBIDDEN = (403, status(403, "Forbidden", "pods is forbidden: User cannot create"))
QUOTA = (403, status(403, "Forbidden", "pods x is forbidden: exceeded quota: q, used: pods=1"))
TOO_MANY = (429, status(429, "TooManyRequests", "later"), {"Retry-After": "0.1"})
PASSING = {
    "429": TOO_MANY,
    "500": (500, status(500, "InternalError", "webhook timed out")),
    "503 of a proxy": (503, "<html>no upstream</html>"),
    "409 of a quota": (409, status(409, "Conflict", "the quota has been modified")),
    "quota": QUOTA,
    "hangs up": "drop",
    "its reply is lost": "lose",
    "401": (401, status(401, "Unauthorized", "expired")),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_pod_is_made_once_whatever_passes(rig, fault):
    rig.api.fail("POST", PASSING[fault], PASSING[fault])
    ti = rig.queue()
    name = rig.name(ti)
    rig.api.set_status(name, **ended(0))
    assert rig.end_of(ti)[0] == "success"
    made = [event for event in rig.api.events if event[1] == "ADDED"]
    assert len(made) == 1


LASTING = {
    "RBAC": (FORBIDDEN, "does not let the executor make pods in 'ns'"),
    "422": ((422, status(422, "Invalid", "spec.x: no")), "422 Invalid: spec.x: no"),
    "404": ((404, status(404, "NotFound", 'namespaces "ns" not found')), "namespaces"),
    "400 without JSON": ((400, "bad request"), "400: bad request"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_refusal_ends_the_try_with_its_reason(rig, fault):
    answer, words = LASTING[fault]
    rig.api.fail("POST", answer)
    state, info = rig.end_of(rig.queue())
    assert state == "failed"
    assert isinstance(info, Refused)
    assert words in info.reason
    ti = rig.queue(1)
    assert rig.name(ti)  # others go on


def test_a_quota_is_told_once_and_waited_for(rig, caplog):
    rig.api.fail("POST", QUOTA, QUOTA, QUOTA)
    first, second = rig.queue(0), rig.queue(1)
    for ti in (first, second):
        assert rig.name(ti)
    lines = [record for record in caplog.records if "quota is used up" in record.getMessage()]
    assert len(lines) == 1


def test_a_quota_may_be_waited_for_so_often_alone(make_rig):
    rig = make_rig(task_publish_max_retries="1")
    rig.api.fail("POST", QUOTA, QUOTA, QUOTA)
    _, info = rig.end_of(rig.queue())
    assert "the quota does not admit its pod" in info.reason
    assert rig.count("POST") == 2


def test_no_more_pods_are_in_flight_than_may_be(make_rig):
    rig = make_rig(worker_pods_in_flight="2")
    tis = [rig.queue(number) for number in range(5)]
    rig.until(lambda: len(rig.api.pods) == 2, "two pods")
    rig.queue(5)
    assert {*rig.api.pods} == {rig.name(tis[0]), rig.name(tis[1])}
    rig.api.set_status(rig.name(tis[0]), **RUNNING)
    rig.until(lambda: len(rig.api.pods) == 3, "a third")
    rig.api.set_status(rig.name(tis[1]), **ended(0))
    assert rig.name(tis[3])


def test_many_short_pods_end_right_that_nobody_saw_run(rig):
    tis = [rig.queue(number) for number in range(30)]
    for ti in tis:
        rig.api.set_status(rig.name(ti), **ended(0))
    assert {rig.end_of(ti)[0] for ti in tis} == {"success"}
    rig.until(lambda: not rig.api.pods, "the pods to be deleted")


def test_an_end_has_its_reason_and_its_proof(rig):
    ti = rig.queue()
    rig.api.set_status(rig.name(ti), **ended(137, "OOMKilled"))
    state, info = rig.end_of(ti)
    assert state == "failed"
    assert info == Lost(
        "container base was killed for want of memory (OOMKilled, exit code 137)", is_proven=True
    )


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "found missing"])
def test_a_pod_deleted_by_hand_ends_its_attempt(make_rig, is_told):
    rig = make_rig(worker_pods_queued_check_interval="1")
    ti = rig.queue()
    name = rig.name(ti)
    rig.until(lambda: ti.key in rig.events, "it to be seen")
    rig.api.vanish(name, is_told=is_told)
    state, info = rig.end_of(ti)
    assert (state, info.is_proven) == ("failed", False)
    assert "deleted" in info.reason


GONE = (410, status(410, "Expired", "too old"))


def test_a_watch_that_is_too_old_begins_anew_with_a_list(rig):
    rig.api.fail("WATCH", GONE, "drop", (500, "no"), TOO_MANY)
    ti = rig.queue()
    name = rig.name(ti)
    rig.api.oldest = 10_000  # and now it is told in the stream
    rig.api.set_status(name, **RUNNING)
    rig.until(lambda: rig.events.get(ti.key, ("",))[0] == "running", "it to be seen running")
    rig.api.oldest = 0
    rig.api.set_status(name, **ended(0))
    assert rig.end_of(ti)[0] == "success"


def test_a_watch_that_tells_nothing_is_made_good_by_the_next_list(make_rig):
    rig = make_rig(worker_pods_queued_check_interval="1")
    rig.api.is_deaf = True
    ti = rig.queue()
    rig.api.set_status(rig.name(ti), **ended(0))
    assert rig.end_of(ti)[0] == "success"


def test_pods_of_others_and_broken_ones_are_passed_over(rig):
    rig.api.create({"metadata": {"name": "poison", "labels": None}})
    rig.api.create({"metadata": {"name": "strange", "labels": {"airflow-lite-attempt": "x"}}})
    ti = rig.queue()
    rig.api.set_status("poison", phase=None)
    rig.api.set_status(rig.name(ti), **ended(0))
    assert rig.end_of(ti)[0] == "success"
    assert {"poison", "strange"} <= {*rig.api.pods}


def test_a_revoked_attempt_has_its_pod_deleted(rig):
    ti = rig.queue()
    rig.name(ti)
    rig.executor.revoke_task(ti=ti)
    rig.until(lambda: not rig.api.pods, "its pod to be deleted")
    assert not rig.executor.has_task(ti)
    assert "failed" not in {state for state, _ in rig.events.values()}


def test_what_is_revoked_as_it_is_made_is_deleted_after_all(rig):
    rig.api.fail("POST", "lose")
    ti = rig.queue()
    rig.api.wait_for(lambda: rig.api.pods, "the pod whose reply is lost")
    rig.executor.revoke_task(ti=ti)
    rig.until(lambda: not rig.api.pods, "its pod to be deleted")


def test_a_scheduler_that_ends_leaves_the_pod_that_is_being_made(rig, monkeypatch):
    create, is_in = rig.api.create, threading.Event()

    def slow(pod):
        made = create(pod)
        is_in.wait(DEADLINE_S)
        return made

    def close(board, left=Board.close):
        held = left(board)
        is_in.set()  # the answer comes when nobody waits for it any more
        return held

    monkeypatch.setattr(rig.api, "create", slow)
    monkeypatch.setattr(Board, "close", close)
    rig.queue()
    rig.api.wait_for(lambda: rig.api.pods, "the pod to be there")
    rig.executor.end()
    assert len(rig.api.pods) == 1


def test_an_adopted_attempt_keeps_its_pod(make_rig):
    old = make_rig()
    ti = old.queue()
    name = old.name(ti)
    uid = old.api.pods[name]["metadata"]["uid"]
    old.executor.end()
    new = make_rig()
    from dataclasses import replace

    assert new.executor.try_adopt_task_instances([replace(ti, state="queued")]) == []
    new.until(lambda: new.executor.has_task(ti), "the adoption")
    new.api.set_status(name, **ended(0))
    assert new.end_of(ti)[0] == "success"
    made = [pod for _, kind, pod in new.api.events if kind == "ADDED"]
    assert [pod["metadata"]["uid"] for pod in made] == [uid]


def test_what_has_ended_meanwhile_is_found_when_it_is_adopted(make_rig):
    from dataclasses import replace

    old = make_rig()
    ti = old.queue()
    name = old.name(ti)
    old.executor.end()
    old.api.set_status(name, **ended(0))
    new = make_rig()
    assert new.executor.try_adopt_task_instances([replace(ti, state="queued")]) == []
    assert new.end_of(ti)[0] == "success"
    assert new.executor.slots_occupied == 0


def test_a_fatal_wait_is_given_up_at_once_with_its_pod(rig):
    ti = rig.queue()
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    base = {"name": "base", "image": "image:1", "state": waiting}
    rig.api.set_status(rig.name(ti), phase="Pending", containerStatuses=[base])
    _, info = rig.end_of(ti)
    assert "cannot be pulled" in info.reason
    rig.until(lambda: not rig.api.pods, "its pod to be deleted")


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("CreateContainerConfigError", "failed to sync configmap cache: timed out waiting"),
        ("ErrImagePull", "pull QPS exceeded"),
    ],
)
def test_what_the_kubelet_only_has_to_try_again_is_waited_for(rig, reason, message):
    ti = rig.queue()
    base = {"name": "base", "image": "image:1"}
    waiting = {"waiting": {"reason": reason, "message": message}}
    rig.api.set_status(
        rig.name(ti), phase="Pending", containerStatuses=[{**base, "state": waiting}]
    )
    rig.until(lambda: rig.events.get(ti.key, ("",))[0] == "queued", "the pod to be seen")
    rig.api.set_status(rig.name(ti), phase="Succeeded")
    assert rig.end_of(ti)[0] == "success"


def test_a_pod_that_no_node_takes_is_taken_back_after_its_time(make_rig):
    rig = make_rig(worker_pods_pending_timeout="0.3")
    no = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full"}
    rig.api.first_status = {"phase": "Pending", "conditions": [no]}
    ti = rig.queue()
    _, info = rig.end_of(ti)
    assert info.reason == "its pod did not run within 0.3 s: no node takes the pod: full"


@pytest.mark.parametrize(("on_failure", "is_left"), [("False", True), ("True", False)])
def test_a_pod_whose_program_failed_stays_as_told(make_rig, on_failure, is_left):
    rig = make_rig(delete_worker_pods_on_failure=on_failure)
    failed, good = rig.queue(0), rig.queue(1)
    names = rig.name(failed), rig.name(good)
    rig.api.logs[names[0]] = "Traceback: boom\n"
    rig.api.set_status(names[0], **ended(1))
    rig.api.set_status(names[1], **ended(0))
    rig.end_of(failed), rig.end_of(good)
    rig.until(lambda: names[1] not in rig.api.pods, "the good one to be deleted")
    log = rig.executor.config.home / "logs/dag_id=d/run_id=r/task_id=t0/attempt=1.log"
    rig.until(log.exists, "the log to be kept")
    assert log.read_text() == "Traceback: boom\n"
    if not is_left:
        rig.until(lambda: not rig.api.pods, "the other to be deleted")
    assert (names[0] in rig.api.pods) is is_left


def test_a_recorded_attempt_whose_pod_goes_on_is_deleted_after_a_moment(rig, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr("airflow_lite_k8s_executor.tracker.LINGER_S", 0.2)
    ti = rig.queue()
    name = rig.name(ti)
    rig.api.set_status(name, **RUNNING)
    rig.until(lambda: rig.events.get(ti.key, ("",))[0] == "running", "it to run")
    rig.api.logs[name] = "said\n"
    rig.executor.revoke_task(ti=replace(ti, state="success"))
    assert not rig.executor.has_task(ti)
    rig.until(lambda: not rig.api.pods, "its pod to be deleted")
    log = rig.executor.config.home / "logs/dag_id=d/run_id=r/task_id=t0/attempt=1.log"
    assert log.read_text() == "said\n"


def test_what_ended_under_a_dead_scheduler_is_removed_by_another(make_rig, monkeypatch):
    monkeypatch.setattr("airflow_lite_k8s_executor.tracker.ORPHAN_S", 0.2)
    dead = make_rig()
    failed, good = dead.queue(0), dead.queue(1)
    names = dead.name(failed), dead.name(good)
    dead.executor.end()
    dead.api.logs[names[1]] = "said\n"
    dead.api.set_status(names[0], **ended(1))
    dead.api.set_status(names[1], **ended(0))
    rig = make_rig()
    rig.until(lambda: names[1] not in rig.api.pods, "the good one to be deleted")
    log = rig.executor.config.home / "logs/dag_id=d/run_id=r/task_id=t1/attempt=1.log"
    assert log.read_text() == "said\n"
    assert names[0] in rig.api.pods  # it is told to stay
    assert rig.events == {}


def test_a_scheduler_that_ends_waits_for_the_pods_of_recorded_attempts(rig):
    from dataclasses import replace

    ti = rig.queue()
    name = rig.name(ti)
    rig.api.set_status(name, **RUNNING)
    rig.until(lambda: rig.events.get(ti.key, ("",))[0] == "running", "it to run")
    rig.executor.revoke_task(ti=replace(ti, state="success"))
    rig.api.set_status(name, **ended(0))
    rig.executor.end()
    assert not rig.api.pods


def test_a_pod_in_a_namespace_that_nobody_looks_at_is_refused(rig):
    config = {"pod_override": {"metadata": {"namespace": "elsewhere"}}}
    _, info = rig.end_of(rig.queue(executor_config=config))
    assert "multi_namespace_mode" in info.reason


def test_a_refused_token_is_read_again(make_rig, tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    rig = make_rig()
    rig.executor.end()
    rig.api.tokens = {"Bearer old"}
    rig.api.kubeconfig(tmp_path / "kubeconfig", tokenFile=str(token))
    again = Rig(rig.executor, rig.api)
    assert again.name(again.queue(0))
    token.write_text("new")
    rig.api.tokens = {"Bearer new"}
    assert again.name(again.queue(1))


@pytest.mark.parametrize("bad", ["old style", "no base", "strange key", "image missing"])
def test_a_pod_that_cannot_be_is_refused_before_anybody_is_asked(make_rig, bad):
    rig = make_rig(
        **(
            {"worker_container_repository": "", "worker_container_tag": ""}
            if bad == "image missing"
            else {}
        )
    )
    configs = {
        "old style": {"KubernetesExecutor": {}},
        "no base": {
            "pod_override": {"spec": {"containers": [{"name": "base", "$patch": "delete"}]}}
        },
        "strange key": {"pod_overide": {}},
        "image missing": {},
    }
    _, info = rig.end_of(rig.queue(executor_config=configs[bad]))
    assert isinstance(info, Refused)
    assert rig.count("POST") == 0


def test_no_password_is_in_a_pod(rig):
    ti = rig.queue()
    text = json.dumps(rig.api.pods[rig.name(ti)])
    assert "secretKeyRef" in text
    assert "sqlite" not in text
