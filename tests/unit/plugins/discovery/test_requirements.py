"""What a distribution requires: names, and ranges of the core."""

from __future__ import annotations

import pytest

from airflow_lite.plugins.discovery.metadata import required_names, unmet_range


@pytest.mark.parametrize(
    ("version", "clauses", "met"),
    [
        ("0.1.0", ">=0.1.0.dev0,<0.2", True),
        ("0.1", ">=0.1.0", True),
        ("0.2.0", ">=0.1.0.dev0,<0.2", False),
        ("0.1.0", ">=0.1.1", False),
        ("0.1.0rc1", ">=0.1.0", False),
        ("0.1.0rc1", ">=0.1.0.dev0", True),
        ("0.1.9", "~=0.1.2", True),
        ("0.2.0", "~=0.1.2", False),
        ("0.1.5", "==0.1.*", True),
        ("0.2.5", "==0.1.*", False),
        ("0.2.5", "!=0.1.*", True),
        ("0.1.0", "!=0.1", False),
        ("0.10.0", ">0.9", True),
        ("1.0", "", True),
    ],
)
def test_a_version_meets_a_range_or_not(version, clauses, met):
    line = f"airflow-lite{clauses}"
    assert (unmet_range([line], "airflow-lite", version) is None) is met
    assert (unmet_range([f"airflow_lite ({clauses})"], "airflow-lite", version) is None) is met


def test_other_requirements_say_nothing_of_the_core():
    assert unmet_range(["airflow-lite-dask>=9", "dask<1"], "airflow-lite", "0.1") is None


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("python_version >= '3.11'", True),
        ("python_version < '3'", False),
        ("sys_platform == 'win32'", False),
        ("extra == 'test'", False),
        ("extra != 'test'", True),
        ("sys_platform == 'win32' or extra == 'test'", False),
        ("platform_python_implementation in 'CPython PyPy'", True),
        ("'extra' != sys_platform", True),
    ],
)
def test_a_requirement_counts_where_its_marker_is_true(marker, holds):
    assert required_names([f"dask; {marker}"]) == (("dask",) if holds else ())
    unmet = unmet_range([f"airflow-lite>=9; {marker}"], "airflow-lite", "0.1")
    assert unmet == (">=9" if holds else None)


def test_names_are_normalised_and_extras_left_out():
    lines = ["Airflow_Lite[testing]>=1", "dask; python_version>'3'", "x; extra == 'test'"]
    assert required_names(lines) == ("airflow-lite", "dask")


def test_a_line_that_is_no_requirement_is_passed_over():
    lines = ["what ever this is", "airflow-lite>=9"]
    assert required_names(lines) == ("airflow-lite",)
    assert unmet_range(lines, "airflow-lite", "0.1") == ">=9"
