"""Distributions that are installed for the command line, made of files alone."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import UserError
from airflow_lite.store.migrate import bare_store, is_made
from airflow_lite_testing.checker import check
from fixtures.distributions import write_distribution

#: What each module of a plugin begins with: it tells that it ran, in which process.
TELLS = "import os\nwith open({ran!r}, 'a') as f: f.write(f'{{__name__}} {{os.getpid()}}\\n')\n"
EXECUTOR = """
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    is_local = True
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass
"""
PLUGIN = """
from airflow_lite.cli import ActionCommand, GroupCommand, lazy_load_command
from airflow_lite.hooks import ConfigOption, HealthReport, hookimpl

@hookimpl
def get_cli_commands():
    action = ActionCommand("go", "Go", lazy_load_command("{module}.go"))
    return [GroupCommand("{group}", "The group", (action,))]

@hookimpl
def get_config_options():
    return [ConfigOption("{group}", "speed", "3", "How fast.")]

def go(args):
    print("gone", args._func.__name__)
"""


@pytest.fixture
def make_home(request, make_home):
    """Make homes whose histories keep every rule when the test is over."""
    homes = []

    def make(name, **options):
        homes.append(make_home(name, **options))
        return homes[-1]

    yield make
    if request.node.get_closest_marker("forced_tries") is None:
        assert [finding for home in homes for finding in findings(home)] == []


def findings(home):
    """Return what the checker of histories finds in a home, if there is a database to look in."""
    try:
        config = Config.load(home.environ)
        if not is_made(config):
            return []
    except UserError:  # the test is about what is wrong with it
        return []
    with bare_store(config) as store:
        return [str(finding) for finding in check(store, all_ended=False)]


class Site:
    """A directory on the PYTHONPATH of a home's commands, and what ran of it."""

    def __init__(self, home, folder):
        self.home = home
        self.directory = folder / "site"
        (self.directory / "__pycache__").mkdir(parents=True)  # as pip leaves one
        self._ran = folder / "ran"
        home.environ["PYTHONPATH"] = str(self.directory)

    def install(self, name, *, modules=None, **metadata):
        """Write a distribution's metadata and modules; return its dist-info directory."""
        for module, source in (modules or {}).items():
            text = TELLS.format(ran=str(self._ran)) + source
            (self.directory / f"{module}.py").write_text(text)
        return write_distribution(self.directory, name, **metadata)

    def install_sound(self, word, *, executor=EXECUTOR, plugin=PLUGIN, **options):
        """Install `lite-WORD` with an executor `WordExecutor` and a group `word`."""
        return self.install(
            f"lite-{word}",
            executors=f"{word.title()}Executor = {word}_executor:Own",
            plugins=f"{word} = {word}_plugin",
            modules={
                f"{word}_executor": executor,
                f"{word}_plugin": plugin.replace("{group}", word).replace(
                    "{module}", f"{word}_plugin"
                ),
            },
            **options,
        )

    def ran(self):
        """Return (module, process) of each module that was imported, and forget them."""
        if not self._ran.exists():
            return []
        found = [tuple(line.split()) for line in self._ran.read_text().splitlines()]
        self._ran.unlink()
        return found


@pytest.fixture
def site(home, tmp_path):
    return Site(home, tmp_path)
