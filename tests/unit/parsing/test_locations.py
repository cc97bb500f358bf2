"""What names a DAG file in the store, and what of that is run."""

from __future__ import annotations

import pytest

from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.locations import location_of, path_of


@pytest.mark.parametrize("path", ["/dags/a.py", "/dags/team/b c.py", "/dags/it's/é.py"])
def test_a_file_of_the_folder_is_found_by_its_location(path):
    assert path_of("d", location_of(path, "/dags"), "/dags") == path


def test_a_location_follows_the_folder():
    assert path_of("d", location_of("/old/a.py", "/old"), "/new") == "/new/a.py"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/tmp/evil.py",
        "//tmp/evil.py",
        "../evil.py",
        "team/../../evil.py",
        ".hidden/a.py",
        "team/.a.py",
        "notes.txt",
        "a.py\n",
        "a\0.py",
        "https://host/a.py/..",
    ],
)
def test_what_is_no_dag_files_path_below_the_folder_is_not_run(location):
    with pytest.raises(AirflowDagException, match="below \\[core\\] dags_folder"):
        path_of("d", location, "/dags")
