"""The pods of a DAG's tasks as files, made by the function that makes those that run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite_k8s_executor.mutation import find_hook
from airflow_lite_k8s_executor.pods.spec import BadPodError, PodAttempt, PodBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.config import Config
    from airflow_lite.executors import TaskInstance

_FOLDER = "airflow_yaml_output"
#: The token of attempts that are made to be shown alone.
_TOKEN = "0" * 32
_DEFAULT_NAMESPACE = "default"


def write_pods(config: Config, tasks: Sequence[TaskInstance], folder: str) -> Path:
    """Write a pod a task into a folder of `folder`, and return it; raise `UserError`."""
    import yaml

    from airflow_lite.cli import UserError

    target = Path(folder).expanduser() / _FOLDER
    try:
        builder = _builder(config)
        pods = [(task, builder.build(_attempt(task))) for task in tasks]
        target.mkdir(parents=True, exist_ok=True)
        for task, pod in pods:
            date = task.run_id.partition("__")[2].replace(":", "-")
            path = target / f"{task.dag_id}_{task.task_id}_{date}.yml"
            path.write_text(yaml.safe_dump(pod, sort_keys=False), encoding="utf-8")
    except BadPodError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror}).") from error
    return target


def _builder(config: Config) -> PodBuilder:
    """Return what builds pods; their namespace is told without a cluster where there is none."""
    from airflow_lite.cli import UserError
    from airflow_lite_k8s_executor.client.cluster import find_cluster
    from airflow_lite_k8s_executor.settings import KubernetesSettings

    settings = KubernetesSettings.read(config)
    namespace = settings.namespace
    if not namespace:
        try:
            namespace = find_cluster(settings.cluster).namespace or _DEFAULT_NAMESPACE
        except UserError:
            namespace = _DEFAULT_NAMESPACE
    return PodBuilder(
        settings.template,
        namespace=namespace,
        instance=settings.instance,
        owner="none",
        mutate=find_hook(settings.template.hook, config),
    )


def _attempt(task: TaskInstance) -> PodAttempt:
    from airflow_lite.executors import RunCommand

    key = replace(task, attempt=_TOKEN).key
    return PodAttempt(key, RunCommand(key, pool=task.pool).words(), task.executor_config)
