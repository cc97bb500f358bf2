"""The table of names is whole, each name that it offers is there, and it costs little to have."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_lite_airflow_names import table

#: Says of each name that is offered what is wrong with it, and a few things that must be so.
LOOK = """
import importlib, json, sys, warnings
import airflow_lite
from airflow_lite_airflow_names import finder, table

finder.install()
made_by_install = [name for name in sys.modules if name.partition(".")[0] == "airflow"]
found, notices, refused = {}, {}, {}
for module in table.modules():
    for row in table.names_of(module).values():
        path = f"{module}.{row.name}"
        if row.home.startswith("airflow.providers."):
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                getattr(importlib.import_module(module), row.name)
            except finder.RefusedNameError as error:
                refused[path] = str(error)
            except Exception as error:
                found[path] = f"{type(error).__name__}: {error}"
        notices |= {path: str(one.message) for one in caught if one.category is finder.AirflowNamesWarning}
import airflow, airflow.models, airflow.operators.bash, airflow.operators.bash_operator, airflow.sdk
from airflow.exceptions import AirflowSkipException

same = [
    airflow.DAG is airflow_lite.DAG is airflow.models.DAG is airflow.sdk.DAG,
    airflow.operators.bash.BashOperator is airflow_lite.BashOperator,
    airflow.operators.bash_operator.BashOperator is airflow_lite.BashOperator,
    AirflowSkipException is airflow_lite.AirflowSkipException,
]
print(json.dumps([made_by_install, found, notices, refused, same]))
"""


def output_of(source):
    command = [sys.executable, "-W", "error", "-c", source]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def looked():
    return json.loads(output_of(LOOK))


def test_every_public_name_of_airflows_authoring_modules_is_in_the_table(golden):
    names = golden("airflow_names")["modules"]

    assert [module for module in names if not table.has_module(module)] == []
    assert [
        f"{module}.{name}"
        for module, wanted in names.items()
        for name in wanted
        if table.name_in(module, name) is None and table.rest_of(module, name) is None
    ] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("airflow.models.dataset", "Dataset"), ("airflow.utils.template", "literal")],
)
def test_what_dag_files_import_from_where_it_is_not_documented_is_offered(path, name):
    row = table.name_in(path, name)

    assert row is not None
    assert (row.home, row.attribute, row.text) == ("airflow_lite", name, "")


def test_every_path_of_airflow_1_is_in_the_table(golden):
    moved = golden("airflow_names")["moved"]

    assert [
        f"{module}.{name}"
        for module, names in moved.items()
        for name in names
        if table.name_in(module, name) is None and not name.startswith("_")
    ] == []


def test_every_public_name_of_airflow_sdk_is_in_the_table_where_it_is_and_where_it_is_from(golden):
    assert [
        f"{module}.{name}"
        for name, home in golden("airflow_sdk_names").items()
        for module in ("airflow.sdk", home)
        if "._" not in module
        and table.name_in(module, name) is None
        and table.rest_of(module, name) is None
        and not table.has_module(f"airflow.sdk.{name}")
    ] == []


def test_every_name_that_is_offered_is_there(looked):
    _, wrong, _, _, _ = looked

    assert wrong == {}


def test_classes_are_the_same_objects(looked):
    assert looked[-1] == [True] * 4


def test_a_notice_or_a_reason_comes_with_the_names_that_have_one(looked):
    _, _, notices, refused, _ = looked
    rows = {
        f"{module}.{row.name}": row
        for module in table.modules()
        for row in table.names_of(module).values()
        if not row.home.startswith("airflow.providers.")
    }

    assert refused == {
        path: f"{path} is not offered: {row.text}" for path, row in rows.items() if row.is_refused
    }
    assert notices == {
        path: f"{path}: {row.text}" for path, row in rows.items() if row.text and not row.is_refused
    }


def test_every_text_is_used_and_is_a_sentence():
    texts = table.texts()
    used = {row.text for module in table.modules() for row in table.names_of(module).values()}

    assert set(texts.values()) == used - {""}
    assert [text for text in used if text and not (text[0].isupper() and text.endswith("."))] == []


def test_no_module_is_made_before_it_is_asked_for(looked):
    assert looked[0] == []


def test_the_usual_imports_import_no_more_than_they_offer():
    source = """
import sys
from airflow_lite.parsing.server import import_authoring
from airflow_lite_airflow_names.finder import install

import_authoring()
before = set(sys.modules)
install()
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.utils.dates import days_ago
print(sorted(set(sys.modules) - before))
"""
    assert output_of(source) == (
        "['airflow', 'airflow.operators', 'airflow.operators.bash', 'airflow.operators.python',"
        " 'airflow.utils', 'airflow.utils.dates', 'airflow_lite_airflow_names.offered',"
        " 'airflow_lite_airflow_names.offered.dates', 'airflow_lite_airflow_names.offered.timezone',"
        " 'airflow_lite_airflow_names.offered.version', 'airflow_lite_airflow_names.table']\n"
    )
