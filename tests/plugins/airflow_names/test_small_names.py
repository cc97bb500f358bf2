"""The small functions of Airflow's modules answer as those of 2.10.5 do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ASK = """
import json, sys, warnings
from airflow_lite_airflow_names.finder import install

warnings.simplefilter("ignore")
install()
sys.path.insert(0, sys.argv[1])
from small_names import answer

asked = json.load(sys.stdin)
names = {}
exec(asked["imports"], names)
print(json.dumps([answer(source, names) for source, _ in asked["cases"]]))
"""


@pytest.fixture(scope="module")
def answers(golden, golden_folder):
    cases = golden("small_names")
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(golden_folder / "generate")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    return zip(cases["cases"], json.loads(done.stdout), strict=True)


def test_each_answer_is_airflows(answers):
    assert [(source, theirs, ours) for (source, theirs), ours in answers if ours != theirs] == []
