"""The hooks of this distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand
    from airflow_lite.config import ConfigOption


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    """Return the group `local-k8s`."""
    from airflow_lite_local_k8s_executor.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the one option, in Airflow's section."""
    from airflow_lite.config import ConfigOption

    return [
        ConfigOption(
            "local_kubernetes_executor",
            "kubernetes_queue",
            "kubernetes",
            "Queues whose tasks run in pods, comma-separated.",
        )
    ]
