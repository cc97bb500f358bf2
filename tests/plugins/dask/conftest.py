"""A real cluster of processes, started by our own commands, and what is in the store."""

from __future__ import annotations

import signal
import subprocess

import pytest

from airflow_lite.config import Config
from airflow_lite_testing.proxy import free_port
from fixtures.processes import all_processes, processes_of
from fixtures.waits import DEADLINE_S


class Cluster:
    """A Dask scheduler and two workers, each started by the command line in a home."""

    def __init__(self, home, wait_until):
        self.home = home
        self.port = free_port()
        self._wait_until = wait_until
        self._processes = []
        home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "DaskExecutor"
        home.environ["AIRFLOW_LITE__DASK__CLUSTER_ADDRESS"] = f"127.0.0.1:{self.port}"

    def use_tls(self, certificate):
        """Encrypt everything, with these files."""
        for name, path in certificate.items():
            self.home.environ[f"AIRFLOW_LITE__DASK__{name.upper()}"] = str(path)

    def start(self, name, *words):
        """Start a command of `dask` in the background; its output is in NAME.out."""
        with (self.home.folder / f"{name}.out").open("ab") as file:
            process = self.home.start("dask", *words, stdout=file, stderr=subprocess.STDOUT)
        process.label = name
        self._processes.append(process)
        return process

    def start_scheduler(self):
        self.scheduler = self.start("dask-scheduler", "scheduler", "--port", str(self.port))
        return self.scheduler

    def start_worker(self, name, *words):
        return self.start(name, "worker", *words)

    def up(self, threads=4):
        """Start a scheduler and two workers, and wait until both take tasks."""
        self.start_scheduler()
        for name in ("worker-1", "worker-2"):
            self.start_worker(name, "--nthreads", str(threads))
        self.wait_for_workers("worker-1", "worker-2")
        return self

    def wait_for_workers(self, *names):
        """Wait until each of these commands says that its workers are there."""
        for name in names:
            log = self.home.folder / f"{name}.out"
            self._wait_until(lambda log=log: " Dask worker" in log.read_text(), name)

    def worker_pids(self):
        """Return the process ids of the Dask workers themselves, children of the commands."""
        found = {}
        for process in self._processes:
            if process.label.startswith("worker") and process.poll() is None:
                for child in all_processes():
                    if child.parent == process.pid and "multiprocessing.spawn" in child.command:
                        found[child.pid] = process.label
        return found

    def output(self):
        files = sorted(self.home.folder.glob("*.out"))
        return "\n".join(
            f"--- {one.name}\n{one.read_text(errors='replace')[-6000:]}" for one in files
        )

    def down(self):
        """End the workers, then the schedulers."""
        is_worker = [one.label.startswith("worker") for one in self._processes]
        for wanted in (True, False):
            chosen = [
                one
                for one, is_one in zip(self._processes, is_worker, strict=True)
                if is_one is wanted
            ]
            for process in chosen:
                process.send_signal(signal.SIGTERM)
            for process in chosen:
                try:
                    process.wait(DEADLINE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(DEADLINE_S)


@pytest.fixture
def make_cluster(home, wait_until):
    """Make a cluster of the home; nothing of the home is left when the test ends."""
    made = []

    def make():
        made.append(Cluster(home, wait_until))
        return made[-1]

    yield make
    for one in made:
        one.down()
        print(one.output())
    wait_until(
        lambda: not processes_of(home.folder), "every process of the home to end", DEADLINE_S
    )


@pytest.fixture
def dask_config(tmp_path):
    """A configuration that knows the options in [dask], of this environment's none."""
    from airflow_lite.plugins.groups import load_group

    config = Config(tmp_path, overrides={("core", "executor"): "DaskExecutor"})
    load_group("dask", config)
    return config


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Files of an authority and of a certificate that it signed: tls_ca, tls_cert, tls_key."""
    folder = tmp_path_factory.mktemp("tls")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    ca = [*make, "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key"]
    one = [*make, "-nodes", "-days", "2", "-subj", "/CN=dask", "-keyout", "dask.key"]
    one += ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
    for words in ([*ca, "-out", "ca.pem"], [*one, "-out", "dask.pem"]):
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    names = {"tls_ca": "ca.pem", "tls_cert": "dask.pem", "tls_key": "dask.key"}
    return {name: folder / file for name, file in names.items()}


@pytest.fixture
def processes_left(home):
    """Ask which processes of the home there are."""
    return lambda: processes_of(home.folder)
