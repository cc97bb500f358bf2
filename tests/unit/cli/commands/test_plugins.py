"""`plugins list` shows every plugin with its state, and runs none."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_lite.cli.commands.plugins import list_plugins


def listed(config, capsys):
    assert list_plugins(argparse.Namespace(_config=config, output="json", columns=None)) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_row_says_name_distribution_version_state_reason_and_remedy(site, configured, capsys):
    site.install("lite-red", version="2.1", executors="Red = red_executor:Red", plugins="red = red")
    site.install("thief", plugins="dags = thief")
    (site.install("lost", executors="Lost = lost:L") / "METADATA").unlink()
    rows = listed(configured(), capsys)
    assert list(rows["Red"]) == [
        "name",
        "distribution",
        "version",
        "state",
        "reason",
        "remedy",
    ]
    found = rows["Red"], rows["red"]
    assert [(row["distribution"], row["version"], row["state"]) for row in found] == [
        ("lite-red", "2.1", "ready"),
        ("lite-red", "2.1", "ready"),
    ]
    assert (rows["dags"]["state"], rows["dags"]["reason"]) == (
        "conflict",
        "'dags' is a name of the core",
    )
    assert (rows["lost"]["state"], rows["lost"]["remedy"]) == (
        "broken",
        "Install it again, or remove it with `pip uninstall lost`.",
    )
    assert rows["LocalExecutor"]["distribution"] == "airflow-lite"
    assert {"red", "red_executor", "thief"}.isdisjoint(sys.modules)
