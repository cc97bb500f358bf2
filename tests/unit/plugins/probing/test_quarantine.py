"""A plugin is imported here only after a child imported it well; what fails is told, and kept."""

from __future__ import annotations

import os
import sys

import pytest

from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.model import PluginError, PluginState
from airflow_lite.plugins.discovery.targets import EXECUTOR, MODULE, Target
from airflow_lite.plugins.executors import executor_class, executor_flag, load_executor
from airflow_lite.plugins.groups import load_group
from airflow_lite.plugins.loading import add_options, listening_plugins
from airflow_lite.plugins.probing import probe as probing
from airflow_lite.plugins.probing.probe import probe
from airflow_lite.plugins.probing.quarantine import known_plugins, verdicts
from airflow_lite.plugins.probing.verdict import complaints, reason
from fixtures.processes import is_gone

EXECUTOR_SOURCE = """
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    is_local = True
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass
"""
MODULE_SOURCE = """
from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.hooks import ConfigOption, hookimpl

@hookimpl
def get_cli_commands():
    action = ActionCommand("go", "Go", lazy_load_command("os.getpid"), (Arg("--fast"),))
    return [GroupCommand("own", "The group", (action,))]

@hookimpl
def get_config_options():
    return [ConfigOption("own", "speed", "3", "How fast.")]
"""


@pytest.fixture
def children(monkeypatch):
    """Count the children that are started."""
    asked = []
    ask = probing.ask

    def counted(*arguments, **options):
        asked.append(arguments)
        return ask(*arguments, **options)

    monkeypatch.setattr(probing, "ask", counted)
    return asked


def probed(site, source, kind=MODULE, name="own", timeout_s=30.0):
    (site.directory / "probed.py").write_text(source)
    value = "probed" if kind == MODULE else "probed:Own"
    (found,) = probe([Target(kind, name, value)], timeout_s=timeout_s)
    assert "probed" not in sys.modules
    return found


def install(site, executor=EXECUTOR_SOURCE, module=MODULE_SOURCE, name="lite-own"):
    modules = {"own_executor": executor, "own_plugin": module}
    site.install(
        name, executors="Own = own_executor:Own", plugins="own = own_plugin", modules=modules
    )


def test_a_sound_module_gives_its_commands_and_options(site):
    found = probed(site, MODULE_SOURCE)
    assert (found.error, found.output, found.threads, found.warnings) == ("", "", (), ())
    assert found.commands == {"own": ["go"]}
    assert found.options == (("own", "speed", "3", "How fast."),)
    assert found.import_ms > 0


def test_a_sound_executor_gives_its_flags(site):
    found = probed(site, EXECUTOR_SOURCE, EXECUTOR)
    assert found.error == ""
    assert (found.flags["is_local"], found.flags["is_production"]) == (True, True)


GROUP = MODULE_SOURCE.partition("@hookimpl\ndef get_config")[0]


@pytest.mark.parametrize(
    ("source", "kind", "error", "line", "needs"),
    [
        ("import os; os._exit(9)", MODULE, "importing 'probed' ended the process with exit code 9", "", ""),
        ("import os; os.kill(os.getpid(), 9)", MODULE, "importing 'probed' ended the process by SIGKILL", "", ""),
        ("import os; os.closerange(3, 9999)", MODULE, "importing 'probed' ended the process with exit code 1", "", ""),
        ("import sys; sys.exit(3)", MODULE, "SystemExit: 3", ":1", ""),
        ("raise KeyboardInterrupt", MODULE, "KeyboardInterrupt", ":1", ""),
        ("x = 1\nraise ValueError('a\\nb')", MODULE, "ValueError: a b", ":2", ""),
        ("x = = 1", MODULE, "SyntaxError: invalid syntax (probed.py, line 1)", ":1", ""),
        ("import absent_one.two", MODULE, "ModuleNotFoundError: No module named 'absent_one'", ":1", "absent_one"),
        ("from pluggy import nothing_such", MODULE, None, ":1", "pluggy"),
        ("from json import nothing_such", MODULE, None, ":1", ""),
        ("try:\n    import absent\nexcept ImportError as e:\n    raise RuntimeError('no') from e", MODULE,
         "ModuleNotFoundError: No module named 'absent'", ":2", "absent"),
        ("x = 1", MODULE, "it declares the group 'own', but gives []", "", ""),
        ("import sys; sys.modules[__name__] = 3", MODULE, "it is a int, not a module", "", ""),
        (GROUP.replace("get_cli_commands():", "get_cli_commands():\n    1 / 0"), MODULE,
         "ZeroDivisionError: division by zero", ":7", ""),
        (GROUP.replace("GroupCommand(", "ascii or ("), MODULE, None, "", ""),
        (GROUP.replace('Arg("--fast")', 'Arg("--fast"), Arg("--fast")'), MODULE,
         "ArgumentError: argument --fast: conflicting option string: --fast", None, ""),
        (MODULE_SOURCE.replace('"3"', "3"), MODULE, "option 'speed': its default is not text", "", ""),
        ("Own = 3", EXECUTOR,
         "Executor 'own' is not a subclass of airflow_lite.executors.BaseExecutor. Name an executor's class", None, ""),
        ("x = 1", EXECUTOR, "AttributeError: module 'probed' has no attribute 'Own'", None, ""),
        (EXECUTOR_SOURCE.replace("def sync", "def sink"), EXECUTOR,
         "Executor 'own' does not define sync. Every executor must: tell its author", None, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_file_first_cause_and_what_is_missing(
    site, source, kind, error, line, needs
):
    found = probed(site, source, kind)
    assert not found.is_sound
    assert found.needs == needs
    if error is not None:
        assert found.error == error
    if line is not None:
        assert found.file == f"{site.directory / 'probed.py'}{line}"
    assert ("is missing" in reason(found)) == bool(needs)


def test_an_import_that_hangs_is_ended_at_the_deadline_with_all_its_processes(site, wait_until):
    source = (
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(site.directory / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    found = probed(site, source, timeout_s=0.7)
    assert found.error == "importing 'probed' took longer than 0.7 s"
    assert found.is_timeout
    pid = int((site.directory / "pid").read_text())
    wait_until(lambda: is_gone(pid), "the process that the import had started to be gone")


def test_output_threads_and_unknown_hooks_are_complaints(site):
    source = (
        "import os, threading, time\n"
        "print('hello', flush=True)\n"
        "os.write(2, b'there')\n"
        "threading.Thread(target=time.sleep, args=(60,), name='ticker', daemon=True).start()\n"
        f"{MODULE_SOURCE}\n"
        "@hookimpl\ndef on_task_qeued(event): pass\n"
    )
    found = probed(site, source)
    assert found.is_sound
    site.install("lite-own", plugins="own = probed")
    (plugin,) = [p for p in _all(site) if p.distribution == "lite-own"]
    assert complaints(found, plugin) == [
        "it has an unknown hook 'on_task_qeued'. Did its author mean 'on_task_queued'?",
        "importing 'probed' prints 'hello\\nthere'",
        "importing 'probed' starts threads: ticker",
    ]


def _all(site):
    from airflow_lite.plugins.discovery.metadata import discover

    return discover([str(site.directory)], "0.1.0")


def test_a_thread_that_would_keep_the_program_from_ending_is_not_let_in(site):
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    found = probed(site, thread + MODULE_SOURCE)
    assert found.error.startswith("importing it starts a thread that keeps the program from ending")


def test_one_that_ends_the_child_does_not_speak_for_the_others(site, children):
    (site.directory / "bad.py").write_text("import os; os._exit(1)")
    (site.directory / "good.py").write_text(MODULE_SOURCE)
    targets = [Target(MODULE, "own", name) for name in ("good", "bad", "good")]
    assert [found.is_sound for found in probe(targets, timeout_s=30)] == [True, False, True]
    assert len(children) == 2


def test_the_first_use_takes_one_child_and_later_ones_none(site, configured, children):
    install(site)
    config = configured("Own")
    load_executor(config)
    assert config.get("own", "speed") == "3"
    load_group("own", configured_again(config))
    executor_class("own_executor.Own", configured_again(config))
    listening_plugins(configured_again(config))
    assert len(children) == 1


def configured_again(config):
    from airflow_lite.config import Config

    return Config(config.home, config.environ, config.file, config.overrides)


def test_a_flag_is_known_without_importing_the_executor(site, configured):
    install(site)
    config = configured("Own")
    assert executor_flag("Own", "is_local", config)
    assert not executor_flag("own_executor.Own", "serve_logs", config)
    assert "own_executor" not in sys.modules
    assert executor_flag("LocalExecutor", "is_local", config)


def test_a_verdict_holds_until_the_plugin_or_what_is_beside_it_changes(site, configured, children):
    install(site, module="import absent_thing")
    config = configured("Own")
    for _ in range(2):
        with pytest.raises(PluginError, match="'absent_thing' is missing"):
            load_executor(config)
    assert len(children) == 2
    site.install("absent", modules={"absent_thing": ""})
    with pytest.raises(PluginError, match="declares the group 'own'"):
        load_executor(config)
    (site.directory / "own_plugin.py").write_text(MODULE_SOURCE)
    for _ in range(2):
        load_executor(config)
    assert len(children) == 4


@pytest.mark.parametrize("what", ["variable", "program", "file", "module of a namespace"])
def test_an_import_that_failed_is_tried_again_when_the_executor_is_chosen(
    site, configured, tmp_path, monkeypatch, what
):
    lacks = {
        "variable": "import os; os.environ['ACME_URL']",
        "program": "import subprocess; subprocess.check_output(['sacctx'])",
        "file": f"open({str(tmp_path / 'acme.ini')!r}).close()",
        "module of a namespace": "import acmelib.client",
    }
    (site.directory / "acmelib").mkdir()
    install(site, module=MODULE_SOURCE, executor=f"{lacks[what]}\n{EXECUTOR_SOURCE}")
    with pytest.raises(PluginError, match=r"airflow-lite plugins doctor lite-own"):
        load_executor(configured_again(configured("Own")))
    monkeypatch.setenv("ACME_URL", "x")
    (tmp_path / "acme.ini").touch()
    (site.directory / "acmelib/client.py").touch()
    program = tmp_path / "bin/sacctx"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert load_executor(configured_again(_Home(site))).name == "Own"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "own": 1, "path": 1, "verdicts": [{}]}']
)
def test_a_spoilt_cache_is_made_again(site, configured, text):
    install(site)
    config = configured("Own")
    load_executor(config)
    (file,) = (config.home / "cache/probes").iterdir()
    file.write_text(text)
    load_executor(config)
    assert file.read_text() != text


def test_what_is_known_to_fail_is_listed_as_quarantined(site, configured):
    install(site, module="raise ValueError('boom')")
    config = configured("Own")
    states = {plugin.distribution: plugin.state for plugin in known_plugins(config)}
    for name in ("airflow-lite-airflow-names", "airflow-lite-web"):  # by `configured`
        assert states.pop(name) is PluginState.DISABLED
    assert set(states.values()) == {PluginState.READY}
    with pytest.raises(PluginError):
        load_executor(config)
    (found,) = [plugin for plugin in known_plugins(config) if plugin.distribution == "lite-own"]
    assert found.state is PluginState.QUARANTINED
    assert found.reason == (
        f"{site.directory / 'own_plugin.py'}:1: ValueError: boom (a bug in the plugin, or what it needs is"
        " not there)"
    )
    assert found.remedy == (
        "Mend what it lacks and try again with `airflow-lite plugins doctor lite-own`, tell its "
        "author, or remove the plugin with `pip uninstall lite-own`."
    )


def test_the_command_and_the_choice_as_executor_say_the_same(site, configured):
    install(site, module="raise ValueError('boom')")
    configured("Own")
    said = []
    for call in (lambda c: load_group("own", c), load_executor, lambda c: executor_class("Own", c)):
        with pytest.raises(PluginError) as caught:
            call(configured_again(_Home(site)))
        said.append(str(caught.value))
    assert len(set(said)) == 1


class _Home:
    """The home and environment that `configured` made, for a second configuration of it."""

    def __init__(self, site):
        self.home = site.directory.parent / "home"
        self.environ = {}
        self.file = {"core": {"executor": "Own"}}
        self.overrides = {}


@pytest.mark.parametrize(
    "module",
    [
        "print('hello')\n" + MODULE_SOURCE,
        MODULE_SOURCE.replace('("own", "speed"', '("core", "speed"'),
    ],
)
def test_strict_makes_every_complaint_an_error(site, configured, module):
    install(site, module=module)
    load_executor(configured("Own"))
    config = configured_again(_Home(site))
    config.environ = {"AIRFLOW_LITE__PLUGINS__STRICT": "True"}
    with pytest.raises(
        PluginError, match=r"^Plugin lite-own \(1\.0\): .* unset \[plugins\] strict"
    ):
        load_executor(config)


def test_strict_refuses_to_run_beside_a_plugin_that_is_out_of_order(site, configured):
    site.install("lost", executors="Lost = lost:L", requires=("airflow-lite>=99",))
    load_executor(configured())
    config = configured_again(_Home(site))
    config.file = {}
    config.environ = {"AIRFLOW_LITE__PLUGINS__STRICT": "True"}
    with pytest.raises(
        PluginError, match=r"^Plugin lost \(1\.0\) cannot be used \(needs another core\): "
    ):
        load_executor(config)


def test_a_module_prints_to_stderr_when_it_is_imported_here(site, configured, capsys):
    install(site, module="print('hello')\n" + MODULE_SOURCE)
    load_group("own", configured("Own"))
    assert capsys.readouterr() == ("", "hello\n")


def test_options_come_from_the_verdict_without_importing(site, configured):
    install(site)
    config = configured("Own")
    (plugin,) = [p for p in installed_plugins(config) if p.distribution == "lite-own"]
    add_options(plugin, config)
    assert config.getint("own", "speed") == 3
    assert "own_plugin" not in sys.modules


def test_no_verdict_is_kept_where_there_is_no_home(site, tmp_path, configured):
    install(site)
    config = configured("Own")
    (plugin,) = [p for p in installed_plugins(config) if p.distribution == "lite-own"]
    os.rmdir(config.home) if not any(config.home.iterdir()) else None
    from airflow_lite.config import Config

    nowhere = Config(tmp_path / "absent")
    (found,) = verdicts(plugin, [Target(MODULE, "own", "own_plugin")], nowhere)
    assert found.is_sound
    assert not nowhere.home.exists()
