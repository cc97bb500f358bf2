from __future__ import annotations

import pytest

from airflow_lite.testing.import_cost import MOST_S, MOST_SLOWNESS, REFERENCE_S, Cost
from airflow_lite.testing.probe import probe_modules


@pytest.mark.parametrize(
    ("reference_s", "most_s"),
    [
        (REFERENCE_S / 4, MOST_S),
        (REFERENCE_S, MOST_S),
        (REFERENCE_S * 3, MOST_S * 3),
        (REFERENCE_S * 100, MOST_S * MOST_SLOWNESS),
    ],
)
def test_the_limit_grows_with_the_machines_slowness_and_not_without_end(reference_s, most_s):
    assert Cost(0.0, reference_s).most_s == pytest.approx(most_s)


def test_an_import_is_quick_up_to_the_limit():
    assert Cost(MOST_S, REFERENCE_S).is_quick
    assert not Cost(MOST_S * 1.01, REFERENCE_S).is_quick


def test_an_import_that_sleeps_for_a_second_is_slow_on_every_machine():
    assert not Cost(1.0, 1e6).is_quick


def test_what_modules_take_is_measured_and_leaves_compiled_code_where_it_was_told(tmp_path):
    assert probe_modules(["json.tool"], bytecode=str(tmp_path)) > 0
    assert [file.name.partition(".")[0] for file in tmp_path.rglob("tool.*.pyc")] == ["tool"]


def test_a_module_that_cannot_be_imported_is_told():
    with pytest.raises(AssertionError, match="No module named 'no_such_module'"):
        probe_modules(["no_such_module"])
