"""The pod of an attempt. One function builds it, to be run, shown or exported."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_k8s_executor.pods.merge import merged
from airflow_lite_k8s_executor.pods.naming import BASE, metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_lite.executors import TaskInstanceKey
    from airflow_lite_k8s_executor.settings import TemplateSettings

Pod = dict[str, Any]

#: What a task may ask for in its `executor_config`.
OVERRIDE, TEMPLATE_FILE = "pod_override", "pod_template_file"
_KNOWN = frozenset({OVERRIDE, TEMPLATE_FILE})
_OLD_STYLE = "KubernetesExecutor"
#: The variable of the metadata database's URL, and the key of the Secret that has it.
DATABASE_VARIABLE, DATABASE_KEY = "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN", "sql_alchemy_conn"
#: By which a task can tell that it is in such a pod, as under Airflow.
_MARK = {"name": "AIRFLOW_IS_K8S_EXECUTOR_POD", "value": "True"}


class BadPodError(ValueError):
    """What a task, or a template, says of its pod is of no use. Mend it."""


class PodAttempt(NamedTuple):
    """What a pod is made for."""

    key: TaskInstanceKey
    command: list[str]
    executor_config: Mapping[str, Any]


class PodBuilder:
    """Builds pods from the settings; templates are read anew when their file has changed.

    `mutate` is what every pod is passed through at last, if anything.
    """

    def __init__(
        self,
        settings: TemplateSettings,
        *,
        namespace: str,
        instance: str,
        owner: str,
        mutate: Callable[[Pod], Pod] | None = None,
    ) -> None:
        self._settings = settings
        self._namespace = namespace
        self._instance = instance
        self._owner = owner
        self._mutate = mutate
        self._templates: dict[str, tuple[int, Pod]] = {}

    def build(self, attempt: PodAttempt) -> Pod:
        """Return the pod of an attempt; raise `BadPodError`."""
        over, file = read_executor_config(attempt.executor_config)
        pod = self._template(file)
        pod = merged(pod, over)
        base = _base_container(pod)
        self._complete_pod(pod)
        self._complete_base(base, attempt.command)
        self._name(pod, attempt.key)
        return pod if self._mutate is None else self._checked(self._mutate(pod), attempt.key)

    def _name(self, pod: Pod, key: TaskInstanceKey) -> None:
        about = metadata(key, instance=self._instance, owner=self._owner)
        pod["metadata"] = merged(pod.get("metadata") or {}, about)

    def _checked(self, pod: Pod, key: TaskInstanceKey) -> Pod:
        """Return a pod that was mutated, with all by which it is found and ends."""
        _check_shape(pod, "What the hook leaves of the pod", needs_spec=True)
        _base_container(pod)
        self._complete_pod(pod)
        self._name(pod, key)
        return pod

    def _template(self, file: str | None) -> Pod:
        path = self._settings.file if file is None else _path(file)
        if path is None:
            return self._small_one()
        stamp = _stamp(path)
        known = self._templates.get(str(path))
        if known is None or known[0] != stamp:
            known = self._templates[str(path)] = stamp, read_template(path)
        return deepcopy(known[1])

    def _small_one(self) -> Pod:
        spec: dict[str, Any] = {
            "automountServiceAccountToken": False,
            "containers": [{"name": BASE, "imagePullPolicy": "IfNotPresent"}],
        }
        return {"apiVersion": "v1", "kind": "Pod", "spec": spec}

    def _complete_pod(self, pod: Pod) -> None:
        pod["apiVersion"], pod["kind"] = "v1", "Pod"
        pod.pop("status", None)
        about = pod.setdefault("metadata", {})
        about.setdefault("namespace", self._namespace)
        spec = pod["spec"]
        spec["restartPolicy"] = "Never"  # an attempt starts at most once
        if self._settings.service_account:
            spec.setdefault("serviceAccountName", self._settings.service_account)

    def _complete_base(self, base: dict[str, Any], command: list[str]) -> None:
        settings = self._settings
        if settings.image is not None:
            base.setdefault("image", settings.image)
        if not base.get("image"):
            raise BadPodError(
                "The pod has no image. Set [kubernetes] worker_container_repository and"
                " worker_container_tag, or name one in the pod template."
            )
        # An entry point of the image, or a command of the template, would get in the way.
        base["command"], base["args"] = command[:1], command[1:]
        variables = base.setdefault("env", [])
        names = {variable.get("name") for variable in variables}
        if settings.database_secret and DATABASE_VARIABLE not in names:
            secret = {"name": settings.database_secret, "key": DATABASE_KEY}
            source = {"secretKeyRef": secret}
            variables.append({"name": DATABASE_VARIABLE, "valueFrom": source})
        if _MARK["name"] not in names:
            variables.append(dict(_MARK))
        if settings.config_map:
            reference = {"configMapRef": {"name": settings.config_map, "optional": True}}
            sources = base.setdefault("envFrom", [])
            if reference not in sources:
                sources.insert(0, reference)


def read_executor_config(config: Mapping[str, Any]) -> tuple[Pod, str | None]:
    """Return the override and the template file that a task asks for; raise `BadPodError`."""
    if _OLD_STYLE in config:
        raise BadPodError(
            f"executor_config has {_OLD_STYLE!r}, which Airflow 2 no longer reads. Write"
            ' {"pod_override": {"spec": …}} in its place.'
        )
    strange = sorted(map(str, config.keys() - _KNOWN))
    if strange:
        raise BadPodError(
            f"executor_config has {strange[0]!r}. It may have {' and '.join(sorted(_KNOWN))}."
        )
    over, file = config.get(OVERRIDE) or {}, config.get(TEMPLATE_FILE)
    if not isinstance(over, dict):
        raise BadPodError(f"pod_override is no pod: {type(over).__name__}. Make it a dict.")
    if file is not None and not isinstance(file, str):
        raise BadPodError("pod_template_file is no path. Make it a text.")
    _check_shape(over, "pod_override", needs_spec=False)
    return over, file


def read_template(path: Path) -> Pod:
    """Read a template; raise `BadPodError`."""
    import yaml

    try:
        pod = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPodError(f"Pod template {path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadPodError(f"Pod template {path} is no YAML ({_first(error)}).") from error
    _check_shape(pod, f"Pod template {path}", needs_spec=True)
    return dict(pod)


def _check_shape(pod: Any, what: str, *, needs_spec: bool) -> None:
    if not isinstance(pod, dict) or (needs_spec and not isinstance(pod.get("spec"), dict)):
        raise BadPodError(f"{what} has no spec. Make it a pod.")
    for name, kind in (("metadata", dict), ("spec", dict)):
        if not isinstance(pod.get(name, kind()) or kind(), kind):
            raise BadPodError(f"{what}: {name} is no object. Make it one.")
    spec = pod.get("spec") or {}
    for name in ("containers", "initContainers"):
        items = spec.get(name) or []
        if not isinstance(items, list) or not all(
            isinstance(item, dict) and isinstance(item.get("name"), str) for item in items
        ):
            raise BadPodError(f"{what}: {name} is no list of containers, each with a name.")
    snake = [name for name in spec if "_" in name]
    if snake:
        raise BadPodError(f"{what}: spec has {snake[0]!r}. Write it as Kubernetes does, camelCase.")


def _base_container(pod: Pod) -> dict[str, Any]:
    containers: list[dict[str, Any]] = pod.setdefault("spec", {}).setdefault("containers", [])
    for container in containers:
        if container["name"] == BASE:
            return container
    raise BadPodError(f"The pod has no container named {BASE!r}, in which the task runs. Add it.")


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text).expanduser()


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise BadPodError(f"Pod template {path} cannot be read ({error.strerror}).") from error


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
