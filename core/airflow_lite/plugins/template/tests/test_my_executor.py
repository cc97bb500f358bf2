"""MyExecutor keeps the contract, and its commands work."""

from __future__ import annotations

import json
import subprocess
import sys

from airflow_lite.testing import ExecutorConformance


class TestMyExecutor(ExecutorConformance):
    executor = "MyExecutor"


def test_the_settings_are_shown(tmp_path):
    command = [
        *(sys.executable, "-m", "airflow_lite", "--executor"),
        "MyExecutor",
        *("my_executor", "settings", "-o", "json"),
    ]
    environ = {
        "AIRFLOW_LITE_HOME": str(tmp_path),
        "AIRFLOW_LITE__MY_EXECUTOR__KILL_GRACE_S": "7",
    }
    shown = subprocess.check_output(command, env=environ, text=True)
    rows = {row["setting"]: row["value"] for row in json.loads(shown)}
    assert rows["[my_executor] kill_grace_s"] == "7"
