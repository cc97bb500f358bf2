"""What plugins show of their executor on the web page: data from a process of its own."""

from __future__ import annotations

import pytest

from airflow_lite.plugins.probing import doctor
from airflow_lite.plugins.probing.doctor import Panel, panels

EXECUTOR = """
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass
"""
MODULE = """
from airflow_lite.hooks import WebPanel, hookimpl

@hookimpl
def get_web_panels(context):
    {body}
"""


@pytest.fixture
def shown(site, configured):
    """Give a function that returns what a plugin shows whose hook has this body."""

    def shown(body):
        modules = {"red_executor": EXECUTOR, "red_plugin": MODULE.format(body=body)}
        site.install(
            "lite-red",
            executors="RedExecutor = red_executor:Own",
            plugins="red = red_plugin",
            modules=modules,
        )
        return panels("RedExecutor", configured("RedExecutor"))

    return shown


def test_rows_are_shown_as_text_in_the_order_of_the_columns(shown):
    rows = "[{'b': ['x', 'y'], 'a': 1, 'c': 0}, {'b': '<i>', 'a': None}]"
    found = shown(f"return [WebPanel('Engines', ('a', 'b'), {rows}, 'Two.')]")

    assert found == [Panel("Engines", "Two.", ("a", "b"), (("1", "x, y"), ("", "<i>")))]


@pytest.mark.parametrize("body", ["return []", "return None"])
def test_a_plugin_may_have_nothing_to_show(shown, body):
    assert shown(body) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise OSError('no engine')", "its get_web_panels failed: "),
        ("return ['<b>']", "it gives a str, not a WebPanel"),
        ("return [WebPanel('a', ('b',), ['c'])]", "its get_web_panels failed: "),
        ("import os; os._exit(3)", "its get_web_panels ended the process with exit code 3"),
    ],
)
def test_a_plugin_that_fails_is_named_with_the_reason(shown, body, told):
    (panel,) = shown(body)

    assert panel.title == "lite-red"
    assert told in panel.text


def test_a_plugin_that_hangs_is_waited_for_until_its_deadline(shown, monkeypatch):
    monkeypatch.setattr(doctor, "HEALTH_S", 0.2)
    monkeypatch.setattr(doctor, "_MARGIN_S", 0.2)
    (panel,) = shown("import time; time.sleep(600)")

    assert panel.text == "its get_web_panels took longer than 0.2 s"


def test_an_executor_of_the_core_has_nothing_to_show(configured):
    assert panels("LocalExecutor", configured("LocalExecutor")) == []
