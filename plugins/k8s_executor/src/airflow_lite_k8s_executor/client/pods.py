"""The port: what the executor asks of Kubernetes. JSON as Kubernetes writes it, both ways."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_lite_k8s_executor.client.errors import ApiError, ApiUnreachableError
from airflow_lite_k8s_executor.client.http import Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_lite_k8s_executor.client.http import Http

Pod = dict[str, Any]

#: Most pods of one page of a list.
PAGE = 500
#: Seconds of silence, beyond the server's own end of a watch, after which it is given up.
_WATCH_GRACE_S = 10.0
_CONNECT_S = 5.0


class PodList(NamedTuple):
    """All pods that a list found, and the version from which a watch goes on."""

    pods: list[Pod]
    resource_version: str


class PodEvent(NamedTuple):
    """What a watch tells: `kind` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    kind: str
    pod: Pod


class Watch:
    """A watch that another thread may end, though nothing comes by it."""

    def __init__(self) -> None:
        self._answer: Any = None
        self._is_stopped = False

    def stop(self) -> None:
        """End it, now or as soon as it begins."""
        self._is_stopped = True
        if self._answer is not None:
            with suppress(Exception):  # it has just ended by itself
                self._answer.shutdown()

    def begin(self, answer: Any) -> None:
        """Note what it reads from."""
        self._answer = answer
        if self._is_stopped:
            self.stop()


class PodPort(Protocol):
    """Five calls. Each raises `ApiError` or `ApiUnreachableError`.

    A `namespace` of None is all of them.
    """

    def create(self, namespace: str, pod: Pod) -> Pod:
        """Create a pod, and return it."""

    def list(self, namespace: str | None, selector: str, fields: str = "") -> PodList:
        """Return all pods that labels and fields select."""

    def watch(
        self,
        namespace: str | None,
        selector: str,
        resource_version: str,
        timeout_s: float,
        watch: Watch,
    ) -> Iterator[PodEvent]:
        """Yield what changes, until the server ends it after `timeout_s`, or `watch` is stopped."""

    def log(self, namespace: str, name: str, container: str, lines: int | None = None) -> str:
        """Return what a container has printed, or the last lines of that."""

    def delete(
        self, namespace: str, name: str, uid: str | None = None, grace_s: float | None = None
    ) -> None:
        """Delete a pod, only that of `uid` if given; nothing if it is not there."""


class Pods:
    """The port on an API server."""

    def __init__(self, http: Http, delete_options: Mapping[str, Any] | None = None) -> None:
        self._http = http
        self._delete_options = dict(delete_options or {})

    def create(self, namespace: str, pod: Pod) -> Pod:
        """Create a pod, and return it."""
        return _json(self._http.request("POST", _path(namespace), body=pod))

    def list(self, namespace: str | None, selector: str, fields: str = "") -> PodList:
        """Return all pods that labels and fields select, page by page."""
        pods: list[Pod] = []
        query: dict[str, Any] = {"labelSelector": selector, "fieldSelector": fields, "limit": PAGE}
        while True:
            answer = _json(self._http.request("GET", _path(namespace), query))
            pods += answer.get("items") or ()
            meta = answer.get("metadata") or {}
            if not meta.get("continue"):
                return PodList(pods, str(meta.get("resourceVersion", "")))
            query["continue"] = meta["continue"]

    def watch(
        self,
        namespace: str | None,
        selector: str,
        resource_version: str,
        timeout_s: float,
        watch: Watch,
    ) -> Iterator[PodEvent]:
        """Yield what changes, until the server ends it after `timeout_s`.

        Its time-outs are its own, whatever the user says of other requests.
        """
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": max(int(timeout_s), 1),
        }
        limits = Timeouts(_CONNECT_S, timeout_s + _WATCH_GRACE_S)
        with self._http.opened("GET", _path(namespace), query, timeouts=limits) as answer:
            watch.begin(answer)
            for line in self._http.lines(answer):
                if line.strip():
                    yield _event(line)

    def log(self, namespace: str, name: str, container: str, lines: int | None = None) -> str:
        """Return what a container has printed, or the last lines of that."""
        query = {"container": container, "tailLines": lines}
        path = f"{_path(namespace)}/{name}/log"
        return self._http.request("GET", path, query).decode("utf-8", "replace")

    def delete(
        self, namespace: str, name: str, uid: str | None = None, grace_s: float | None = None
    ) -> None:
        """Delete a pod, only that of `uid` if given; nothing if it is not there."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options |= self._delete_options
        if grace_s is not None:
            options["gracePeriodSeconds"] = int(grace_s)
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            self._http.request("DELETE", f"{_path(namespace)}/{name}", body=options)
        except ApiError as error:
            is_other = error.status == 409 and uid is not None  # the name is another pod's now
            if error.status != 404 and not is_other:
                raise


def _path(namespace: str | None) -> str:
    return "/api/v1/pods" if namespace is None else f"/api/v1/namespaces/{namespace}/pods"


def _json(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ApiUnreachableError(f"what answers is no API server: {body[:80]!r}")
    return answer


def _event(line: bytes) -> PodEvent:
    event = _json(line)
    kind, what = str(event.get("type", "")), event.get("object") or {}
    if kind == "ERROR":
        code = what.get("code")
        raise ApiError.read(code if isinstance(code, int) else 500, json.dumps(what).encode())
    return PodEvent(kind, what)
