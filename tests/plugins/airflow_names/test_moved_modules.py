"""Providers' older names of classes lead to where the classes are now."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import pytest

from airflow_lite_airflow_names.offered.moved_modules import add_deprecated_classes


@pytest.fixture
def package(monkeypatch):
    monkeypatch.setitem(sys.modules, "old_place", ModuleType("old_place"))
    yield sys.modules["old_place"]
    sys.modules.pop("old_place.hooks", None)


def test_a_module_that_is_gone_answers_with_the_class_and_a_warning(package):
    add_deprecated_classes({"hooks": {"Hook": "fractions.Fraction"}}, "old_place")
    with pytest.warns(DeprecationWarning, match=r"old_place\.hooks\.Hook .* fractions\.Fraction"):
        assert import_module("old_place.hooks").Hook.__name__ == "Fraction"
    with pytest.raises(AttributeError, match=r"'old_place\.hooks' has no attribute 'Other'"):
        _ = package.hooks.Other


def test_the_package_itself_answers_too_and_shows_another_name_where_it_is_told_to(package):
    add_deprecated_classes(
        {"__init__": {"Hook": "fractions.Fraction"}},
        "old_place",
        {"__init__": {"Hook": "numbers.Ratio"}},
        "It moved in version 2",
    )
    with pytest.warns(DeprecationWarning, match=r"Use numbers\.Ratio\. It moved in version 2\."):
        assert package.Hook.__name__ == "Fraction"
