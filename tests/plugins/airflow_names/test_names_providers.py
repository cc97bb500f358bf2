"""Providers of Airflow's, unchanged and from the index, with their operators, sensors and hooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from fixtures.databases import SETTING
from fixtures.goldens import run_conformance_dag
from fixtures.provider_dags import CLUSTER, FAR, NEAR, SERVERS

PROVIDER = "apache-airflow-providers-sqlite"


def run(home, dag_id, exit_code=0):
    """Run a DAG; return the state of each task."""
    words = ("dags", "trigger", dag_id, "--wait", "--timeout", "300", "-r", "r")
    home.run(*words, exit_code=exit_code, timeout=320)
    rows = home.json("tasks", "states-for-dag-run", dag_id, "r")
    return {row["task_id"]: row["state"] for row in rows}


@contextmanager
def serving(home, source, *words):
    """Run a program that prints a line and serves until its input ends; give it the line."""
    process = subprocess.Popen(
        [home.python, "-c", source, *words],
        env=home.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None  # they are pipes
    assert process.stdout is not None
    with process:
        yield process.stdout.readline().strip()
        process.stdin.close()


def connect(home, pages, mailbox, postgres, ports):
    """Give a home the connections of the DAG files."""
    ssh, slack, s3 = ports
    fields = {
        "LITE": {"conn_type": "sqlite", "host": f"{home.folder}/x.db"},
        "MAIL": {
            "conn_type": "smtp",
            "port": mailbox.port,
            "extra": {"disable_ssl": True, "disable_tls": True},
        },
        "SSH": {
            "conn_type": "ssh",
            "port": ssh,
            "login": "user",
            "password": "secret",
            "extra": {"no_host_key_check": True},
        },
        "SLACK": {
            "conn_type": "slack",
            "password": "xoxb-token",
            "extra": {"base_url": f"http://127.0.0.1:{slack}/api/"},
        },
        "HOOK": {
            "conn_type": "slackwebhook",
            "host": f"http://127.0.0.1:{slack}/hook",
            "password": "hook-token",
        },
        "S3": {
            "conn_type": "aws",
            "login": "access-key",
            "password": "secret-key",
            "extra": {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{s3}"},
        },
    }
    home.environ |= {
        "AIRFLOW_CONN_WEB": f"http://127.0.0.1:{pages}",
        "AIRFLOW_CONN_PG": postgres,
        "FAR_FOLDER": str(home.folder),
    } | {
        f"AIRFLOW_CONN_{name}": json.dumps({"host": "127.0.0.1", **content})
        for name, content in fields.items()
    }


@pytest.mark.parametrize("executor", ["LocalExecutor", "DaskExecutor"])
def test_their_operators_sensors_and_hooks_run_under_a_scheduler(
    provider_home, pages, mailbox, new_postgres, executor
):
    home = provider_home
    home.environ["AIRFLOW_LITE__CORE__DAGBAG_IMPORT_TIMEOUT"] = "300"  # they import much
    home.dag("near", NEAR)
    home.dag("far", FAR)
    with ExitStack() as stack:
        ports = json.loads(stack.enter_context(serving(home, SERVERS, str(home.folder))))
        connect(home, pages, mailbox, new_postgres(), ports)
        assert home.json("dags", "list-import-errors") == []
        if executor == "DaskExecutor":
            reach(home, new_postgres())
            address = stack.enter_context(serving(home, CLUSTER))
            home.environ["AIRFLOW_LITE__DASK__CLUSTER_ADDRESS"] = address
        with home.scheduler(executor):
            lite = run(home, "lite", exit_code=1)
            far = run(home, "far", exit_code=1)
            web = run(home, "web")
            postgres = run(home, "postgres")
        posted = (home.folder / "posted").read_text()

    assert lite == {
        **dict.fromkeys(("make", "read", "check", "sensor", "counted", "branch", "yes"), "success"),
        "wrong": "failed",
        "no": "skipped",
    }
    assert far.pop("wrong") == "failed"
    assert set(far.values()) == set(web.values()) == set(postgres.values()) == {"success"}
    assert [message["subject"] for message in mailbox.messages] == ["run r"]
    lines = sorted(json.loads(line) for line in posted.splitlines())
    assert [(path, json.loads(body)["text"]) for path, body in lines] == [
        ("/api/chat.postMessage", "r"),
        ("/hook/hook-token", "run r"),
    ]


def reach(home, database):
    """Let a cluster that is started in a home reach its database and its commands."""
    folders = [os.path.dirname(home.python), os.path.dirname(sys.executable), os.environ["PATH"]]
    home.environ |= {
        SETTING: database,
        "PATH": os.pathsep.join(folders),
    }
    home.run("db", "migrate")


def test_the_conformance_dag_ends_as_under_airflow_on_an_executor_of_airflow_2(
    provider_home, new_postgres
):
    home = provider_home
    reach(home, new_postgres())
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    with serving(home, CLUSTER) as address:
        home.environ["AIRFLOW__DASK__CLUSTER_ADDRESS"] = address
        run_conformance_dag(
            home, "airflow.providers.daskexecutor.executors.dask_executor.DaskExecutor"
        )


@pytest.mark.parametrize(
    "path",
    [
        "airflow.providers.amazon.aws.executors.ecs.AwsEcsExecutor",
        "airflow.providers.amazon.aws.executors.batch.AwsBatchExecutor",
        "airflow.providers.amazon.aws.executors.aws_lambda.AwsLambdaExecutor",
        "airflow_aws_executors.AwsEcsFargateExecutor",
        "airflow_aws_executors.AwsBatchExecutor",
        "airflow_slurm_executor.slurm_executor.SlurmExecutor",
    ],
)
def test_executors_that_others_publish_load_by_their_module_paths(provider_home, path):
    done = provider_home.run("executors", "info", path, "-o", "json")

    assert [row["state"] for row in json.loads(done.stdout)] == ["ready"]


def test_executors_of_airflow_that_have_twins_here_are_refused_by_name(provider_home):
    path = "airflow.providers.celery.executors.celery_executor.CeleryExecutor"
    done = provider_home.run("--executor", path, "scheduler", exit_code=1)

    assert "Run `pip install airflow-lite-celery-executor`." in done.stderr


def test_what_a_folder_of_dag_files_misses_is_told_before_they_are_moved(provider_home):
    home = provider_home
    home.dag("lite", NEAR)
    home.dag(
        "far",
        "from airflow import DAG\nfrom airflow.operators.subdag import SubDagOperator\n"
        "from airflow.providers.apache.pig.operators.pig import PigOperator\n"
        "from airflow.providers.sqlite.operators.sqlite import SqliteOperator\n",
    )
    home.dag("old", "from airflow import DAG\nfrom airflow.models import BaseOperatorLink\n")

    done = home.run("airflow-names", "check", str(home.dags), "-o", "json", exit_code=1)
    far, lite, old = json.loads(done.stdout)

    version = subprocess.run(
        [
            home.python,
            "-c",
            f"from importlib.metadata import version; print(version('{PROVIDER}'))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert far["missing"] == [
        "airflow.operators.subdag.SubDagOperator is not offered: There are no SubDAGs. Write a"
        " TaskGroup.",
        "airflow.providers.apache.pig.operators.pig is not installed. Run `airflow-lite"
        " airflow-names install-provider apache-pig`.",
        f"airflow.providers.sqlite.operators.sqlite is not in {PROVIDER} {version}. An older one may"
        " have it: run `airflow-lite airflow-names install-provider"
        f" 'sqlite<{version.partition('.')[0]}'`.",
    ]
    assert (lite["state"], lite["dags"], lite["missing"]) == ("loads", 3, [])
    assert old["state"] == "loads with a notice"
    assert "3 files: 2 load, 1 of them with a notice; 1 do not load." in done.stderr


def test_two_providers_of_one_wish_are_chosen_together_and_nothing_is_installed(provider_home):
    done = provider_home.run(
        "airflow-names", "install-provider", "-n", "common.sql==1.21.0", timeout=300
    )

    assert "apache-airflow-providers-common-sql==1.21.0\n" in done.stdout
    assert "apache-airflow==" not in done.stdout
