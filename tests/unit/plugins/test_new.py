"""A new distribution is named well, and overwrites nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_lite.errors import UserError
from airflow_lite.plugins.new import Names, core_range, names_of, write_plugin


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("my-executor", Names("my-executor", "my_executor", "MyExecutor")),
        ("slurm", Names("slurm", "slurm", "SlurmExecutor")),
        ("big-iron2", Names("big-iron2", "big_iron2", "BigIron2Executor")),
    ],
)
def test_package_group_and_executor_follow_from_the_distributions_name(name, names):
    assert names_of(name) == names


@pytest.mark.parametrize("name", ["", "My-Executor", "a--b", "-a", "a-", "../a", "a b", "2a", "ä"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(UserError, match="cannot be a distribution's name here"):
        names_of(name)


@pytest.mark.parametrize(
    "name", ["json", "dags", "class", "airflow-lite", "local", "dask", "celery"]
)
def test_a_name_that_is_taken_is_refused(name):
    with pytest.raises(UserError, match="is taken, by airflow-lite or by Python"):
        names_of(name, ["dags"])


def test_nothing_of_the_template_is_left_in_another_ones_files(tmp_path):
    written = write_plugin(names_of("big-iron"), tmp_path / "big-iron")
    for file in written:
        text = f"{file.relative_to(tmp_path)} {file.read_text()}".lower()
        assert "my_executor" not in text, file
        assert "my-executor" not in text, file
        assert "myexecutor" not in text, file
    assert {file.name for file in written} >= {"pyproject.toml", ".gitignore", "ci.yml"}


def test_the_ci_of_a_new_distribution_needs_no_engine(tmp_path):
    write_plugin(names_of("big-iron"), tmp_path)
    [ci] = tmp_path.glob(".github/workflows/*.yml")
    assert "airflow-lite plugins doctor --no-health big-iron" in ci.read_text()


LONGEST = "airflow-lite-foo-bar-baz-of-mine-at-work"


@pytest.mark.parametrize(
    "name", ["x", "my-executor", "acme-batch-executor", "airflow-lite-foo-executor", LONGEST]
)
def test_a_new_distribution_passes_the_checks_of_its_own_ci(tmp_path, name):
    write_plugin(names_of(name), tmp_path / name)
    for check in (["check"], ["format", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", str(tmp_path / name)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) in {(0, ""), (0, "All checks passed!\n")}


def test_a_name_for_which_the_templates_lines_have_no_room_is_refused():
    with pytest.raises(UserError) as caught:
        names_of(f"{LONGEST}x")
    assert str(caught.value) == (
        f"'{LONGEST}x' is too long a name here: 41 letters. Use 40 at most."
    )


def test_what_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        write_plugin(names_of("big-iron"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("0.1.0", ">=0.1.0.dev0,<0.2"),
        ("0.12.3rc1", ">=0.12.0.dev0,<0.13"),
        ("2.3.0", ">=2.3.0.dev0,<3"),
    ],
)
def test_a_new_plugin_asks_for_the_core_that_it_was_made_with(version, wanted):
    assert core_range(version) == wanted
