"""How the pod of an attempt is called and labelled, so that anybody finds it again."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.executors import TaskInstanceKey

#: The container in which the task runs, as Airflow calls it.
BASE = "base"
#: Labels of ours beside Airflow's.
TOKEN_LABEL, INSTANCE_LABEL = "airflow-lite-attempt", "airflow-lite-instance"
OWNER_LABEL, KIND_LABEL, DONE_LABEL = (
    "airflow-worker",
    "kubernetes_executor",
    "airflow_executor_done",
)
_LONGEST_LABEL = 63
#: Letters of a pod's name that say what it runs; the token makes it unique.
_LONGEST_PREFIX = 30
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?")


def pod_name(key: TaskInstanceKey) -> str:
    """Return the name of an attempt's pod: the same whoever asks, and nobody else's."""
    text = f"{key.dag_id}-{key.task_id}".lower()
    prefix = re.sub(r"[^a-z0-9]+", "-", text)[:_LONGEST_PREFIX].strip("-")
    return f"{prefix}-{key.attempt}" if prefix else f"task-{key.attempt}"


def label_value(text: str) -> str:
    """Return a text as a label may have it; one that may not stand so ends in its digest."""
    if len(text) <= _LONGEST_LABEL and _LABEL.fullmatch(text):
        return text
    digest = sha256(text.encode()).hexdigest()[:9]
    safe = re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "", text)
    return f"{safe[: _LONGEST_LABEL - len(digest) - 1]}-{digest}".lstrip("-._")


def metadata(key: TaskInstanceKey, *, instance: str, owner: str) -> dict[str, Any]:
    """Return the labels, by which pods are found, and annotations, which have ids as they are."""
    ids = {
        "dag_id": key.dag_id,
        "task_id": key.task_id,
        "run_id": key.run_id,
        "try_number": str(key.try_number),
    }
    if key.map_index >= 0:
        ids["map_index"] = str(key.map_index)
    labels = {
        **{name: label_value(value) for name, value in ids.items()},
        KIND_LABEL: "True",
        OWNER_LABEL: label_value(owner),
        INSTANCE_LABEL: instance,
        TOKEN_LABEL: key.attempt,
    }
    return {"name": pod_name(key), "labels": labels, "annotations": ids}


def selector(instance: str) -> str:
    """Return the selector of all our pods that nobody is done with."""
    return f"{KIND_LABEL}=True,{INSTANCE_LABEL}={instance},{DONE_LABEL}!=True"


def key_of(pod: dict[str, Any]) -> TaskInstanceKey | None:
    """Return whose pod it is, by its annotations; None if they do not say."""
    from airflow_lite.executors import TaskInstanceKey

    ids, token = (pod.get("metadata") or {}).get("annotations") or {}, token_of(pod)
    try:
        names = ids["dag_id"], ids["task_id"], ids["run_id"]
        numbers = int(ids["try_number"]), int(ids.get("map_index", -1))
    except (KeyError, TypeError, ValueError):
        return None
    return None if token is None else TaskInstanceKey(*names, *numbers, token)


def uid_of(pod: dict[str, Any]) -> str | None:
    """Return the uid of a pod."""
    uid = (pod.get("metadata") or {}).get("uid")
    return uid if isinstance(uid, str) else None


def token_of(pod: dict[str, Any]) -> str | None:
    """Return the token of a pod's attempt; None if it has none: it is not ours."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    token = labels.get(TOKEN_LABEL)
    return token if isinstance(token, str) else None
