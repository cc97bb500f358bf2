"""The options in [kubernetes], read once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_lite.config import Config
    from airflow_lite_k8s_executor.client.cluster import Wanted
    from airflow_lite_k8s_executor.client.http import KeepAlive, Timeouts

SECTION = "kubernetes"
_FATAL_REASONS = (
    "CreateContainerConfigError,ErrImagePull,CreateContainerError,ImageInspectError,"
    "InvalidImageName,ErrImageNeverPull"
)
#: Name, default, help.
OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "namespace",
        "",
        "Namespace of the pods; empty: that of the kubeconfig's context, or of this pod.",
    ),
    ("pod_template_file", "", "File of the pod that all pods are made from; empty: a small one."),
    (
        "pod_mutation_hook",
        "airflow_local_settings.pod_mutation_hook",
        "Function that changes each pod, a V1Pod of the package `kubernetes`; empty: none.",
    ),
    ("worker_container_repository", "", "Image of the pods, without its tag."),
    ("worker_container_tag", "", "Tag of that image."),
    (
        "database_secret",
        "airflow-lite-database",
        "Secret whose key sql_alchemy_conn is the metadata database's URL; empty: the pod's own.",
    ),
    (
        "config_map",
        "airflow-lite-config",
        "ConfigMap whose entries are variables of the pods, if it is there; empty: none.",
    ),
    ("worker_service_account_name", "", "Service account of the pods; empty: the namespace's."),
    ("delete_worker_pods", "True", "Delete pods that have ended."),
    (
        "delete_worker_pods_on_failure",
        "False",
        "Delete those, too, whose own program failed; what a task does is no such failure.",
    ),
    (
        "worker_pod_pending_fatal_container_state_reasons",
        _FATAL_REASONS,
        "Reasons of a waiting container for which its pod is given up at once.",
    ),
    ("worker_pods_creation_batch_size", "4", "Requests to the API server at the same time."),
    ("worker_pods_in_flight", "10", "Most pods that are made and do not run yet."),
    (
        "worker_pods_pending_timeout",
        "0",
        "Seconds after which a pod that does not run is taken back; 0: task_queued_timeout alone.",
    ),
    ("worker_pods_queued_check_interval", "60", "Seconds between two lists of all pods."),
    (
        "task_publish_max_retries",
        "-1",
        "How often a pod is tried that the quota does not admit; -1: for ever.",
    ),
    ("multi_namespace_mode", "False", "Pods may be in other namespaces than that of [kubernetes]."),
    (
        "multi_namespace_mode_namespace_list",
        "",
        "Those namespaces, comma-separated; empty: all, which takes a ClusterRole.",
    ),
    ("in_cluster", "True", "In a pod, be its service account; elsewhere a kubeconfig is read."),
    ("config_file", "", "The kubeconfig; empty: $KUBECONFIG, or ~/.kube/config."),
    ("cluster_context", "", "Context of the kubeconfig; empty: its current one."),
    (
        "kube_client_request_args",
        "",
        'Time-outs of requests, as JSON: {"_request_timeout": [connect_s, read_s]}.',
    ),
    (
        "delete_option_kwargs",
        "",
        'DeleteOptions of pods, as JSON: {"gracePeriodSeconds": 10}.',
    ),
    ("enable_tcp_keepalive", "True", "Have the kernel look whether a silent API server is there."),
    ("tcp_keep_idle", "120", "Seconds of silence until it looks."),
    ("tcp_keep_intvl", "30", "Seconds between two looks."),
    ("tcp_keep_cnt", "6", "Looks without an answer after which a connection is closed."),
    ("verify_ssl", "True", "Check the API server's certificate."),
    ("ssl_ca_cert", "", "File of the authority that signed it, in place of the kubeconfig's."),
    (
        "instance_name",
        "",
        "What sets the pods of this database apart from others'; empty: made from its URL.",
    ),
)
_REQUEST_ARGS = frozenset({"_request_timeout"})
_DELETE_OPTIONS = frozenset({"gracePeriodSeconds", "propagationPolicy"})
_SNAKE = {
    "grace_period_seconds": "gracePeriodSeconds",
    "propagation_policy": "propagationPolicy",
}
_DAY_S = 86_400
_LONGEST_NAME = 63


class KubernetesSettings(NamedTuple):
    """How to reach the cluster, and how pods are to be. Times in seconds."""

    cluster: Wanted
    timeouts: Timeouts
    keep_alive: KeepAlive | None
    delete_options: dict[str, Any]
    namespace: str
    namespaces: tuple[str, ...] | None  # that are watched; None: all; empty: the one above
    instance: str
    template: TemplateSettings
    deletes: bool
    deletes_failed: bool
    fatal_reasons: frozenset[str]
    at_once: int
    in_flight: int
    pending_timeout_s: float
    list_interval_s: float
    quota_retries: int

    @classmethod
    def read(cls, config: Config) -> KubernetesSettings:
        """Read the options; raise `ConfigError` for one that is wrong."""
        return cls(
            cluster=_wanted(config),
            timeouts=_timeouts(config),
            keep_alive=_keep_alive(config),
            delete_options=_delete_options(config),
            namespace=config.get(SECTION, "namespace").strip(),
            namespaces=_namespaces(config),
            instance=instance_name(config),
            template=TemplateSettings.read(config),
            deletes=config.getboolean(SECTION, "delete_worker_pods"),
            deletes_failed=config.getboolean(SECTION, "delete_worker_pods_on_failure"),
            fatal_reasons=frozenset(
                config.getlist(SECTION, "worker_pod_pending_fatal_container_state_reasons")
            ),
            at_once=_whole(config, "worker_pods_creation_batch_size", 1, 64),
            in_flight=_whole(config, "worker_pods_in_flight", 1, 10_000),
            pending_timeout_s=_seconds(config, "worker_pods_pending_timeout", least=0),
            list_interval_s=_seconds(config, "worker_pods_queued_check_interval", least=1),
            quota_retries=_whole(config, "task_publish_max_retries", -1, 1_000_000),
        )


class TemplateSettings(NamedTuple):
    """What the pods of all tasks have in common."""

    file: Path | None
    hook: str  # where a function is that changes pods; empty: none
    image: str | None
    database_secret: str
    config_map: str
    service_account: str

    @classmethod
    def read(cls, config: Config) -> TemplateSettings:
        """Read the options; raise `ConfigError` for one that is wrong."""
        named = config.get(SECTION, "pod_template_file").strip()
        repository = config.get(SECTION, "worker_container_repository").strip()
        tag = config.get(SECTION, "worker_container_tag").strip()
        if bool(repository) != bool(tag):
            raise _config_error(
                "[kubernetes] worker_container_repository and worker_container_tag name an image"
                " together. Set both."
            )
        return cls(
            file=config.getpath(SECTION, "pod_template_file") if named else None,
            hook=config.get(SECTION, "pod_mutation_hook").strip(),
            image=f"{repository}:{tag}" if repository else None,
            database_secret=config.get(SECTION, "database_secret").strip(),
            config_map=config.get(SECTION, "config_map").strip(),
            service_account=config.get(SECTION, "worker_service_account_name").strip(),
        )


def instance_name(config: Config) -> str:
    """Return what sets our pods apart: the option's, or of the database's place and name."""
    from hashlib import sha256
    from urllib.parse import urlsplit

    named = config.get(SECTION, "instance_name").strip()
    if named:
        if len(named) > _LONGEST_NAME or not named.replace("-", "").isalnum():
            raise _config_error(
                f"[kubernetes] instance_name is {named!r}. Make it letters, digits and dashes, at"
                f" most {_LONGEST_NAME}."
            )
        return named
    parts = urlsplit(config.get("database", "sql_alchemy_conn"))
    place = f"{parts.hostname}:{parts.port}{parts.path}"
    return sha256(place.encode()).hexdigest()[:16]


def _wanted(config: Config) -> Wanted:
    from airflow_lite_k8s_executor.client.cluster import Wanted

    return Wanted(
        in_cluster=config.getboolean(SECTION, "in_cluster"),
        config_file=config.get(SECTION, "config_file").strip(),
        context=config.get(SECTION, "cluster_context").strip(),
        ca_file=config.get(SECTION, "ssl_ca_cert").strip(),
        verify_ssl=config.getboolean(SECTION, "verify_ssl"),
    )


def _timeouts(config: Config) -> Timeouts:
    from airflow_lite_k8s_executor.client.http import Timeouts

    given = _object(config, "kube_client_request_args", _REQUEST_ARGS).get("_request_timeout")
    if given is None:
        return Timeouts()
    both = given if isinstance(given, list) else [given, given]
    if len(both) != len(Timeouts()) or not all(_is_seconds(one) for one in both):
        raise _config_error(
            f"[kubernetes] kube_client_request_args: _request_timeout is {given!r}. Make it"
            " seconds, or [connect_s, read_s]."
        )
    return Timeouts(*map(float, both))


def _is_seconds(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value <= _DAY_S


def _delete_options(config: Config) -> dict[str, Any]:
    given = _object(config, "delete_option_kwargs", _DELETE_OPTIONS | _SNAKE.keys())
    return {_SNAKE.get(name, name): value for name, value in given.items()}


def _object(config: Config, name: str, known: frozenset[str]) -> dict[str, Any]:
    text = config.get(SECTION, name).strip() or "{}"
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _config_error(f"[kubernetes] {name} is no JSON object. Make it one.")
    strange = sorted(given.keys() - known)
    if strange:
        raise _config_error(
            f"[kubernetes] {name}: {strange[0]!r} is not known. It may have"
            f" {', '.join(sorted(known))}."
        )
    return given


def _keep_alive(config: Config) -> KeepAlive | None:
    from airflow_lite_k8s_executor.client.http import KeepAlive

    if not config.getboolean(SECTION, "enable_tcp_keepalive"):
        return None
    names = ("tcp_keep_idle", "tcp_keep_intvl", "tcp_keep_cnt")
    return KeepAlive(*(_whole(config, name, 1, 32_767) for name in names))


def _namespaces(config: Config) -> tuple[str, ...] | None:
    if not config.getboolean(SECTION, "multi_namespace_mode"):
        return ()
    return tuple(config.getlist(SECTION, "multi_namespace_mode_namespace_list")) or None


def _whole(config: Config, name: str, least: int, most: int) -> int:
    number = config.getint(SECTION, name)
    if not least <= number <= most:
        raise _config_error(f"[kubernetes] {name} is {number}. Make it {least} to {most}.")
    return number


def _seconds(config: Config, name: str, *, least: float) -> float:
    seconds = config.getfloat(SECTION, name)
    if not least <= seconds <= _DAY_S:
        raise _config_error(
            f"[kubernetes] {name} is {seconds:g}. Make it {least:g} to {_DAY_S} seconds."
        )
    return seconds


def _config_error(message: str) -> Exception:
    from airflow_lite.executors import ConfigError

    return ConfigError(message)
