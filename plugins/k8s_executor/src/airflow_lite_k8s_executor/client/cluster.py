"""Which cluster to talk to, and how: a kubeconfig's context, or what a pod is given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_k8s_executor.client.credentials import Credentials, Identity, TokenFile, User
from airflow_lite_k8s_executor.client.errors import ClusterConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where a pod finds its service account.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Cluster(NamedTuple):
    """How to reach an API server. `ca` is PEM text; None: the system's authorities."""

    server: str
    credentials: Credentials
    ca: str | None = None
    is_verified: bool = True
    server_name: str | None = None
    proxy: str | None = None
    namespace: str | None = None


class Wanted(NamedTuple):
    """What the options say of the cluster."""

    in_cluster: bool
    config_file: str = ""
    context: str = ""
    ca_file: str = ""
    verify_ssl: bool = True


def find_cluster(wanted: Wanted, environ: Mapping[str, str] | None = None) -> Cluster:
    """Return the cluster; raise `ClusterConfigError` where that cannot be told.

    Within a pod its service account speaks, if `in_cluster` says so and no file is named; else a
    kubeconfig: the named one, those of $KUBECONFIG, or ~/.kube/config.
    """
    environ = os.environ if environ is None else environ
    if wanted.in_cluster and not wanted.config_file and "KUBERNETES_SERVICE_HOST" in environ:
        cluster = in_cluster(environ)
    else:
        cluster = read_kubeconfig(_files(wanted, environ), wanted.context)
    if wanted.ca_file:
        cluster = cluster._replace(ca=_read(Path(wanted.ca_file).expanduser()))
    return cluster._replace(is_verified=cluster.is_verified and wanted.verify_ssl)


def in_cluster(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Cluster:
    """Return the cluster that this pod is in; the token is read again as it is replaced."""
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    namespace = folder / "namespace"
    return Cluster(
        f"https://{host}:{port}",
        TokenFile(folder / "token"),
        _read(folder / "ca.crt"),
        namespace=_read(namespace).strip() if namespace.exists() else None,
    )


def _files(wanted: Wanted, environ: Mapping[str, str]) -> list[Path]:
    if wanted.config_file:
        return [Path(wanted.config_file).expanduser()]
    named = environ.get("KUBECONFIG", "")
    paths = [Path(path) for path in named.split(os.pathsep) if path]
    return paths or [Path(environ.get("HOME", "~"), ".kube", "config").expanduser()]


def read_kubeconfig(files: list[Path], context: str = "") -> Cluster:
    """Read one context, the current one by default, of kubeconfigs that are one together."""
    there = [path for path in files if path.exists()]
    if not there:
        names = ", ".join(map(str, files))
        raise ClusterConfigError(
            f"There is no kubeconfig at {names}. Name one in [kubernetes] config_file, or set"
            " in_cluster to True where the scheduler runs in a pod."
        )
    merged = _Merged([(path, _load(path)) for path in there])
    name = context or merged.current_context
    chosen, _ = merged.find("contexts", "context", name)
    cluster, home = merged.find("clusters", "cluster", str(chosen.get("cluster", "")))
    user, user_home = merged.find("users", "user", str(chosen.get("user", "")))
    server = str(cluster.get("server", ""))
    if not server.startswith(("https://", "http://")):
        raise ClusterConfigError(f"Context {name!r} of {there[0]} names no server.")
    return Cluster(
        server.rstrip("/"),
        User(user, user_home, server=server),
        text_of(cluster, "certificate-authority", home),
        is_verified=not cluster.get("insecure-skip-tls-verify", False),
        server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        namespace=chosen.get("namespace"),
    )


class _Merged:
    """Several kubeconfigs read as one: of two entries of one name, the first counts."""

    def __init__(self, files: list[tuple[Path, dict[str, Any]]]) -> None:
        self._files = files

    @property
    def current_context(self) -> str:
        named = (content.get("current-context") for _, content in self._files)
        return next((str(name) for name in named if name), "")

    def find(self, kind: str, field: str, name: str) -> tuple[dict[str, Any], Path]:
        """Return an entry, and the folder that its paths are relative to."""
        for path, content in self._files:
            for entry in content.get(kind) or ():
                if isinstance(entry, dict) and entry.get("name") == name:
                    return entry.get(field) or {}, path.parent
        files = ", ".join(str(path) for path, _ in self._files)
        raise ClusterConfigError(
            f"{files} has no {field} {name!r}. Name a context that it has in [kubernetes]"
            " cluster_context."
        )


def _load(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        line = str(error).splitlines()[0]
        raise ClusterConfigError(f"{path} is no YAML ({line}). Mend it.") from error
    if not isinstance(content, dict):
        raise ClusterConfigError(f"{path} is no kubeconfig. Name one that is.")
    return content


def text_of(entry: Mapping[str, Any], name: str, home: Path) -> str | None:
    """Return what an entry has under `name-data` in base64, or in the file that it names."""
    import base64

    data, path = entry.get(f"{name}-data"), entry.get(name)
    if data:
        try:
            return base64.b64decode(data, validate=True).decode("ascii")
        except ValueError as error:
            raise ClusterConfigError(f"{name}-data in the kubeconfig is no base64.") from error
    return _read(home / Path(str(path)).expanduser()) if path else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ClusterConfigError(f"{path} cannot be read ({error.strerror}). Mend it.") from error


__all__ = ["SERVICE_ACCOUNT", "Cluster", "Identity", "Wanted", "find_cluster", "read_kubeconfig"]
