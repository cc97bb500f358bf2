"""What plugins do before DAG files are imported: chosen, probed, and called once in a process."""

from __future__ import annotations

import sys

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.authoring_hooks import AuthoringHook, call_hooks
from airflow_lite.plugins.authoring import authoring_hooks
from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.model import Entry, PluginError, PluginState
from airflow_lite.plugins.executors import executor_class

NAMES = "CALLS = []\ndef install():\n    CALLS.append(1)\n"
WARNS = (
    "import logging\ndef install():\n    logging.getLogger('airflow_lite.x').warning('beware')\n"
)


def hooks_of(config, name="more-names"):
    title = f"{name} (1.0)"
    return [hook.value for hook in authoring_hooks(config) if hook.owner == title]


def test_a_function_is_found_and_not_called(site, configured):
    site.install("more-names", authoring="more = names_a:install", modules={"names_a": NAMES})

    assert hooks_of(configured()) == ["names_a:install"]
    assert "names_a" not in sys.modules


def test_it_is_called_once_however_often_files_are_imported(site):
    site.install("more-names", authoring="more = names_b:install", modules={"names_b": NAMES})
    hook = AuthoringHook("names_b:install", "more-names (1.0)")

    call_hooks([hook])
    call_hooks([tuple(hook)])

    assert sys.modules["names_b"].CALLS == [1]


def test_one_that_fails_in_a_child_is_logged_and_left_out(site, configured, caplog):
    site.install(
        "more-names",
        authoring="more = names_c:install",
        modules={"names_c": "def install():\n    raise OSError('no')\n"},
    )

    assert hooks_of(configured()) == []
    assert "Plugin more-names (1.0) is quarantined" in caplog.text
    assert "OSError: no" in caplog.text


def test_strict_plugins_raise_instead(site, tmp_path):
    site.install(
        "more-names",
        authoring="more = names_d:install",
        modules={"names_d": "def install():\n    raise SystemExit\n"},
    )
    strict = Config(tmp_path, {}, {"plugins": {"strict": "True"}})

    with pytest.raises(PluginError, match="more-names \\(1.0\\) is quarantined"):
        authoring_hooks(strict)


def test_what_it_warns_of_is_logged_once(site, configured, caplog):
    site.install("more-names", authoring="more = names_e:install", modules={"names_e": WARNS})
    config = configured()

    authoring_hooks(config)
    authoring_hooks(config, warns=True)
    authoring_hooks(config, warns=True)

    assert [record.getMessage() for record in caplog.records] == ["Plugin more-names (1.0): beware"]


@pytest.mark.parametrize(
    "environ", [{"AIRFLOW_LITE_NO_PLUGINS": "1"}, {"AIRFLOW_LITE_DISABLE_PLUGINS": "more_names"}]
)
def test_plugins_that_are_turned_off_are_not_called(site, configured, environ):
    site.install("more-names", authoring="more = names_f:install", modules={"names_f": NAMES})

    assert hooks_of(configured(**environ)) == []


def test_what_is_no_function_is_told_before_any_import(site, configured):
    site.install("more-names", authoring="more = names_g")

    (plugin,) = [one for one in installed_plugins(configured()) if one.distribution == "more-names"]

    assert plugin.authoring == (Entry("more", "names_g"),)
    assert plugin.state is PluginState.WRONG_TYPE
    assert plugin.reason == (
        "entry point 'more' of airflow_lite.authoring.v1 is 'names_g', no function"
    )


def test_two_of_one_name_are_a_conflict_and_neither_is_called(site, configured):
    site.install("more-names", authoring="more = names_h:install", modules={"names_h": NAMES})
    site.install("other-names", authoring="more = names_h:install")

    assert hooks_of(configured()) == hooks_of(configured(), "other-names") == []


def test_one_that_raises_is_the_error_of_the_file(site):
    site.install("more-names", modules={"names_i": "def install():\n    raise OSError('gone')\n"})

    with pytest.raises(AirflowDagException) as caught:
        call_hooks([("names_i:install", "more-names (1.0)")])

    assert str(caught.value) == (
        "Plugin more-names (1.0) fails before the file is imported, in 'names_i:install':"
        " OSError: gone"
    )


def test_it_is_called_before_an_executor_that_is_given_by_module_path(site, configured):
    source = "import names_j\nassert names_j.CALLS\nfrom airflow_lite import BaseExecutor\nclass Own(BaseExecutor):\n    def sync(self): pass\n    def execute_async(self, key, command, queue=None, executor_config=None): pass\n"
    site.install(
        "more-names",
        authoring="more = names_j:install",
        modules={"names_j": NAMES, "own_path": source},
    )

    assert executor_class("own_path.Own", configured("own_path.Own")).__name__ == "Own"
