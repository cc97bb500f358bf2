"""The executors of the core, and the one that authors start from, conform to the contract."""

from __future__ import annotations

from airflow_lite.testing import ExecutorConformance
from airflow_lite_testing.reference_executor import ReferenceExecutor
from airflow_lite_testing.remote_engine import RemoteEngine, RemoteExecutor


class Patient(ExecutorConformance):
    """Waits longer for what must come, as the machine may be slow and busy."""

    deadline_s = 60.0


class TestReferenceExecutor(Patient):
    executor = ReferenceExecutor


class TestRemoteExecutor(Patient):
    executor = RemoteExecutor
    engine = RemoteEngine


class TestLocalExecutor(Patient):
    executor = "LocalExecutor"


class TestSequentialExecutor(Patient):
    executor = "SequentialExecutor"
