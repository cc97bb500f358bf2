"""Strategic merge of pods: what an override says goes over what a template says.

As `kubectl apply` does it: objects field by field, lists of named things by their names, a field
that is null goes away, any other list is replaced.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

#: Lists of which Kubernetes knows items by a field; the same names mean the same anywhere in a pod.
_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "protocol"),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
#: Lists to which an override adds, as Airflow does.
_ADDED = frozenset({"tolerations", "envFrom"})


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on it; neither is changed."""
    result = deepcopy(base)
    for name, value in over.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged_value(name, result.get(name), value)
    return result


def _merged_value(name: str, base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return merged(base, over)
    if isinstance(base, list) and isinstance(over, list):
        if name in _ADDED:
            return [*base, *(deepcopy(item) for item in over if item not in base)]
        if name in _KEYS:
            return _merged_items(_KEYS[name], base, over)
    return deepcopy(over)


def _merged_items(keys: tuple[str, ...], base: list[Any], over: list[Any]) -> list[Any]:
    result = list(base)
    for item in over:
        place = _place(keys, result, item)
        if place is None:
            result.append(deepcopy(item))
        elif isinstance(item, dict) and item.get("$patch") == "delete":
            del result[place]
        else:
            result[place] = merged(result[place], item)
    return result


def _place(keys: tuple[str, ...], items: list[Any], wanted: Any) -> int | None:
    if not isinstance(wanted, dict):
        return None
    for place, item in enumerate(items):
        if isinstance(item, dict) and all(_same(item, wanted, key) for key in keys):
            return place
    return None


def _same(one: dict[str, Any], other: dict[str, Any], key: str) -> bool:
    default = "TCP" if key == "protocol" else None
    return bool(one.get(key, default) == other.get(key, default))
