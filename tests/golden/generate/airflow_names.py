"""Write airflow_names.json: the public names of Airflow 2.10.5's authoring modules, and old paths.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python airflow_names.py OUTPUT_FOLDER

A public name is one without a leading underscore that the module itself defines, lists in
`__all__`, or fetches when it is asked for. `moved` are the paths of Airflow 1 that 2.10.5 answers:
module -> name -> where it is now. `internal` are the modules that no DAG file has a reason to import.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import sys
import types
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
MOVED: dict[str, dict[str, str]] = {}

from airflow.utils import deprecation_tools

_add = deprecation_tools.add_deprecated_classes


def _record(module_imports, package, *more):
    for module, names in module_imports.items():
        MOVED.setdefault(f"{package}.{module}", {}).update(names)
    _add(module_imports, package, *more)


deprecation_tools.add_deprecated_classes = _record

import airflow

#: Packages and modules that run Airflow, rather than serve authors.
INTERNAL = """
__main__ _vendor api_connexion api_internal auth callbacks cli.cli_parser cli.commands cli.simple_table
cli.utils config_templates dag_processing executors.executor_loader executors.executor_utils example_dags
jobs kubernetes logging_config metrics migrations providers security sentry serialization task template
ti_deps traces www models.base models.dagcode models.dagpickle models.dagwarning models.db_callback_request
models.errors models.renderedtifields models.serialized_dag models.slamiss models.taskinstancehistory
models.tasklog models.taskmap models.trigger triggers.testing utils.airflow_flask_app utils.cli
utils.cli_action_loggers utils.code_utils utils.compression utils.configuration utils.dag_cycle_tester
utils.dag_edges utils.db_cleanup utils.docs utils.dot_renderer utils.empty_set utils.entry_points
utils.event_scheduler utils.jwt_signer utils.log utils.mixins utils.operator_resources
utils.orm_event_handlers utils.providers_configuration_loader utils.pydantic utils.scheduler_health
utils.sensor_helper utils.serve_logs utils.task_instance_session utils.template utils.usage_data_collection
api.auth api.client
""".split()
#: Of what is internal, what files import all the same.
PUBLIC = {"airflow.utils.log.logging_mixin", "airflow.utils.log.secrets_masker"}


def is_internal(name):
    inner = name.removeprefix("airflow.")
    return name not in PUBLIC and any(
        inner == one or inner.startswith(f"{one}.") for one in INTERNAL
    )


def module_names():
    yield "airflow"
    yield "airflow.utils.log.logging_mixin"
    yield "airflow.utils.log.secrets_masker"
    todo = [("airflow", airflow.__path__)]
    while todo:
        package, path = todo.pop()
        for found in pkgutil.iter_modules(path):
            name = f"{package}.{found.name}"
            if is_internal(name):
                continue
            yield name
            if found.ispkg:
                todo.append((name, importlib.import_module(name).__path__))


def public_names(module):
    names = {name for name in getattr(module, "__all__", ())}
    source = ast.parse(Path(module.__file__).read_text()) if module.__file__ else ast.parse("")
    names |= set(defined(source.body))
    for table in (
        "__lazy_imports",
        "_LAZY_IMPORTS",
        "__deprecated_imports",
        "__lazy_deprecated_imports",
    ):
        names |= set(getattr(module, table, None) or vars(module).get(table, ()))
    return sorted(name for name in names if not name.startswith("_") and is_kept(module, name))


def defined(body):
    """Yield what statements define: classes, functions and variables, those in `if` and `try` too."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for leaf in ast.walk(target):
                    if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store):
                        yield leaf.id
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.dump(node.test):
                yield from defined(node.body)
            yield from defined(node.orelse)
        elif isinstance(node, ast.Try):
            yield from defined(node.body)


NOISE = {"log", "logger", "T", "F", "PS", "RT", "R", "K", "FParams", "FReturn", "C", "X", "V"}


def is_kept(module, name):
    if name in NOISE:
        return False
    value = getattr(module, name, None)
    return not isinstance(value, types.ModuleType) or name in getattr(module, "__all__", ())


def main(folder):
    modules = {}
    for name in sorted(set(module_names())):
        modules[name] = public_names(importlib.import_module(name))
    for package in ("hooks", "operators", "sensors", "kubernetes", "contrib", "contrib.hooks"):
        importlib.import_module(f"airflow.{package}")
    for package in ("operators", "sensors", "secrets", "task_transfer", "utils", "utils.log"):
        try:
            importlib.import_module(f"airflow.contrib.{package}")
        except ImportError:
            pass
    import airflow.contrib as contrib

    for found in pkgutil.walk_packages(contrib.__path__, "airflow.contrib."):
        importlib.import_module(found.name)
    found = {
        "modules": {
            name: names for name, names in modules.items() if not name.startswith("airflow.contrib")
        },
        "moved": {module: dict(sorted(names.items())) for module, names in sorted(MOVED.items())},
        "internal": sorted(f"airflow.{name}" for name in INTERNAL if not name.startswith("__")),
    }
    text = json.dumps(found, indent=1, sort_keys=True)
    Path(folder, "airflow_names.json").write_text(text + "\n")


main(sys.argv[1])
