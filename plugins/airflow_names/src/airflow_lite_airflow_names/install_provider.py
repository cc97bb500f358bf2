"""Providers of Airflow's, installed with all that they need, but without Airflow itself.

Each requires `apache-airflow`, which would bring all of it, and then take the place of these names.
So the versions are chosen beside an empty distribution of that name, and installed one by one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from typing import NamedTuple

from airflow_lite.cli import UserError
from airflow_lite_airflow_names.offered.version import version

PREFIX = "apache-airflow-providers-"
AIRFLOW = "apache-airflow"
#: What is offered here under the same names.
_OWN = {AIRFLOW, f"{PREFIX}standard"}
#: What providers import without requiring it, since Airflow does.
_BROUGHT_BY_AIRFLOW = (
    "attrs",
    "deprecated",
    "pendulum>=3",
    "python-dateutil",
    "python-slugify",
    "requests",
    "tabulate",
    "tenacity",
)
#: A local version: no index has it.
_STAND_IN = f"{version}+airflow.lite"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(.*)")


class Pin(NamedTuple):
    """A distribution of one version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def install(names: list[str], *, is_dry_run: bool) -> int:
    """Choose versions, say which, and install them; return the exit code of what installs."""
    from airflow_lite_airflow_names.finder import real_airflow

    folder = real_airflow()
    if folder is not None:
        raise UserError(
            f"Apache Airflow itself is installed here ({folder}): its providers are installed with"
            " pip, and airflow-lite does not use them. Use an environment without it."
        )
    wanted = [distribution_of(name) for name in names]
    pins = [pin for pin in _chosen(wanted) if pin.name not in _OWN]
    for pin in pins:
        sys.stdout.write(f"{pin}\n")
    if is_dry_run:
        return 0
    code = subprocess.run([*_installer(), "install", "--no-deps", *map(str, pins)], check=False)
    if code.returncode == 0:
        sys.stdout.write(
            f"Installed without Apache Airflow. `pip check` will say that they require {AIRFLOW},"
            " which is not installed: airflow-lite-airflow-names answers in its place.\n"
        )
    return code.returncode


def distribution_of(name: str) -> str:
    """Return the requirement that a name stands for: `postgres`, `common.sql` or a whole name."""
    match = _REQUIREMENT.fullmatch(name)
    if match is None:
        raise UserError(f"{name!r} is no provider. Write a name such as postgres or http==5.0.0.")
    short = re.sub(r"[-_.]+", "-", match[1]).lower()
    return f"{PREFIX}{short.removeprefix(PREFIX)}{match[2]}"


def _installer() -> list[str]:
    """Return the words before `install`: pip's where this Python has it, else uv's."""
    import importlib.util

    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    if uv is None:
        raise UserError("There is neither pip nor uv here. Install one of them.")
    return [uv, "pip"]


def _chosen(wanted: list[str]) -> list[Pin]:
    """Return what would be installed for these; raise `UserError` with what pip or uv says."""
    with tempfile.TemporaryDirectory(prefix="airflow-lite-") as folder:
        write_stand_in(folder)
        constraints = os.path.join(folder, "constraints.txt")
        with open(constraints, "w", encoding="utf-8") as file:
            file.write(f"{AIRFLOW}=={_STAND_IN}\n")
        words = ["--find-links", folder, "--constraint", constraints]
        installer = _installer()
        if installer[-1] == "pip" and installer[0] == sys.executable:
            report = ["install", "--dry-run", "--quiet", "--report", "-", *words, *wanted]
            return _of_report(_output([*installer, *report]))
        source = os.path.join(folder, "wanted.txt")
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(wanted))
        compiled = ["compile", "--quiet", "--no-header", "--no-annotate", *words, source]
        return _of_lines(_output([*installer, *compiled, "--python", sys.executable]))


def write_stand_in(folder: str) -> str:
    """Write a wheel of `apache-airflow` that holds nothing; return its path.

    It requires what providers find installed beside Airflow.
    """
    requires = "".join(f"Requires-Dist: {name}\n" for name in _BROUGHT_BY_AIRFLOW)
    name = f"apache_airflow-{_STAND_IN}"
    path = os.path.join(folder, f"{name}-py3-none-any.whl")
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {AIRFLOW}\nVersion: {_STAND_IN}\n{requires}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: airflow-lite\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{name}.dist-info/{file}", text)
    return path


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)  # why something cannot be built takes more than a line
        raise UserError(
            "Nothing is installed: no versions of these can be had here, for the reason above."
        )
    return done.stdout


def _of_report(text: str) -> list[Pin]:
    rows = [item["metadata"] for item in json.loads(text)["install"]]
    return sorted(Pin(_normal(row["name"]), row["version"]) for row in rows)


def _of_lines(text: str) -> list[Pin]:
    pairs = (line.split()[0].partition("==") for line in text.splitlines() if "==" in line)
    return sorted(Pin(_normal(name), number) for name, _, number in pairs)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
