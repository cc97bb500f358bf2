"""DaskExecutor conforms to the contract, on a real cluster that is killed and cut off."""

from __future__ import annotations

from airflow_lite.testing import ExecutorConformance


class TestDaskExecutor(ExecutorConformance):
    executor = "DaskExecutor"
