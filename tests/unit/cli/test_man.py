"""Man pages: one of the program, one per group, the same wherever and whenever they are made."""

from __future__ import annotations

import pytest

from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.cli.core_commands import CORE_COMMANDS
from airflow_lite.cli.man import write_core_pages, write_pages

EPOCH = "1700000000"


@pytest.fixture(autouse=True)
def fixed_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)


def test_the_core_has_a_page_of_the_program_and_one_per_group(tmp_path):
    pages = write_core_pages(tmp_path, "1.2.3")

    groups = [entry.name for entry in CORE_COMMANDS if entry.is_group]
    assert [page.name for page in pages] == [
        "airflow-lite.1",
        *(f"airflow-lite-{name}.1" for name in groups),
    ]


def test_pages_are_the_same_on_a_narrow_terminal(tmp_path, monkeypatch):
    wide = [page.read_bytes() for page in write_core_pages(tmp_path / "a", "1.2.3")]
    monkeypatch.setenv("COLUMNS", "41")
    narrow = [page.read_bytes() for page in write_core_pages(tmp_path / "b", "1.2.3")]

    assert wide == narrow


def test_a_page_has_title_date_version_options_and_examples(tmp_path):
    write_core_pages(tmp_path, "1.2.3")

    text = (tmp_path / "airflow-lite-dags.1").read_text()
    title = '.TH AIRFLOW\\-LITE\\-DAGS "1" "2023-11-14" "airflow\\-lite 1.2.3"'
    assert text.startswith(title)
    assert "airflow\\-lite\\-dags \\- Manage DAGs and their runs" in text
    assert "\\-\\-no\\-replace\\-microseconds" in text
    assert "--wait" in text.replace("\\", "")


def test_a_plugins_group_gets_its_page(tmp_path):
    group = GroupCommand(
        "dask",
        "Look at the Dask cluster",
        [ActionCommand("status", "Show workers", lazy_load_command("x.y"), [Arg("--address")])],
    )

    (page,) = write_pages([group], tmp_path, "2.0")

    assert page.name == "airflow-lite-dask.1"
    assert "--address" in page.read_text().replace("\\", "")


def test_whatever_an_author_wrote_is_in_the_page_and_none_of_it_is_a_request(tmp_path):
    args = [
        Arg("--n", ".env file to read, 80% of it"),
        Arg("--m", "'none' or a number (default %(default)s)", default=3),
    ]
    command = ActionCommand(
        "go",
        "Go at 100%",
        lazy_load_command("x.y"),
        args,
        description=".env is read first\n'test' and 'prod' are known\n\nplain",
        epilog="examples:\n  airflow-lite acme go --n .env",
    )

    (page,) = write_pages([GroupCommand("acme", "Acme", [command])], tmp_path, "2.0")

    lines = page.read_text().splitlines()
    requests = {line.partition(" ")[0] for line in lines if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".TP", ".B", ".PP", ".br", ".sp"}
    shown = "\n".join(line for line in lines if line != ".br")
    for text in (
        "\\&.env is read first\n\\(aqtest\\(aq and \\(aqprod\\(aq are known\n.sp\nplain",
        "\\&.env file to read, 80% of it",
        "\\(aqnone\\(aq or a number (default 3)",
        "Go at 100%",
        "examples:\n  airflow\\-lite acme go \\-\\-n .env",
    ):
        assert text in shown
