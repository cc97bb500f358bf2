"""Where Variables and Connections are looked for: backends, with Airflow's names and methods."""

from __future__ import annotations

from airflow_lite.authoring.secrets.base import BaseSecretsBackend, EnvironmentVariablesBackend
from airflow_lite.authoring.secrets.local_filesystem import LocalFilesystemBackend

__all__ = ["BaseSecretsBackend", "EnvironmentVariablesBackend", "LocalFilesystemBackend"]
