"""What supported.md says of a feature is what happens to a DAG file that uses it."""

from __future__ import annotations

import sys

import pytest

from airflow_lite.cli.specs.airflow_words import COMMANDS, SUBCOMMANDS
from fixtures.scripts import ROOT, load_script

_path = [*sys.path]
SUPPORTED = load_script("docs/supported_features.py")
sys.path[:] = _path
FEATURES = [feature for features in SUPPORTED.SECTIONS.values() for feature in features]
LOADS = {SUPPORTED.Verdict.DONE, SUPPORTED.Verdict.DIFFERS, SUPPORTED.Verdict.WITHOUT_EFFECT}
FILE = """
from datetime import datetime
from airflow_lite import *

with DAG("one", schedule=None, start_date=datetime(2024, 1, 1)):
    a, b = (task(task_id=name)(lambda: name) for name in "ab")
    {source}
"""


@pytest.mark.parametrize(
    "feature",
    [pytest.param(feature, id=feature.name) for feature in FEATURES if feature.source],
)
def test_a_dag_file_that_uses_a_feature_loads_only_if_it_is_supported(feature):
    text = FILE.format(source=feature.source)
    if feature.verdict in LOADS:
        exec(text, {})
    else:
        with pytest.raises(Exception, match=r".+"):
            exec(text, {})


def test_every_command_of_airflow_that_is_not_there_has_its_row():
    page = (ROOT / "docs/reference/supported.md").read_text()
    words = [*((word,) for word in COMMANDS), *SUBCOMMANDS]
    assert [word for word in words if f"`{' '.join(word)}`" not in page] == []


def test_every_row_that_is_not_simply_there_says_what_to_know():
    silent = [
        feature.name
        for feature in FEATURES
        if feature.verdict in {SUPPORTED.Verdict.DIFFERS, SUPPORTED.Verdict.REFUSED}
        and not feature.note
    ]
    assert silent == []
