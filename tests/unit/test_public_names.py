"""What plugins may import is there, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PUBLIC = ["airflow_lite.cli", "airflow_lite.executors", "airflow_lite.hooks", "airflow_lite.worker"]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_can_be_imported(module):
    found = import_module(module)
    assert sorted(found.__all__) == found.__all__
    for name in found.__all__:
        assert getattr(found, name) is not None


@pytest.mark.parametrize("module", PUBLIC)
def test_an_unknown_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match=f"^module '{module}' has no attribute 'nothing'$"):
        assert not import_module(module).nothing


@pytest.mark.parametrize("module", [*PUBLIC, "airflow_lite.api.executor.base"])
def test_importing_a_public_module_imports_nothing_heavy(module):
    program = (
        f"import sys, {module}\n"
        "heavy = 'sqlalchemy', 'pluggy', 'importlib_metadata', 'rich', 'jinja2', 'alembic', 'jsonschema'\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_the_environment_of_a_child_brings_home_settings_and_overrides(tmp_path):
    from airflow_lite.config import Config
    from airflow_lite.worker import child_environment

    given = Config(tmp_path, {"OTHER": "kept"}, overrides={("core", "executor"): "LocalExecutor"})
    environ = child_environment(given)
    assert environ["OTHER"] == "kept"
    found = Config.load(environ)
    assert (found.home, found.get("core", "executor")) == (tmp_path, "LocalExecutor")
