"""A missing module is told apart from one whose import failed."""

from __future__ import annotations

import re

import pytest

from airflow_lite.imports import (
    OF_AIRFLOW,
    AttributeMissingError,
    ImportFailedError,
    ModuleMissingError,
    import_string,
)
from fixtures.scripts import ROOT


def test_a_name_is_imported_by_dot_or_colon():
    assert import_string("os.path.join") is import_string("os.path:join")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("nowhere.at_all.X", ModuleMissingError, "There is no module 'nowhere'."),
        ("os.nowhere.X", ModuleMissingError, "There is no module 'os.nowhere'."),
        ("os.path.nothing", AttributeMissingError, "Module 'os.path' has no 'nothing'."),
        ("needy.X", ImportFailedError, "Module 'needy' needs 'absent_thing', which is not"),
        ("broken.X", ImportFailedError, "Importing 'broken' failed with ZeroDivisionError: "),
        ("leaving.X", ImportFailedError, "Importing 'leaving' failed with SystemExit: 3"),
        ("../../etc.X", ModuleMissingError, "'../../etc.X' is not a module path."),
        ("", ModuleMissingError, "'' is not a module path."),
    ],
)
def test_what_cannot_be_imported_is_told_in_one_line(site, path, error, message):
    (site.directory / "needy.py").write_text("import absent_thing\n")
    (site.directory / "broken.py").write_text("1 / 0\n")
    (site.directory / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(error) as caught:
        import_string(path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["airflow.no_such.executors.X", "of_airflow.X"])
def test_code_that_was_written_for_airflow_is_pointed_to_the_page_about_moving_it(site, path):
    (site.directory / "of_airflow.py").write_text("import airflow.no_such.executors\n")
    with pytest.raises((ModuleMissingError, ImportFailedError)) as caught:
        import_string(path)
    assert str(caught.value).endswith(OF_AIRFLOW)
    assert "Install" not in str(caught.value)
    [title] = re.findall("'(Move .+)'", OF_AIRFLOW)
    page = ROOT / "docs/how-to/move-an-executor.md"
    assert page.read_text().startswith(f"# {title}\n")
