"""Hooks of one plugin cannot hurt another."""

from __future__ import annotations

import threading
from types import ModuleType

import pytest

from airflow_lite.api.listener_events import ExecutorEnded, TaskFinished
from airflow_lite.hooks import hookimpl
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.plugins.discovery.model import PluginError
from airflow_lite.plugins.listeners import Listeners
from airflow_lite.plugins.registry import HookResult, Registry
from fixtures.waits import DEADLINE_S


def plugin(**hooks):
    module = ModuleType("made")
    for name, function in hooks.items():
        function.__name__ = name
        setattr(module, name, hookimpl(function))
    return module


def raising():
    raise RuntimeError("mine")


def test_one_hook_that_raises_is_logged_counted_and_left_out(caplog):
    registry = Registry()
    registry.register(plugin(get_cli_commands=lambda: ["a"]), "first (1)")
    registry.register(plugin(get_cli_commands=raising), "second (1)")
    registry.register(plugin(get_cli_commands=lambda: ["c"]), "third (1)")
    answers = registry.call("get_cli_commands")
    assert answers == [HookResult("first (1)", ["a"]), HookResult("third (1)", ["c"])]
    assert registry.failures == {"second (1)": 1}
    assert "Plugin second (1): its hook get_cli_commands raised" in caplog.text


def test_what_is_no_module_is_refused():
    with pytest.raises(PluginError) as caught:
        Registry().register(object(), "odd (1)")
    assert str(caught.value) == "Plugin odd (1) is a object, not a module. Tell its author."


def test_an_unknown_hook_warns_with_the_nearest_name(caplog):
    Registry().register(plugin(get_cli_comands=lambda: []), "newer (2)")
    assert "unknown hook 'get_cli_comands'. Did its author mean 'get_cli_commands'?" in caplog.text


def test_a_wrapper_is_refused():
    module = ModuleType("made")

    @hookimpl(wrapper=True)
    def get_cli_commands():
        return (yield)

    vars(module)["get_cli_commands"] = get_cli_commands
    registry = Registry()
    with pytest.raises(PluginError, match="wraps the hook 'get_cli_commands'"):
        registry.register(module, "greedy (1)")
    assert registry.call("get_cli_commands") == []


def test_a_hook_with_wrong_arguments_is_refused():
    with pytest.raises(PluginError, match=r"^Plugin wrong \(1\) has a wrong hook"):
        Registry().register(plugin(check_health=lambda nonsense: None), "wrong (1)")


def test_listeners_hear_events_in_order_on_a_thread_of_their_own():
    heard = []
    threads = set()

    def hear(event):
        heard.append(event)
        threads.add(threading.get_ident())

    registry = Registry()
    registry.register(plugin(on_task_finished=hear, on_executor_ended=hear), "ears (1)")
    listeners = Listeners(registry)
    key = TaskInstanceKey("d", "t", "r")
    events = [TaskFinished(key, "success", n) for n in range(3)]
    for event in events:
        listeners.tell("on_task_finished", event)
    end = ExecutorEnded("Own", clean=True, time_us=9)
    listeners.tell("on_executor_ended", end)
    assert listeners.close(DEADLINE_S)
    assert heard == [*events, end]
    assert threading.get_ident() not in threads


def test_a_slow_listener_makes_events_drop_and_never_the_scheduler_wait(caplog):
    entered, let_go = threading.Event(), threading.Event()

    def hear(event):
        entered.set()
        assert let_go.wait(DEADLINE_S)

    registry = Registry()
    registry.register(plugin(on_executor_ended=hear), "slow (1)")
    listeners = Listeners(registry, capacity=2)
    listeners.tell("on_executor_ended", None)
    assert entered.wait(DEADLINE_S)
    for _ in range(5):
        listeners.tell("on_executor_ended", None)
    assert listeners.dropped == 3
    let_go.set()
    assert listeners.close(DEADLINE_S)


def test_where_nobody_listens_there_is_no_thread():
    before = threading.active_count()
    listeners = Listeners(Registry())
    listeners.tell("on_executor_ended", None)
    assert threading.active_count() == before
    assert listeners.close(0)
