"""What a pod's state means for the attempt in it: from its JSON to plain words.

The row has the outcome; a pod only says whether its program has ended, and why. All three lists of
statuses are read: after a failed init container the base one still waits, an evicted pod has none,
one that ran past its deadline has containers that are told as running.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_k8s_executor.pods.naming import BASE

if TYPE_CHECKING:
    from collections.abc import Collection

Pod = dict[str, Any]

#: Exit codes of `airflow-lite tasks run`.
RECORDED, NOT_MINE = 0, 3
_SIGNALS = {134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
_KILLED = 137
_LONGEST = 300
#: What is said beside a fatal reason where the kubelet only has to try again: it pulls too much at
#: once, or had no answer from the API server in time.
_PASSING = ("QPS exceeded", "failed to sync")


class Stage(enum.Enum):
    """How far a pod is."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


class PodState(NamedTuple):
    """A pod's stage, with what is to be told of it.

    Of one that waits, `word` is Kubernetes' own for the reason. Of one that ended, `exit_code` is
    the base container's, None if it has none, and `is_proven` says that its processes are surely
    dead.
    """

    stage: Stage
    reason: str = ""
    word: str = ""
    exit_code: int | None = None
    is_proven: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether the program ended by itself, having recorded the outcome."""
        return self.exit_code == RECORDED

    def never_starts(self, fatal_words: Collection[str]) -> bool:
        """Whether it waits for one of these reasons, and more than the kubelet's next try."""
        is_passing = any(words in self.reason for words in _PASSING)
        return self.word in fatal_words and not is_passing

    @property
    def is_void(self) -> bool:
        """Whether the program found the attempt to be nobody's any more."""
        return self.exit_code == NOT_MINE


def read_state(pod: Pod, *, is_deleted: bool = False) -> PodState:
    """Read a pod; with `is_deleted`, the last state of one that is gone."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    terminated = _terminated(_base_status(status))
    if terminated is not None:
        return _ended_base(pod, terminated)
    if phase == "Succeeded":
        return PodState(Stage.ENDED, exit_code=RECORDED, is_proven=True)
    if phase == "Failed":
        return _failed(pod)
    if is_deleted:
        return _deleted(pod)
    if phase == "Running" or (phase == "Unknown" and _has_run(status)):
        return PodState(Stage.RUNNING)
    reason, word = _waiting(status)
    return PodState(Stage.PENDING, reason, word)


def deletion(pod: Pod) -> str | None:
    """Return why a pod that runs is to be deleted; None if it is not."""
    if not (pod.get("metadata") or {}).get("deletionTimestamp"):
        return None
    told = "is deleted, by hand, by preemption or with its node"
    return _disruption(pod.get("status") or {}) or f"pod {_name(pod)} {told}"


def gone(name: str) -> PodState:
    """Return the state of a pod that is not there any more, of which nobody saw the end."""
    return PodState(Stage.ENDED, f"pod {name} is gone: it was deleted, by hand or with its node")


def _ended_base(pod: Pod, terminated: dict[str, Any]) -> PodState:
    code = terminated.get("exitCode")
    exit_code = code if isinstance(code, int) else None
    if exit_code == RECORDED:
        return PodState(Stage.ENDED, exit_code=RECORDED, is_proven=True)
    if exit_code == NOT_MINE:
        words = "its attempt was not queued any more when it began"
        return PodState(Stage.ENDED, words, exit_code=NOT_MINE, is_proven=True)
    reason = _of_pod(pod) or _of_container(pod, BASE, terminated)
    cause = _of_container(pod, BASE, terminated)
    words = reason if reason == cause or not _is_telling(terminated) else f"{cause}; {reason}"
    return PodState(Stage.ENDED, words, exit_code=exit_code, is_proven=True)


def _is_telling(terminated: dict[str, Any]) -> bool:
    """Whether a container's end says more than that it was killed, or ended with a code."""
    return terminated.get("reason") not in {
        None,
        "",
        "Error",
        "Completed",
        "ContainerStatusUnknown",
    }


def _failed(pod: Pod) -> PodState:
    """Read a failed pod whose base container has not ended, as far as anybody knows."""
    status = pod.get("status") or {}
    init = _failed_init(pod)
    words = init or _of_pod(pod) or "the pod has failed, and nothing says why"
    has_begun = _has_run(status)
    return PodState(Stage.ENDED, words, is_proven=init is not None and not has_begun)


def _deleted(pod: Pod) -> PodState:
    status = pod.get("status") or {}
    cause = _disruption(status)
    if cause is None:
        when = "while it ran" if _has_run(status) else "before it ran"
        waited, _ = _waiting(status)
        why = f" ({waited})" if waited and not _has_run(status) else ""
        cause = f"pod {_name(pod)} was deleted {when}{why}, by hand or with its node"
    return PodState(Stage.ENDED, cause)


def _of_pod(pod: Pod) -> str | None:
    """Return what the pod itself says of its end: a condition, or a reason of its own."""
    status = pod.get("status") or {}
    cause = _disruption(status)
    if cause is not None:
        return cause
    word, message = str(status.get("reason") or ""), _text(status.get("message"))
    if not word:
        return None
    told = _POD_REASONS.get(word)
    if told is None and word.startswith("OutOf"):
        told = f"the node had not enough {word.removeprefix('OutOf')} left for it"
    told = told or f"the pod has failed: {word}"
    return f"{told}: {message}" if message else told


_POD_REASONS = {
    "Evicted": "the node evicted the pod",
    "DeadlineExceeded": "the pod ran longer than its activeDeadlineSeconds",
    "NodeLost": "the pod's node was lost",
    "NodeShutdown": "the pod's node was shut down",
    "Shutdown": "the pod's node was shut down",
    "Terminated": "the pod's node was shut down",
    "NodeAffinity": "the node does not fit what the pod asks for",
    "Preempting": "the pod made way for one of higher priority",
    "UnexpectedAdmissionError": "the node could not take the pod",
    "ProviderFailed": "the provider of the node could not run the pod",
}
#: Reasons of the condition DisruptionTarget, which Kubernetes has since 1.25.
_DISRUPTIONS = {
    "PreemptionByScheduler": "the pod made way for one of higher priority",
    "DeletionByTaintManager": "the pod's node was tainted, which it does not tolerate",
    "EvictionByEvictionAPI": "the pod was evicted, as by a drain of its node",
    "DeletionByPodGC": "the pod's node is gone",
    "TerminationByKubelet": "the node ended the pod, for want of resources or to shut down",
}


def _disruption(status: dict[str, Any]) -> str | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            word, message = str(condition.get("reason") or ""), _text(condition.get("message"))
            told = _DISRUPTIONS.get(word, f"the pod was disrupted: {word}")
            return f"{told}: {message}" if message else told
    return None


def _failed_init(pod: Pod) -> str | None:
    status = pod.get("status") or {}
    for container in status.get("initContainerStatuses") or ():
        name = str(container.get("name"))
        terminated = _terminated(container) or (container.get("lastState") or {}).get("terminated")
        if terminated and terminated.get("exitCode") and not _is_sidecar(pod, name):
            return _of_container(pod, name, terminated, kind="init container")
    return None


def _is_sidecar(pod: Pod, name: str) -> bool:
    """Whether an init container is a native sidecar, which runs beside the others."""
    containers = (pod.get("spec") or {}).get("initContainers") or ()
    return any(
        container.get("name") == name and container.get("restartPolicy") == "Always"
        for container in containers
    )


def _of_container(pod: Pod, name: str, terminated: dict[str, Any], kind: str = "container") -> str:
    word, code = str(terminated.get("reason") or ""), terminated.get("exitCode")
    message = _text(terminated.get("message"))
    subject = f"{kind} {name}"
    if word == "OOMKilled":
        limit = _memory_limit(pod, name)
        at = f" at its limit of {limit}" if limit else ""
        return f"{subject} was killed for want of memory{at} (OOMKilled, exit code {code})"
    if word in {"StartError", "ContainerCannotRun"}:
        return _joined(f"{subject} could not be started ({word}, exit code {code})", message)
    if word == "ContainerStatusUnknown":
        return f"nobody knows how {subject} ended (ContainerStatusUnknown)"
    if code == _KILLED:
        return _joined(f"{subject} was killed (SIGKILL, exit code {code})", message)
    signal = f"{_SIGNALS[code]}, " if code in _SIGNALS else ""
    return _joined(f"{subject} ended with {signal}exit code {code}", message)


def _memory_limit(pod: Pod, name: str) -> str | None:
    spec = pod.get("spec") or {}
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        if container.get("name") == name:
            limits = (container.get("resources") or {}).get("limits") or {}
            return limits.get("memory")
    return None


def _waiting(status: dict[str, Any]) -> tuple[str, str]:
    """Return why a pod does not run yet, in words and in Kubernetes' word."""
    containers = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        word = str(waiting.get("reason") or "")
        if word and word not in _USUAL:
            told = _WAITS.get(word, f"waits: {word}")
            subject = f"container {container.get('name')} {told}"
            if word in _IMAGE_WORDS:
                subject = f"{subject} (image {container.get('image')!r})"
            return _joined(subject, _text(waiting.get("message"))), word
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            word = str(condition.get("reason") or "Unschedulable")
            return _joined("no node takes the pod", _text(condition.get("message"))), word
    return "", ""


_USUAL = frozenset({"ContainerCreating", "PodInitializing"})
_IMAGE_WORDS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
)
_WAITS = {
    "ErrImagePull": "has no image: it cannot be pulled (ErrImagePull)",
    "ImagePullBackOff": "has no image: it cannot be pulled (ImagePullBackOff)",
    "ErrImageNeverPull": "has no image: it is not on the node, and may not be pulled"
    " (ErrImageNeverPull)",
    "InvalidImageName": "has an image whose name is none (InvalidImageName)",
    "CreateContainerConfigError": "cannot be made from what the pod names"
    " (CreateContainerConfigError)",
    "CreateContainerError": "cannot be made (CreateContainerError)",
    "RunContainerError": "cannot be run (RunContainerError)",
    "CrashLoopBackOff": "fails again and again (CrashLoopBackOff)",
}


def _base_status(status: dict[str, Any]) -> dict[str, Any]:
    for container in status.get("containerStatuses") or ():
        if container.get("name") == BASE:
            return dict(container)
    return {}


def _terminated(container: dict[str, Any]) -> dict[str, Any] | None:
    terminated = (container.get("state") or {}).get("terminated")
    return terminated if isinstance(terminated, dict) else None


def _has_run(status: dict[str, Any]) -> bool:
    state = _base_status(status).get("state") or {}
    return "running" in state or "terminated" in state


def _joined(text: str, message: str) -> str:
    return f"{text}: {message}" if message else text


def _text(message: Any) -> str:
    return " ".join(str(message or "").split())[:_LONGEST]


def _name(pod: Pod) -> str:
    return str((pod.get("metadata") or {}).get("name", ""))
