"""The executors of the core, and the one that authors start from, conform to the contract."""

from __future__ import annotations

from airflow_lite.testing import ExecutorConformance
from airflow_lite.testing.reference_executor import ReferenceExecutor
from airflow_lite.testing.remote_engine import RemoteEngine, RemoteExecutor


class TestReferenceExecutor(ExecutorConformance):
    executor = ReferenceExecutor


class TestRemoteExecutor(ExecutorConformance):
    executor = RemoteExecutor
    engine = RemoteEngine


class TestLocalExecutor(ExecutorConformance):
    executor = "LocalExecutor"


class TestSequentialExecutor(ExecutorConformance):
    executor = "SequentialExecutor"
