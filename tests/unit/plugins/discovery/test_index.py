"""Plugins are found without importing them, and a broken one harms nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from airflow_lite.config import Config
from airflow_lite.plugins.discovery import index, metadata
from airflow_lite.plugins.discovery.index import FILE, installed_plugins
from airflow_lite.plugins.discovery.metadata import discover
from airflow_lite.plugins.discovery.model import Entry, PluginState


def by_name(plugins):
    return {plugin.distribution: plugin for plugin in plugins}


def test_entry_points_are_found_with_what_metadata_say(site):
    site.install(
        "Some_Executor",
        executors="Some = some.where:Some",
        plugins="some = some.plugin",
        requires=("airflow-lite>=0.1.0.dev0,<0.2", "dask"),
    )
    (plugin,) = discover([str(site.directory)], "0.1.0")
    assert plugin.distribution == "some-executor"
    assert plugin.title == "some-executor (1.0)"
    assert plugin.summary == "What Some_Executor does"
    assert plugin.executors == (Entry("Some", "some.where:Some"),)
    assert plugin.groups == (Entry("some", "some.plugin"),)
    assert plugin.requires == ("airflow-lite", "dask")
    assert plugin.state is PluginState.READY


def test_distributions_without_an_entry_of_ours_are_left_out(site):
    found = site.install("other")
    (found / "entry_points.txt").write_text("[console_scripts]\nx = airflow_lite.x:y\n")
    assert discover([str(site.directory)], "0.1.0") == []


def test_a_broken_distribution_is_listed_and_harms_no_other(site):
    good = {"executors": "A = a:A"}
    site.install("good", **good)
    (site.install("nameless", **good) / "METADATA").write_text("Version: 1\n")
    (site.install("no-metadata", **good) / "METADATA").unlink()
    (site.install("latin", **good) / "entry_points.txt").write_bytes(
        b"[airflow_lite.executors.v1]\nA = \xff\n"
    )
    fifo = site.install("fifo", **good) / "entry_points.txt"
    fifo.unlink()
    os.mkfifo(fifo)
    (site.install("wide", **good) / "entry_points.txt").write_text(
        "[airflow_lite.executors.v1]\nA = a:A\n", encoding="utf-16"
    )
    (site.install("control", **good) / "METADATA").write_text(
        "Name: control\nVersion: 1\nSummary: \x1b[31mred\n"
    )
    site.install("misnamed", executors="a b = a:A\n\x1b[31m = a:A")
    (site.install("shell", **good) / "METADATA").write_text("Name: x; rm -rf ~\nVersion: 1\n")
    odd = site.directory / "x; reboot-1.0.dist-info"
    odd.mkdir()
    (odd / "entry_points.txt").write_bytes(b"\0")
    plugins = by_name(discover([str(site.directory), "/nowhere"], "0.1.0"))
    assert plugins["good"].is_ready
    assert plugins["shell"].remedy == ("Install it again, or remove it with `pip uninstall shell`.")
    assert plugins["x; reboot"].remedy == f"Install it again, or remove {odd}."
    broken = ("shell", "nameless", "no-metadata", "latin", "fifo", "wide", "misnamed")
    assert [plugins[name].state for name in broken] == [PluginState.BROKEN] * 7
    assert plugins["no-metadata"].reason == (
        "no_metadata-1.0.dist-info: its METADATA cannot be read"
    )
    assert plugins["fifo"].reason == (
        "fifo-1.0.dist-info: its entry_points.txt cannot be read as text"
    )
    assert plugins["control"].summary == "?[31mred"
    assert plugins["misnamed"].executors == ()


def test_a_distribution_for_another_interface_alone_needs_another_core(site):
    found = site.install("later", executors="Later = later:Later")
    entries = found / "entry_points.txt"
    entries.write_text(entries.read_text().replace(".v1", ".v2"))
    (plugin,) = discover([str(site.directory)], "0.1.0")
    assert (plugin.state, plugin.executors) == (
        PluginState.NEEDS_ANOTHER_CORE,
        (Entry("Later", "later:Later"),),
    )
    assert plugin.reason == (
        "is made for airflow_lite.executors.v2, but this airflow-lite has airflow_lite.executors.v1"
    )


def test_a_range_of_the_core_that_is_not_met_is_told_before_any_import(site):
    site.install("newer", executors="A = a:A", requires=("airflow-lite>=9",))
    (plugin,) = discover([str(site.directory)], "0.1.0")
    assert plugin.state is PluginState.NEEDS_ANOTHER_CORE
    assert plugin.reason == "needs airflow-lite>=9, but this is 0.1.0"


def test_a_plugin_entry_that_is_no_module_is_the_wrong_type(site):
    site.install("wrong", plugins="wrong = wrong.plugin:Class")
    (plugin,) = discover([str(site.directory)], "0.1.0")
    assert plugin.state is PluginState.WRONG_TYPE


def test_the_index_is_read_back_and_renewed_when_something_is_installed(site, configured):
    config = configured()
    site.install("one", executors="A = a:A", plugins="one = one.plugin")
    first = installed_plugins(config)
    assert (config.home / FILE).exists()
    assert installed_plugins(config) == first
    site.install("two", executors="B = b:B")
    assert "two" in by_name(installed_plugins(config))


def test_what_is_installed_where_times_never_change_is_found(site, configured):
    config = configured()
    for name in ("one", "two"):
        site.install(name, executors=f"{name} = a:A")
        os.utime(site.directory, ns=(0, 0))  # as in images that are built alike at any time
        for _ in range(2):
            assert name in by_name(installed_plugins(config))


def test_extras_behind_an_entry_point_are_passed_over(site):
    site.install("extra", executors="A = a.b : A.B [fast, slow]", plugins="a = a.plugin [fast]")
    (plugin,) = discover([str(site.directory)], "0.1.0")
    assert plugin.executors == (Entry("A", "a.b:A.B"),)
    assert plugin.groups == (Entry("a", "a.plugin"),)
    assert plugin.is_ready


def test_the_index_of_another_python_is_made_again(site, configured, monkeypatch):
    config = configured()
    site.install("one", executors="A = a:A")
    expected = installed_plugins(config)
    searched = []
    monkeypatch.setattr(
        metadata,
        "discover",
        lambda places, *rest: searched.extend(places) or discover(places, *rest),
    )
    monkeypatch.setattr(index, "_MADE_BY", ["0", "another"])
    assert installed_plugins(config) == expected
    assert str(site.directory) in searched


NO_FOLDERS = {"format": 3, "made_by": index._MADE_BY, "directories": [["/", 0, [], 3]]}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', "\x00", json.dumps(NO_FOLDERS)])
def test_a_spoilt_index_is_made_again(site, configured, text):
    config = configured()
    site.install("one", executors="A = a:A")
    expected = installed_plugins(config)
    (config.home / FILE).write_text(text)
    assert installed_plugins(config) == expected


def test_a_directory_is_searched_again_only_when_it_changed(
    site, configured, tmp_path, monkeypatch
):
    config = configured()
    site.install("one", executors="A = a:A")
    installed_plugins(config)
    searched = []
    monkeypatch.setattr(
        metadata,
        "discover",
        lambda places, *rest: searched.extend(places) or discover(places, *rest),
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(site.directory)])
    for _ in range(2):
        assert "one" in by_name(installed_plugins(config))
    assert searched == [str(tmp_path)]


def test_no_more_directories_are_kept_than_are_needed(site, configured, tmp_path, monkeypatch):
    config = configured()
    for number in range(120):
        (tmp_path / str(number)).mkdir()
        monkeypatch.setattr(sys, "path", [str(tmp_path / str(number))])
        installed_plugins(config)
    kept = json.loads((config.home / FILE).read_text())["directories"]
    assert [name for name, *_ in kept] == [str(tmp_path / str(n)) for n in range(20, 120)]


def test_no_index_is_kept_where_there_is_no_home(site, tmp_path):
    site.install("one", executors="A = a:A")
    home = tmp_path / "absent"
    assert "one" in by_name(installed_plugins(Config(home)))
    assert not home.exists()


def test_a_kept_index_is_read_without_importlib_metadata(site, configured, tmp_path):
    site.install("one", executors="A = a:A")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from airflow_lite.config import Config; from pathlib import Path\n"
        "from airflow_lite.plugins.groups import command_groups\n"
        "from airflow_lite.plugins.discovery.index import installed_plugins\n"
        "config = Config(Path(sys.argv[2]))\n"
        "print('one' in [p.distribution for p in installed_plugins(config)])\n"
        "command_groups(config)\n"
        "print([m for m in ('importlib_metadata', 'pluggy', 'one') if m in sys.modules])\n"
    )
    arguments = [sys.executable, "-c", program, str(site.directory), str(configured().home)]
    outputs = [subprocess.check_output(arguments, text=True) for _ in range(2)]
    assert outputs[0] == "True\n['importlib_metadata']\n"
    assert outputs[1] == "True\n[]\n"


@pytest.mark.parametrize(
    "environ",
    [
        {"AIRFLOW_LITE_DISABLE_PLUGINS": "x, One_Two"},
        {"AIRFLOW_LITE__PLUGINS__DISABLED": "one.two"},
    ],
)
def test_a_distribution_is_disabled_by_name(site, configured, environ):
    site.install("one-two", executors="A = a:A")
    found = by_name(installed_plugins(configured(**environ)))["one-two"]
    assert found.state is PluginState.DISABLED


def test_no_plugins_leaves_the_core_alone(site, configured):
    site.install("one", executors="A = a:A")
    found = installed_plugins(configured(AIRFLOW_LITE_NO_PLUGINS="1"))
    assert {plugin.distribution for plugin in found} <= {"airflow-lite"}


def test_metadata_without_a_summary_are_in_order(site, configured, tmp_path):
    site.install("one", executors="A = a:A")
    [info] = tmp_path.rglob("one-*.dist-info/METADATA")
    lines = info.read_text().splitlines(keepends=True)
    info.write_text("".join(line for line in lines if not line.startswith("Summary")))
    assert by_name(installed_plugins(configured()))["one"].state is PluginState.READY
