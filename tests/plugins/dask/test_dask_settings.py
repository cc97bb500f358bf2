"""The options in [dask], what is imported when, and what a health check makes of what it sees."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_lite_dask_executor
from airflow_lite.config import Config
from airflow_lite.executors import ConfigError
from airflow_lite.plugins.groups import load_group
from airflow_lite_dask_executor.cluster import Cluster, DaskWorker
from airflow_lite_dask_executor.health import judge
from airflow_lite_dask_executor.looking import elsewhere, is_here
from airflow_lite_dask_executor.remote import database_of
from airflow_lite_dask_executor.settings import DaskSettings, Tls

SOURCE = Path(airflow_lite_dask_executor.__file__).parent
PUBLIC = {"cli", "config", "executors", "hooks", "testing", "worker"}


@pytest.fixture
def settings(tmp_path):
    """Read the options, with some of them set."""

    def read(parallelism="32", **options):
        given = {("dask", name): str(value) for name, value in options.items()}
        given |= {("core", "executor"): "DaskExecutor", ("core", "parallelism"): parallelism}
        config = Config(tmp_path, overrides=given)
        load_group("dask", config)
        return DaskSettings.read(config)

    return read


def test_without_any_option_there_is_a_cluster_for_all_of_parallelism(settings):
    assert settings() == DaskSettings("", None, 10.0, 2, 16)
    assert settings(parallelism="5").local_threads == 3
    assert settings(parallelism="0").local_threads == 16
    assert settings(local_threads=3).local_threads == 3


def test_an_address_gets_the_protocol_that_the_tls_options_ask_for(settings, certificate):
    assert settings(cluster_address="10.0.0.5:8786").address == "tcp://10.0.0.5:8786"
    found = settings(cluster_address="10.0.0.5:8786", **certificate)
    assert (found.address, found.tls) == (
        "tls://10.0.0.5:8786",
        Tls(*map(str, certificate.values())),
    )
    assert settings(cluster_address="ucx://10.0.0.5:1").address == "ucx://10.0.0.5:1"


def test_only_loopback_keeps_other_machines_out(settings):
    assert settings().is_loopback
    assert settings(cluster_address="127.0.0.1:8786").is_loopback
    assert settings(cluster_address="localhost:8786").is_loopback
    assert not settings(cluster_address="10.0.0.5:8786").is_loopback


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"tls_ca": "ca.pem"},
            "[dask] tls_cert and tls_key is not set, but others of tls_ca, tls_cert, tls_key are. "
            "Set all three, or none.",
        ),
        (
            {"tls_ca": "/no/ca", "tls_cert": "/no/cert", "tls_key": "/no/key"},
            "[dask] tls_ca: '/no/ca' cannot be read (No such file or directory). "
            "Name a file in PEM format.",
        ),
        ({"local_workers": 0}, "[dask] local_workers is 0. Make it 1 or more."),
        ({"local_threads": -1}, "[dask] local_threads is -1. Make it 0 or more."),
        (
            {"connect_timeout_s": -1},
            "[dask] connect_timeout_s is -1. Make it more than 0, and at most 86400.",
        ),
        (
            {"connect_timeout_s": "soon"},
            "[dask] connect_timeout_s is 'soon' (from override). Make it a number.",
        ),
    ],
)
def test_a_wrong_option_is_told_with_the_remedy(settings, options, message):
    with pytest.raises(ConfigError) as wrong:
        settings(**options)
    assert str(wrong.value) == message


@pytest.mark.parametrize("module", ["plugin", "cli_spec", "executor", "commands", "health"])
def test_no_module_that_the_command_line_imports_brings_dask(module):
    program = (
        f"import sys, airflow_lite_dask_executor.{module}\n"
        "heavy = 'dask', 'distributed', 'tornado', 'sqlalchemy', 'rich'\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_only_public_modules_of_the_core_are_imported():
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_lite."):
                assert str(node.module).split(".")[1:] in [[name] for name in PUBLIC], (
                    path,
                    node.module,
                )
            elif isinstance(node, ast.Import):
                assert not any(one.name.startswith("airflow_lite.") for one in node.names), path


def test_an_address_is_here_if_it_can_be_bound():
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.1")  # set aside for documentation
    assert not is_here("no.such.host")


def test_workers_of_other_machines_are_told_apart():
    here = DaskWorker("tcp://127.0.0.1:4000", "here", 1)
    there = DaskWorker("tls://192.0.2.1:4000", "there", 1)
    assert elsewhere(Cluster((here, there))) == [there.address]


def test_sqlite_is_served_where_only_this_machine_can_take_part(tmp_path):
    from airflow_lite_dask_executor.executor import DaskExecutor

    config = Config(
        tmp_path,
        overrides={
            ("core", "executor"): "DaskExecutor",
            ("dask", "cluster_address"): "127.0.0.1:8786",
        },
    )
    load_group("dask", config)
    executor = DaskExecutor()
    executor.configure(config)
    assert executor.check_store("sqlite:////srv/a.db") is None
    assert executor.check_store("postgresql+psycopg://db/airflow") is None


def test_sqlite_is_refused_for_a_worker_of_another_machine(monkeypatch, tmp_path):
    from airflow_lite_dask_executor import looking
    from airflow_lite_dask_executor.executor import DaskExecutor

    monkeypatch.setattr(looking, "workers_elsewhere", lambda config: ["tcp://192.0.2.1:4000"])
    executor = DaskExecutor()
    executor.configure(Config(tmp_path))
    assert executor.check_store("sqlite:////srv/a.db") == (
        "Dask worker tcp://192.0.2.1:4000 is on another machine and cannot reach the SQLite file "
        "of this one. Set [database] sql_alchemy_conn to a PostgreSQL database, or use only "
        "workers of this machine."
    )


def test_a_database_is_named_without_user_and_password():
    named = database_of("postgresql+psycopg://me:secret@db.example:5432/airflow?sslmode=require")
    assert named == "postgresql://db.example:5432/airflow"
    assert database_of("sqlite:////srv/a.db") == "sqlite:////srv/a.db"


HERE = {
    "versions": {"airflow-lite": "1", "distributed": "2"},
    "dags_folder": "/srv/dags",
    "sees_dags_folder": True,
    "database": "postgresql://db/airflow",
    "sees_database": True,
    "fault": None,
}


def test_workers_that_see_the_same_are_healthy():
    report = judge({"tcp://a:1": HERE, "tcp://b:1": HERE}, HERE)
    assert report.healthy
    assert report.message == "2 Dask workers see the DAG folder and the database."


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (
            {"versions": {"airflow-lite": "1", "distributed": "3"}},
            "has distributed 3, this machine 2. Install the same everywhere",
        ),
        (
            {"sees_dags_folder": False},
            "has no folder '/srv/dags'. Set [core] dags_folder there",
        ),
        (
            {"database": "sqlite:////a.db"},
            "uses database 'sqlite:////a.db', this machine 'postgresql://db/airflow'. "
            "Set [database] sql_alchemy_conn there",
        ),
        (
            {"sees_database": False},
            "cannot reach database 'postgresql://db/airflow'. Check its network",
        ),
        (
            {"fault": "its task host cannot start: no such column"},
            "gets no tasks: its task host cannot start: no such column",
        ),
    ],
)
def test_each_fault_of_a_worker_is_told_with_its_address(seen, fault):
    report = judge({"tcp://a:1": {**HERE, **seen}, "tcp://b:1": HERE}, HERE)
    assert (report.healthy, report.message) == (False, f"tcp://a:1: {fault}")


def test_a_worker_that_cannot_even_look_is_told():
    report = judge({"tcp://a:1": ModuleNotFoundError("No module named 'x'")}, HERE)
    assert not report.healthy
    assert "Install airflow-lite-dask-executor there" in report.message
