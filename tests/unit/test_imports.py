"""A missing module is told apart from one whose import failed."""

from __future__ import annotations

import pytest

from airflow_lite.imports import (
    AttributeMissingError,
    ImportFailedError,
    ModuleMissingError,
    import_string,
)


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
