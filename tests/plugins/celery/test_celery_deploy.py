"""The files by which machines are set up hold what the product has, and work."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from airflow_lite.api.commands.parser import Parser
from airflow_lite.api.commands.spec import GroupCommand
from airflow_lite.cli.core_commands import all_commands
from airflow_lite_celery_executor.cli_spec import GROUP
from fixtures.databases import SETTING
from fixtures.processes import all_processes
from fixtures.scripts import ROOT

FOLDER = ROOT / "docs" / "how-to" / "celery"
UNITS = sorted(FOLDER.glob("*.service"))
SECRET = re.compile(r"PASSWORD|SECRET|AUTH|CONN|URL")
LISTENS = "0A"
DAG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("waits", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="waits", bash_command="touch {here}; until test -e {go}; do sleep 0.1; done")
"""


class Unit(configparser.RawConfigParser):
    """A file of systemd's; each of its options stands once."""

    def __init__(self, path):
        super().__init__()
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read_string(path.read_text())

    @property
    def words(self):
        return shlex.split(self["Service"]["ExecStart"])


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((FOLDER / "docker-compose.yml").read_text())


def ours(compose):
    """Return the services that run our image."""
    return {
        name: service
        for name, service in compose["services"].items()
        if service["image"] == "airflow-lite-celery"
    }


def variables():
    """Return what the file for systemd sets."""
    lines = (FOLDER / "airflow-lite.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def parse(words):
    """Parse the words after `airflow-lite`; a command or an option that is none ends the test."""
    named = {command.name: command for command in [*all_commands(), GROUP]}
    command = named[words[0]]
    args = Parser(prog=words[0], command=command).filled().parse_args(words[1:])
    assert isinstance(command, GroupCommand) is hasattr(args, "subcommand")
    return args


def test_each_command_of_the_compose_file_is_one_of_the_product(compose):
    services = ours(compose)
    assert services.keys() == {"scheduler", "worker"}
    for service in services.values():
        parse(service["command"])
    test, program, *words = services["scheduler"]["healthcheck"]["test"]
    assert (test, program) == ("CMD", "airflow-lite")
    parse(words)
    assert parse(services["worker"]["command"]).concurrency == 8


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_each_command_of_a_unit_is_one_of_the_product(path):
    program, *words = Unit(path).words
    assert Path(program).name == "airflow-lite"
    parse(words)


def test_the_units_are_for_a_scheduler_and_a_worker():
    assert [Unit(path).words[1:3] for path in UNITS] == [
        ["celery", "worker"],
        ["scheduler"],
    ]


def test_each_setting_is_an_option(compose, celery_config):
    settings = [service["environment"] for service in ours(compose).values()]
    for environ in (*settings, variables()):
        celery_config.environ = {**environ}
        assert celery_config.unknown_options() == []
        assert celery_config.get("core", "executor") == "CeleryExecutor"


def test_the_files_hold_no_secret(compose):
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert re.search(r"\$\{[A-Z_]+:\?[^}]+\}", value), name
    for name, value in variables().items():
        assert not urlsplit(value).password, name
    assert variables()["AIRFLOW_LITE__CELERY__MESSAGE_SECRET_KEY"] == ""


def test_a_stop_waits_longer_than_tasks_may_take_to_end(compose, celery_config):
    grace_s = celery_config.getfloat("scheduler", "shutdown_grace_s")
    for service in ours(compose).values():
        assert float(service["stop_grace_period"].removesuffix("s")) > grace_s
    for path in UNITS:
        assert float(Unit(path)["Service"]["TimeoutStopSec"]) > grace_s


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_leaves_to_the_task_host_what_runs(path):
    service = Unit(path)["Service"]
    assert service["KillMode"] == "process"  # with `mixed`, systemd kills it with the main process
    assert service["Restart"] == "on-failure"
    assert service["EnvironmentFile"] == "/etc/airflow-lite/airflow-lite.env"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_finds_no_fault_in_a_unit(path, tmp_path):
    program = Path(sys.executable).parent / "airflow-lite"
    text = path.read_text().replace("/opt/airflow-lite/bin/airflow-lite", str(program))
    assert str(program) in text
    if shutil.which("systemd-analyze") is None:
        return  # what it would read is parsed by the tests above
    copy = tmp_path / path.name
    copy.write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("age_s", "is_healthy"), [(0, True), (50, True), (70, False), (None, False)]
)
def test_a_worker_is_healthy_while_its_file_is_young(compose, tmp_path, age_s, is_healthy):
    worker = compose["services"]["worker"]
    kind, line = worker["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    path = worker["environment"]["AIRFLOW_LITE__CELERY__WORKER_LIVENESS_FILE"]
    page = (ROOT / "docs" / "how-to" / "run-on-celery.md").read_text()
    assert f'command: [sh, -c, "{line}"]' in page
    assert f"`{path}`" in page
    alive = tmp_path / "alive"
    if age_s is not None:
        alive.touch()
        os.utime(alive, (time.time() - age_s,) * 2)
    done = subprocess.run(["sh", "-c", line.replace(path, str(alive))], check=False)
    assert (done.returncode == 0) is is_healthy


def test_the_commands_for_containers_make_all_that_compose_asks_for(compose, tmp_path):
    page = (ROOT / "docs" / "how-to" / "run-on-celery.md").read_text()
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if ".env" in text]
    setup, *commands = re.split(r"^docker compose ", block, flags=re.MULTILINE)
    subprocess.run(["bash", "-euc", setup], cwd=tmp_path, check=True)
    lines = (tmp_path / ".env").read_text().splitlines()
    wanted = re.findall(r"\$\{([A-Z_]+)", (FOLDER / "docker-compose.yml").read_text())
    assert {
        name: len(value) for name, _, value in (line.partition("=") for line in lines)
    } == dict.fromkeys(wanted, 64)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "dags").stat().st_mode & 0o777 == 0o755
    _, scale, inside = map(shlex.split, commands)
    assert scale[-1].partition("=")[0] in compose["services"]
    verb, service, program, *words = inside
    assert (verb, program) == ("exec", "airflow-lite")
    assert service in ours(compose)
    parse(words)


def test_the_image_is_built_of_files_that_are_there(compose):
    build = ours(compose)["worker"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    text = (ROOT / build["dockerfile"]).read_text().replace("\\\n", " ")
    copied = [
        source
        for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
        for source in line.split()
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    let_in = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert sorted(line[1:] for line in let_in if line.startswith("!")) == sorted(copied)
    assert 'ENTRYPOINT ["airflow-lite"]' in text


def test_the_services_run_a_task_and_a_worker_needs_broker_and_database_alone(
    compose, home, broker, new_postgres, workers, wait_until, tmp_path
):
    services = ours(compose)
    here, go = tmp_path / "here", tmp_path / "go"
    home.dag("waits", DAG.format(here=here, go=go))
    home.environ |= services["scheduler"]["environment"] | broker.environ()
    home.environ |= {SETTING: new_postgres(), "AIRFLOW_LITE__CELERY__MESSAGE_SECRET_KEY": "k" * 32}
    for number in range(services["worker"]["deploy"]["replicas"]):
        workers.start(f"w{number}", *services["worker"]["command"][2:])
    words = services["scheduler"]["command"]
    assert words[0] == "scheduler"
    with home.scheduler("CeleryExecutor", options=words[1:]):
        home.run("dags", "trigger", "waits", "-r", "r")
        wait_until(here.exists, "the task to run")
        talks = [talk for process in workers.processes for talk in tcp_of(process.pid)]
        go.touch()
        state = "SELECT state FROM dag_run"
        wait_until(lambda: home.execute(state) == [("success",)], "the run to succeed")
    ports = {urlsplit(url).port for url in (broker.url, home.environ[SETTING])}
    assert {port for _, port in talks} == ports
    assert LISTENS not in {state for state, _ in talks}


def tcp_of(pid):
    """Return (state, port of the other side) of each TCP socket of a process and its offspring."""
    inodes = {inode for one in tree_of(pid) for inode in sockets_of(one)}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return [(row[3], int(row[2].rpartition(":")[2], 16)) for row in rows if row[9] in inodes]


def tree_of(pid):
    processes, found = all_processes(), [pid]
    for parent in found:
        found += [one.pid for one in processes if one.parent == parent]
    return found


def sockets_of(pid):
    links = []
    with suppress(FileNotFoundError):  # it ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was that of a moment
                links.append(os.readlink(file))
    return [link[8:-1] for link in links if link.startswith("socket:[")]
