"""What every executor pays for the contract alone: counted, not timed."""

from __future__ import annotations

from airflow_lite_testing.probe import probe_import


def test_the_base_of_executors_does_without_what_is_dear_to_import():
    found = probe_import("airflow_lite.api.executor.base:BaseExecutor").modules

    assert not {"dataclasses", "inspect", "secrets", "random", "pathlib", "sqlite3"} & set(found)
    ours = [name for name in found if name.startswith("airflow_lite")]
    assert len(ours) <= 12, ours
