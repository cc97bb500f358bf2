"""Variables come from the environment."""

from __future__ import annotations

import pytest

from airflow_lite import AirflowException, Variable


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_ENV", "prod")
    monkeypatch.setenv("AIRFLOW_VAR_TABLES", '["a", "b"]')


def test_a_variable_is_text_or_what_its_json_says():
    assert Variable.get("env") == "prod"
    assert Variable.get("tables", deserialize_json=True) == ["a", "b"]


def test_a_missing_variable_is_its_default_or_an_error():
    assert Variable.get("missing", default_var=None) is None
    assert Variable.get("missing", "other", deserialize_json=True) == "other"
    with pytest.raises(
        KeyError, match=r"Variable missing does not exist\. Set AIRFLOW_VAR_MISSING\."
    ):
        Variable.get("missing")


def test_text_that_is_not_json_is_told_by_name():
    with pytest.raises(AirflowException, match="AIRFLOW_VAR_ENV is not JSON: Expecting value"):
        Variable.get("env", deserialize_json=True)


@pytest.mark.parametrize("change", [Variable.set, Variable.delete, Variable.setdefault])
def test_nothing_changes_a_variable(change):
    with pytest.raises(AirflowException, match="Set AIRFLOW_VAR_ENV in the environment"):
        change("env", "dev")
