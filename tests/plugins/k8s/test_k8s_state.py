"""What a pod's state means: from JSON as API servers write it to plain words.

Kubernetes 1.20, which the tests run, has shown those without a note. Conditions of later versions,
DisruptionTarget and native sidecars, are written as their documentation has them.
"""

from __future__ import annotations

import pytest

from airflow_lite_k8s_executor.pods.state import Stage, read_state


def pod(phase, base=None, *, init=None, side=None, spec=None, **status):
    """Return a pod; a container's state is a dict such as {"running": {}}."""
    statuses = {"phase": phase, **status}
    containers = [("base", base), ("side", side)]
    shown = [
        {"name": name, "image": "img:1", "state": state} for name, state in containers if state
    ]
    if shown:
        statuses["containerStatuses"] = shown
    if init is not None:
        statuses["initContainerStatuses"] = [{"name": "prepare", "image": "img:2", "state": init}]
    return {"metadata": {"name": "p"}, "spec": spec or {}, "status": statuses}


def ended(code, reason="Error", message=None):
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def waits(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


LIMITED = {"containers": [{"name": "base", "resources": {"limits": {"memory": "64Mi"}}}]}
DISRUPTED = "DisruptionTarget"


def condition(kind, reason, message="", status="True"):
    return [{"type": kind, "status": status, "reason": reason, "message": message}]


ENDS = {
    "out of memory": (
        pod("Failed", ended(137, "OOMKilled"), spec=LIMITED),
        "container base was killed for want of memory at its limit of 64Mi (OOMKilled, exit code"
        " 137)",
        True,
    ),
    "out of memory, unlimited": (
        pod("Failed", ended(137, "OOMKilled")),
        "container base was killed for want of memory (OOMKilled, exit code 137)",
        True,
    ),
    "killed": (
        pod("Failed", ended(137)),
        "container base was killed (SIGKILL, exit code 137)",
        True,
    ),
    "crashed": (
        pod("Failed", ended(139)),
        "container base ended with SIGSEGV, exit code 139",
        True,
    ),
    "exit code": (
        pod("Failed", ended(1, message="bad luck")),
        "container base ended with exit code 1: bad luck",
        True,
    ),
    "no such command": (
        pod("Failed", ended(128, "StartError", "exec: not found")),
        "container base could not be started (StartError, exit code 128): exec: not found",
        True,
    ),
    "evicted, without statuses": (
        pod("Failed", reason="Evicted", message="The node was low on resource: memory. "),
        "the node evicted the pod: The node was low on resource: memory.",
        False,
    ),
    "evicted, killed": (
        pod("Failed", ended(137), reason="Evicted", message="Usage of EmptyDir exceeds the limit."),
        "the node evicted the pod: Usage of EmptyDir exceeds the limit.",
        True,
    ),
    "past its deadline, told as running": (
        pod(
            "Failed", {"running": {}}, reason="DeadlineExceeded", message="Pod was active too long"
        ),
        "the pod ran longer than its activeDeadlineSeconds: Pod was active too long",
        False,
    ),
    "init container": (
        pod("Failed", waits("PodInitializing"), init=ended(1, message="no config")),
        "init container prepare ended with exit code 1: no config",
        True,
    ),
    "node full": (
        pod("Failed", reason="OutOfcpu", message="Node didn't have enough resource"),
        "the node had not enough cpu left for it: Node didn't have enough resource",
        False,
    ),
    "node shut down (1.21)": (
        pod("Failed", reason="Terminated", message="Pod was terminated"),
        "the pod's node was shut down: Pod was terminated",
        False,
    ),
    "something new": (pod("Failed", reason="Novelty"), "the pod has failed: Novelty", False),
    "nothing": (pod("Failed"), "the pod has failed, and nothing says why", False),
    "preempted (1.26)": (
        pod(
            "Failed",
            ended(143),
            conditions=condition(DISRUPTED, "PreemptionByScheduler", "preempted by p2"),
        ),
        "the pod made way for one of higher priority: preempted by p2",
        True,
    ),
    "drained (1.26)": (
        pod("Failed", ended(143), conditions=condition(DISRUPTED, "EvictionByEvictionAPI")),
        "the pod was evicted, as by a drain of its node",
        True,
    ),
    "its node is gone (1.26)": (
        pod("Failed", conditions=condition(DISRUPTED, "DeletionByPodGC")),
        "the pod's node is gone",
        False,
    ),
    "unknown end (1.22)": (
        pod("Failed", ended(137, "ContainerStatusUnknown", "The container could not be located")),
        "nobody knows how container base ended (ContainerStatusUnknown)",
        True,
    ),
    "sidecar left": (
        pod("Running", ended(1), side={"running": {}}),
        "container base ended with exit code 1",
        True,
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_is_told_in_words(name):
    shown, words, is_proven = ENDS[name]
    state = read_state(shown)
    assert (state.stage, state.reason) == (Stage.ENDED, words)
    assert not state.is_recorded
    assert state.is_proven is is_proven


@pytest.mark.parametrize("phase", ["Succeeded", "Running", "Failed"])
def test_exit_code_0_is_an_outcome_whatever_the_phase(phase):
    """A sidecar still runs, or has failed."""
    state = read_state(pod(phase, ended(0, "Completed"), side={"running": {}}))
    assert state.stage is Stage.ENDED
    assert state.is_recorded


def test_a_pod_that_succeeded_without_statuses_recorded_its_outcome():
    assert read_state(pod("Succeeded")).is_recorded


def test_exit_code_3_is_an_attempt_that_is_nobodys():
    state = read_state(pod("Failed", ended(3)))
    assert state.is_void
    assert state.reason == "its attempt was not queued any more when it began"


WAITS = {
    "ErrImagePull": (
        pod("Pending", waits("ErrImagePull", "not found")),
        "container base has no image: it cannot be pulled (ErrImagePull) (image 'img:1'): not found",
    ),
    "CreateContainerConfigError": (
        pod("Pending", waits("CreateContainerConfigError", 'configmap "x" not found')),
        "container base cannot be made from what the pod names (CreateContainerConfigError):"
        ' configmap "x" not found',
    ),
    "ImagePullBackOff": (
        pod("Pending", waits("PodInitializing"), init=waits("ImagePullBackOff")),
        "container prepare has no image: it cannot be pulled (ImagePullBackOff) (image 'img:2')",
    ),
    "Unschedulable": (
        pod("Pending", conditions=condition("PodScheduled", "Unschedulable", "0/1 nodes", "False")),
        "no node takes the pod: 0/1 nodes",
    ),
    "SchedulingGated": (
        pod("Pending", conditions=condition("PodScheduled", "SchedulingGated", "", "False")),
        "no node takes the pod",
    ),
    "": (pod("Pending", waits("ContainerCreating")), ""),
}


@pytest.mark.parametrize("word", WAITS)
def test_a_wait_is_told_in_words(word):
    shown, words = WAITS[word]
    state = read_state(shown)
    assert (state.stage, state.word, state.reason) == (Stage.PENDING, word, words)


def test_a_native_sidecar_is_no_init_container_that_failed():
    """Kubernetes 1.29."""
    spec = {"initContainers": [{"name": "prepare", "restartPolicy": "Always"}]}
    state = read_state(pod("Failed", ended(1), init=ended(137), spec=spec))
    assert state.reason == "container base ended with exit code 1"
    state = read_state(pod("Failed", init=ended(137), spec=spec, reason="Evicted"))
    assert state.reason == "the node evicted the pod"


def test_a_pod_runs():
    assert read_state(pod("Running", {"running": {}})).stage is Stage.RUNNING
    assert read_state(pod("Unknown", {"running": {}})).stage is Stage.RUNNING


DELETED = {
    "before it ran": (
        pod("Pending", waits("ContainerCreating")),
        "pod p was deleted before it ran, by hand or with its node",
    ),
    "while it waited": (
        pod("Pending", conditions=condition("PodScheduled", "Unschedulable", "full", "False")),
        "pod p was deleted before it ran (no node takes the pod: full), by hand or with its node",
    ),
    "while it ran": (
        pod("Running", {"running": {}}),
        "pod p was deleted while it ran, by hand or with its node",
    ),
    "preempted (1.26)": (
        pod("Pending", conditions=condition(DISRUPTED, "PreemptionByScheduler")),
        "the pod made way for one of higher priority",
    ),
}


@pytest.mark.parametrize("name", DELETED)
def test_a_deletion_ends_it_and_proves_no_death(name):
    shown, words = DELETED[name]
    state = read_state(shown, is_deleted=True)
    assert (state.stage, state.reason, state.is_proven) == (Stage.ENDED, words, False)


def test_a_deleted_pod_whose_program_had_ended_is_as_it_ended():
    assert read_state(pod("Running", ended(0)), is_deleted=True).is_recorded
    assert read_state(pod("Running", ended(143)), is_deleted=True).is_proven


@pytest.mark.parametrize("broken", [{}, {"status": None}, {"status": {"phase": "Novel"}}])
def test_a_pod_that_says_nothing_waits(broken):
    assert read_state(broken) == (Stage.PENDING, "", "", None, False)


@pytest.mark.parametrize(
    ("word", "message", "never"),
    [
        ("CreateContainerConfigError", 'secret "none" not found', True),
        ("CreateContainerConfigError", "failed to sync configmap cache: timed out", False),
        ("ErrImagePull", "pull QPS exceeded", False),
        ("ContainerCreating", None, False),
    ],
)
def test_what_the_kubelet_only_has_to_try_again_may_still_start(word, message, never):
    state = read_state(pod("Pending", {"waiting": {"reason": word, "message": message}}))
    assert state.never_starts({"CreateContainerConfigError", "ErrImagePull"}) is never
