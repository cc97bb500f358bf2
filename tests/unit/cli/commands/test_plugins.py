"""`plugins list` shows every plugin with its state, and runs none."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_lite.cli.commands.plugins import doctor, list_plugins
from airflow_lite.plugins.discovery.index import NO_PLUGINS

BACKENDS = """
class Vault:
    def __init__(self, needed): pass
    def get_variable(self, key): return key

class Other: pass
"""


def doctored(config, capsys, name=None, output="json"):
    words = {"name": name, "output": output, "columns": None, "no_health": True}
    code = doctor(argparse.Namespace(_config=config, **words))
    return code, capsys.readouterr()


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


def test_a_secrets_backend_is_listed_and_examined_without_being_made(site, configured, capsys):
    site.install(
        "vaults", secrets="Vault = vaults:Vault\nOther = vaults.Other", modules={"vaults": BACKENDS}
    )
    config = configured()

    rows = listed(config, capsys)
    code, printed = doctored(config, capsys, "vaults")

    assert [rows[name]["distribution"] for name in ("Vault", "Other")] == ["vaults", "vaults"]
    findings = {row["name"]: (row["state"], row["reason"]) for row in json.loads(printed.out)}
    assert findings.pop("Vault") == ("ready", "")
    state, reason = findings.pop("Other")
    assert (code, state) == (1, "quarantined")
    assert "'vaults:Other' is no secrets backend: it derives from no BaseSecretsBackend" in reason


def test_where_there_are_no_plugins_the_doctor_says_that_none_is_needed(configured, capsys):
    config = configured(**{NO_PLUGINS: "1"})

    for output, shown in (("table", ""), ("json", "[]\n")):
        code, printed = doctored(config, capsys, output=output)
        assert (code, printed.out) == (0, shown)
        assert printed.err == "There are no plugins, and none is needed.\n"
