"""The commands of plugins: which are offered, and one line for those that are not."""

from __future__ import annotations

import sys

import pytest

from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.model import PluginError, PluginState
from airflow_lite.plugins.discovery.owners import in_conflict
from airflow_lite.plugins.executors import load_executor
from airflow_lite.plugins.groups import UnknownGroupError, command_groups, load_group

PLUGIN = """
from airflow_lite.cli import ActionCommand, GroupCommand, lazy_load_command
from airflow_lite.hooks import ConfigOption, hookimpl

@hookimpl
def get_cli_commands():
    action = ActionCommand("go", "Go", lazy_load_command("os.getpid"))
    return [GroupCommand("{group}", "The group", (action,))]

@hookimpl
def get_config_options():
    return [
        ConfigOption("{group}", "speed", "3", "How fast."),
        ConfigOption("core", "stolen", "x", "Not theirs."),
    ]
"""
EXECUTOR = """
from airflow_lite.cli import GroupCommand
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass
    @staticmethod
    def get_cli_commands():
        return [GroupCommand("own-group", "Of the class", ())]
"""


def install(site, name, **options):
    group = name
    site.install(
        f"lite-{name}",
        executors=f"{name.title()}Executor = {name}_executor:Own",
        plugins=f"{group} = {name}_plugin",
        modules={f"{name}_plugin": PLUGIN.format(group=group), f"{name}_executor": EXECUTOR},
        **options,
    )


def message(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return str(caught.value)


def test_the_group_of_the_configured_executor_is_offered_without_importing_it(site, configured):
    install(site, "red")
    install(site, "blue")
    offered = command_groups(configured("RedExecutor"))
    assert offered == [("red", "What lite-red does")]
    assert "red_plugin" not in sys.modules


def test_the_groups_of_required_distributions_are_offered_too(site, configured):
    install(site, "red", requires=("lite-blue",))
    install(site, "blue")
    assert [name for name, _ in command_groups(configured("RedExecutor"))] == ["blue", "red"]


SUBCLASS = """
from {module} import Own

class Mine(Own):
    def start(self):
        self.speed = self.config.getint("red", "speed")
"""


@pytest.mark.parametrize("module", ["red_executor", "red_package"])
def test_a_subclass_by_path_has_commands_and_options_of_the_plugin_that_it_extends(
    site, configured, module
):
    install(site, "red")
    (site.directory / "red_package.py").write_text("from red_executor import Own")
    (site.directory / "mine.py").write_text(SUBCLASS.format(module=module))
    config = configured("mine.Mine")
    assert ("red", "What lite-red does") in command_groups(config, probing=True)
    assert load_group("red", config).name == "red"
    executor = load_executor(configured("mine.Mine"))
    executor.start()
    assert vars(executor)["speed"] == 3


def test_a_subclass_by_an_entry_point_has_options_and_commands_over_all_requirements(
    site, configured
):
    install(site, "red")
    site.install("between", requires=("lite-red",), plugins="between = between_plugin")
    site.install(
        "outer",
        executors="OuterExecutor = outer_executor:Mine",
        requires=("between",),
        modules={
            "outer_executor": SUBCLASS.format(module="red_executor"),
            "between_plugin": PLUGIN.format(group="between"),
        },
    )
    config = configured("OuterExecutor")
    assert {name for name, _ in command_groups(config)} == {"red", "between"}
    assert load_group("red", config).name == "red"
    executor = load_executor(configured("OuterExecutor"))
    executor.start()
    assert vars(executor)["speed"] == 3


def test_a_broken_plugin_that_an_executors_own_requires_is_told_and_left_out(
    site, configured, caplog
):
    install(site, "red", requires=("lite-bad",))
    site.install("lite-bad", plugins="bad = bad_plugin", modules={"bad_plugin": "1 / 0"})
    assert load_executor(configured("RedExecutor")).name == "RedExecutor"
    assert "Plugin lite-bad (1.0) is quarantined" in caplog.text


def test_a_plugin_without_an_executor_is_always_offered(site, configured):
    site.install("tools", plugins="tools = tools_plugin")
    assert [name for name, _ in command_groups(configured())] == ["tools"]


def test_a_disabled_plugin_offers_nothing(site, configured):
    install(site, "red")
    config = configured("RedExecutor", AIRFLOW_LITE_DISABLE_PLUGINS="lite-red")
    assert command_groups(config) == []
    assert message(load_group, "red", config) == (
        "The group of commands 'red' comes from lite-red (1.0), which cannot be used (disabled): "
        "named in [plugins] disabled or AIRFLOW_LITE_DISABLE_PLUGINS. Take its name out of there."
    )


def test_loading_a_group_imports_that_plugin_alone(site, configured):
    install(site, "red")
    install(site, "blue")
    config = configured("RedExecutor")
    group = load_group("red", config)
    assert (group.name, [command.name for command in group.subcommands]) == ("red", ["go"])
    assert {"red_executor", "blue_plugin"}.isdisjoint(sys.modules)


def test_options_of_a_plugin_are_known_in_its_own_section_alone(site, configured, caplog):
    install(site, "red")
    config = configured("RedExecutor")
    load_group("red", config)
    assert config.getint("red", "speed") == 3
    assert [option.name for option in config.plugin_options] == ["speed"]
    assert "declares the option [core] stolen outside its own section" in caplog.text


def test_the_group_of_an_executor_that_is_not_configured_says_what_enables_it(site, configured):
    install(site, "red")
    assert message(load_group, "red", configured("LocalExecutor")) == (
        "The commands of 'red' come with RedExecutor, and [core] executor is 'LocalExecutor'. "
        "Run `airflow-lite --executor RedExecutor red …`, or set [core] executor = RedExecutor."
    )


def test_the_group_of_a_known_package_names_it(configured, monkeypatch):
    monkeypatch.setattr("sys.path", [])
    assert message(load_group, "dask", configured()) == (
        "The commands of 'dask' are not installed. Install them with "
        "`pip install airflow-lite-dask-executor`."
    )


def test_an_unknown_group_is_a_usage_error(configured):
    with pytest.raises(UnknownGroupError) as caught:
        load_group("nonsense", configured())
    assert caught.value.exit_code == 2


def test_a_group_of_two_distributions_is_refused_naming_both(site, configured):
    site.install("one", plugins="same = one_plugin")
    site.install("two", plugins="same = two_plugin")
    assert message(load_group, "same", configured()) == (
        "The group of commands 'same' comes from one (1.0) and two (1.0). Uninstall one, or "
        "name it in [plugins] disabled."
    )
    states = {
        plugin.distribution: plugin for plugin in in_conflict(installed_plugins(configured()))
    }
    assert states["one"].state is PluginState.CONFLICT
    assert states["two"].reason == "'same' comes from one (1.0), too"


def test_a_plugin_cannot_take_a_name_of_the_core(site, configured):
    site.install("thief", plugins="dags = thief_plugin")
    site.install("thief2", executors="LocalExecutor = thief:X")
    found = in_conflict(installed_plugins(configured()), ["dags"])
    reasons = {plugin.distribution: plugin.reason for plugin in found}
    assert reasons["thief"] == "'dags' is a name of the core"
    assert reasons["thief2"] == "'LocalExecutor' is a name of the core"
    assert reasons["airflow-lite"] == ""


def test_the_class_of_an_executor_without_a_plugin_module_speaks_for_its_commands(site, configured):
    site.install(
        "plain", executors="Plain = plain_executor:Own", modules={"plain_executor": EXECUTOR}
    )
    assert load_group("own-group", configured("Plain")).help == "Of the class"
    assert load_group("own-group", configured("plain_executor.Own")).help == "Of the class"
    with pytest.raises(UnknownGroupError):
        load_group("own-group", configured("LocalExecutor"))


def test_the_groups_of_a_class_are_offered_once_it_was_looked_at(site, configured):
    site.install(
        "plain", executors="Plain = plain_executor:Own", modules={"plain_executor": EXECUTOR}
    )
    offered = [("own-group", "Of the class")]
    for name in ("Plain", "plain_executor.Own"):
        config = configured(name)
        if name == "Plain":
            assert command_groups(config) == []  # as for the Tab key, which runs nobody's code
            assert command_groups(config, probing=True) == offered
            assert command_groups(config) == offered
        assert command_groups(config, ["own-group"], probing=True) == []
    assert command_groups(configured("LocalExecutor"), probing=True) == []
    assert "plain_executor" not in sys.modules


def test_an_executor_that_cannot_be_asked_for_its_commands_is_told_with_the_reason(configured):
    assert message(load_group, "mine", configured("absent_module.Own")) == (
        "There is no command 'mine' in the core, and the commands of executor "
        "'absent_module.Own' cannot be loaded: There is no module 'absent_module'. Check the path, and that its package is "
        "installed."
    )


UNCLEAR = (
    "(a bug in the plugin, or what it needs is not there). Mend what it lacks and try again with "
    "`airflow-lite plugins doctor lite-bad`, tell its author"
)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "import absent_thing",
            "{file}:1: ModuleNotFoundError: No module named 'absent_thing' ('absent_thing' is "
            "missing). Install 'absent_thing' and try again with `airflow-lite plugins doctor "
            "lite-bad`, or remove",
        ),
        (
            "raise SystemExit(4)",
            f"{{file}}:1: SystemExit: 4 {UNCLEAR}, or remove",
        ),
        (
            "x = 1",
            "{file}: it declares the group 'bad', but gives [] (a bug in the plugin). Tell its "
            "author, try again with `airflow-lite plugins doctor lite-bad` once it is mended, or"
            " remove",
        ),
    ],
)
def test_a_broken_plugin_is_told_in_one_line(site, configured, source, said):
    site.install("lite-bad", plugins="bad = bad_plugin", modules={"bad_plugin": source})
    said = said.format(file=site.directory / "bad_plugin.py")
    assert message(load_group, "bad", configured()) == (
        f"Plugin lite-bad (1.0) is quarantined: {said} the plugin with `pip uninstall lite-bad`."
    )
    assert "bad_plugin" not in sys.modules


def test_a_group_whose_metadata_changed_is_not_imported_on_the_indexs_word(site, configured):
    found = site.install("tools", plugins="tools = tools_plugin")
    config = configured()
    command_groups(config)
    text = "[airflow_lite.plugins.v1]\ntools = elsewhere\n"
    (found / "entry_points.txt").write_text(text)
    with pytest.raises(PluginError, match="has changed, and its group"):
        load_group("tools", config)
