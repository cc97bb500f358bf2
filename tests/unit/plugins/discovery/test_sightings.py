"""Of several distributions of a name the one counts that Python imports, however it is reached."""

from __future__ import annotations

import os
import shutil

import pytest

from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.locate import locate
from airflow_lite.plugins.discovery.model import PluginState
from fixtures.distributions import write_distribution


@pytest.fixture
def config(configured):
    return configured()


@pytest.fixture
def states(config):
    """Return the version and state of every sighting of a distribution."""

    def of(name):
        plugins = [one for one in installed_plugins(config) if one.distribution == name]
        return [(one.version, one.state.value) for one in plugins]

    return of


@pytest.fixture
def first(tmp_path, monkeypatch, site):
    """A directory that comes before the site."""
    directory = tmp_path / "first"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    return directory


def test_of_two_dist_infos_of_a_name_the_one_installed_first_is_stale(site, states):
    older = site.install("twice", version="1.0", executors="A = a:A")
    newer = site.install("twice", version="2.0", executors="A = a:A")
    os.utime(older, ns=(2, 2))
    os.utime(newer, ns=(1, 1))
    assert states("twice") == [("1.0", "ready"), ("2.0", "stale")]
    os.utime(newer, ns=(3, 3))
    assert states("twice") == [("1.0", "stale"), ("2.0", "ready")]


def test_of_two_directories_the_first_has_the_one_that_counts(site, first, states):
    found = site.install("twice", executors="A = a:A")
    shutil.copytree(found, first / "twice-0.1.dist-info")
    assert states("twice") == [("1.0", "ready"), ("1.0", "stale")]


def test_what_the_path_hides_is_hidden_though_the_first_has_no_entry_of_ours(
    site, first, config, states
):
    owner = write_distribution(first, "lite-own", version="2.0")
    (owner / "entry_points.txt").unlink()
    hidden = site.install("lite-own", version="1.0", executors="Own = own_executor:Own")
    assert states("lite-own") == [("1.0", "stale")]
    with pytest.raises(UserError) as caught:
        locate("Own", config)
    assert str(caught.value) == (
        "The executor 'Own' comes from lite-own (1.0), which cannot be used (stale): 2.0 in "
        f"{owner} is used in place of this 1.0. Remove {hidden}, or install lite-own again."
    )


def test_a_directory_that_is_reached_by_two_names_is_one(site, tmp_path, monkeypatch, states):
    site.install("once", executors="A = a:A")
    (tmp_path / "lib64").symlink_to(site.directory)
    monkeypatch.syspath_prepend(str(tmp_path / "lib64"))
    assert states("once") == [("1.0", "ready")]


def test_metadata_that_are_reached_by_two_names_are_one(site, first, states):
    found = site.install("once", executors="A = a:A")
    (first / found.name).symlink_to(found)
    assert states("once") == [("1.0", "ready")]


def test_a_distribution_may_give_its_class_two_names(site, config):
    site.install("lite-own", executors="Own = own:Own\nOwnExecutor = own:Own")
    assert locate("own.Own", config).path == "own:Own"
    names = ("Own", "OwnExecutor")
    assert [locate(name, config).entry_name for name in names] == [*names]
    (found,) = [one for one in installed_plugins(config) if one.distribution == "lite-own"]
    assert found.state is PluginState.READY


def test_a_class_of_two_distributions_is_a_conflict(site, config):
    for name in ("one", "two"):
        site.install(name, executors=f"{name.title()} = own:Own")
    with pytest.raises(UserError, match=r"comes from one \(1\.0\) and two \(1\.0\)\."):
        locate("own.Own", config)


def test_the_refusal_of_an_executor_says_that_archives_are_not_searched(
    tmp_path, monkeypatch, config
):
    wheel = tmp_path / "acme-1.0-py3-none-any.whl"
    wheel.touch()
    monkeypatch.syspath_prepend(str(wheel))
    with pytest.raises(UserError) as caught:
        locate("Absent", config)
    assert str(caught.value) == (
        "There is no executor 'Absent'. Archives on sys.path are not searched for plugins "
        f"({wheel}): install it. List the installed ones with `airflow-lite plugins list`."
    )
