"""Which files of the DAG folder count, and when one has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from airflow_lite.parsing.folder import (
    fingerprint,
    has_changed,
    list_files,
    might_contain_dag,
    with_modules,
)

if TYPE_CHECKING:
    from pathlib import Path

DAG = b"from airflow_lite import DAG\n"


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DAG)


def listed(folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in list_files(folder).paths]


def test_python_files_of_all_folders_are_listed_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.py", "a/c.py", "a.txt", "__pycache__/x.py", ".git/y.py", "a/py", "a/._c.py")
    (tmp_path / ".#b.py").symlink_to("someone@host.1")  # as Emacs does while b.py is edited
    assert listed(tmp_path) == ["a/c.py", "b.py"]


def test_ignore_files_are_regular_expressions_on_the_path_below_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "keep.py", "old_1.py", "sub/old_2.py", "sub/keep.py", "skipped/a.py", "x/b.py")
    (tmp_path / ".airflowignore").write_text("# comment\nold_\\d\n^skipped  # all of it\n")
    (tmp_path / "x" / ".airflowignore").write_text("^x/b")
    assert listed(tmp_path) == ["keep.py", "sub/keep.py"]


def test_an_ignore_file_counts_for_its_own_folder_only(tmp_path: Path) -> None:
    make(tmp_path, "one/a.py", "two/a.py")
    (tmp_path / "one" / ".airflowignore").write_text("a\\.py")
    assert listed(tmp_path) == ["two/a.py"]


def test_a_wrong_pattern_is_told_and_the_others_count(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "b.py")
    (tmp_path / ".airflowignore").write_text("(\na\\.py\n")
    found = list_files(tmp_path)
    assert [os.path.basename(path) for path in found.paths] == ["b.py"]
    assert found.notices == [
        f"{tmp_path}/.airflowignore: '(' is not a regular expression:"
        " missing ), unterminated subpattern at position 0."
    ]


def test_an_ignore_file_that_would_block_is_not_opened(tmp_path: Path) -> None:
    make(tmp_path, "a.py")
    os.mkfifo(tmp_path / ".airflowignore")
    found = list_files(tmp_path)
    assert len(found.paths) == 1
    assert found.notices == [f"{tmp_path}/.airflowignore is not used: it is not a regular file."]


def test_linked_folders_are_followed_each_once(tmp_path: Path) -> None:
    make(tmp_path, "dags/a.py", "elsewhere/b.py")
    (tmp_path / "dags" / "loop").symlink_to(tmp_path / "dags")
    (tmp_path / "dags" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "dags")
    assert listed(tmp_path / "dags") == ["a.py", "more/b.py"]


def test_zip_files_are_skipped_with_a_notice(tmp_path: Path) -> None:
    (tmp_path / "dags.zip").write_bytes(b"PK")
    assert list_files(tmp_path).notices == [
        f"{tmp_path}/dags.zip is skipped: DAGs in zip files are not supported."
    ]


def test_what_is_no_regular_file_is_listed_so_that_its_error_is_seen(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "link.py")
    assert listed(tmp_path) == ["fifo.py", "link.py"]
    assert might_contain_dag(str(tmp_path / "fifo.py"))
    assert might_contain_dag(str(tmp_path / "link.py"))


def test_a_name_that_no_terminal_shows_is_skipped(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.py", "wb") as file:
        file.write(DAG)
    found = list_files(tmp_path)
    assert found.paths == []
    assert found.notices == [
        f"'{tmp_path}/\\udcff.py' is skipped: its name cannot be printed. Rename it."
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (b"from airflow_lite import DAG", True),
        (b"AIRFLOW dag", True),
        (b"import airflow_lite", False),
        (b"@dag", False),
        (b"", False),
        (b"\xff\0 dag airflow", True),
        ("from airflow_lite import DAG".encode("utf-16"), True),
    ],
)
def test_only_files_with_both_words_may_have_a_dag(
    tmp_path: Path, source: bytes, found: bool
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(source)
    assert might_contain_dag(str(path)) is found


def test_a_file_changes_with_its_time_its_size_and_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(DAG)
    os.utime(path, ns=(1, 1))
    known = fingerprint(str(path))
    assert not has_changed(str(path), known, tmp_path)
    os.utime(path, ns=(2, 2))
    assert has_changed(str(path), known, tmp_path)
    path.write_bytes(DAG + b"#")
    os.utime(path, ns=(1, 1))
    assert has_changed(str(path), known, tmp_path)
    path.unlink()
    assert has_changed(str(path), known, tmp_path)


def test_a_file_that_takes_the_place_of_another_of_its_time_and_size_is_a_change(
    tmp_path: Path,
) -> None:
    for name in "ab":
        make(tmp_path, f"{name}/dag.py")
        os.utime(tmp_path / name / "dag.py", ns=(1, 1))
    current = tmp_path / "current"
    current.symlink_to("a")
    path = str(current / "dag.py")
    known = fingerprint(path)
    other = tmp_path / "b" / "dag.py"
    while os.stat(other).st_ctime_ns == os.stat(path).st_ctime_ns:  # the kernel's clock ticks
        other.chmod(0o600)
    current.unlink()
    current.symlink_to("b")
    assert has_changed(path, known, tmp_path)


def test_a_file_changes_with_the_modules_that_it_imports(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "with space.py")
    path, module = str(tmp_path / "a.py"), tmp_path / "with space.py"
    known = with_modules(fingerprint(path), [str(module)], tmp_path)
    assert not has_changed(path, known, tmp_path)
    os.utime(module, ns=(1, 1))
    assert has_changed(path, known, tmp_path)
    module.unlink()
    assert has_changed(path, known, tmp_path)
