"""Whether the API server lets the executor do what it does, and a pod reaches the database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_lite.hooks import HealthReport

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.hooks import HealthContext
    from airflow_lite_k8s_executor.connection import Connection
    from airflow_lite_k8s_executor.settings import KubernetesSettings

#: What the executor, its logs and its commands do: verb, resource, subresource.
ACCESS = (
    ("create", "pods", ""),
    ("list", "pods", ""),
    ("watch", "pods", ""),
    ("delete", "pods", ""),
    ("get", "pods", "log"),
)
#: Of the time for all, until when a pod may take; the rest is for its log and its removal.
_SHARE_OF_PODS = 0.8


def report(context: HealthContext) -> HealthReport:
    """Ask the API server whether we may do each thing that is done, and run a pod as a trial."""
    from airflow_lite.cli import UserError
    from airflow_lite_k8s_executor.client.errors import ApiError, ApiUnreachableError
    from airflow_lite_k8s_executor.client.http import Timeouts
    from airflow_lite_k8s_executor.connection import connect
    from airflow_lite_k8s_executor.settings import KubernetesSettings

    end = time.monotonic() + context.timeout_s * _SHARE_OF_PODS
    try:
        settings = KubernetesSettings.read(context.config)
        share_s = context.timeout_s / (len(ACCESS) + 1)
        connection = connect(settings._replace(timeouts=Timeouts(share_s, share_s)))
    except UserError as error:
        return HealthReport(False, str(error))
    try:
        return _report(settings, connection, end, context.config)
    except ApiUnreachableError as error:
        return HealthReport(False, f"The API server does not answer: {error}")
    except ApiError as error:
        return HealthReport(False, f"The API server refuses: {error}")
    except UserError as error:
        return HealthReport(False, str(error))
    finally:
        connection.http.close()


def _report(
    settings: KubernetesSettings, connection: Connection, end: float, config: Config
) -> HealthReport:
    from airflow_lite_k8s_executor.mutation import find_hook
    from airflow_lite_k8s_executor.trial import run_trial

    missing = [_described(access) for access in ACCESS if not _is_allowed(connection, access)]
    if missing:
        return HealthReport(
            False,
            f"The executor may not {', '.join(missing)} in namespace {connection.namespace!r}."
            " Give it a Role that lets it.",
        )
    mutate = find_hook(settings.template.hook, config)
    trial = run_trial(settings, connection, max(end - time.monotonic(), 1.0), mutate)
    if trial.fault is not None:
        return HealthReport(False, trial.fault)
    where = f"pods go to {connection.namespace!r}"
    return HealthReport(True, f"The API server answers; {where}{trial.remark}.")


def _is_allowed(connection: Connection, access: tuple[str, str, str]) -> bool:
    import json

    verb, resource, subresource = access
    attributes = {
        "namespace": connection.namespace,
        "verb": verb,
        "resource": resource,
        "subresource": subresource,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = json.loads(connection.http.request("POST", path, body=review))
    return bool(answer["status"]["allowed"])


def _described(access: tuple[str, str, str]) -> str:
    verb, resource, subresource = access
    return f"{verb} {resource}{f'/{subresource}' if subresource else ''}"
