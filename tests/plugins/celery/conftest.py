"""Homes whose tasks run on real Celery workers, with a broker of each kind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path

import kombu
import pytest

from airflow_lite.config import Config
from fixtures.processes import all_processes, processes_of
from fixtures.waits import DEADLINE_S

PREFIX = "AIRFLOW_LITE__CELERY__"
SERVICES = Path(__file__).parents[3] / "scripts" / "services"
MISSING = 77
VARIABLES = {"redis": "REDIS_URL", "rabbitmq": "RABBITMQ_URL", "quorum-rabbitmq": "RABBITMQ_URL"}


def server_url(kind):
    """Return where the server is that `scripts/test` has started; under CI it must be there."""
    url = os.environ.get(VARIABLES[kind])
    if url is None and not os.environ.get("CI"):
        pytest.skip(f"there is no {kind}: install it, then `scripts/test` starts one")
    assert url is not None, f"scripts/services has started no {kind}"
    return url


class Broker:
    """A broker of a kind, and names on it that no other test has."""

    def __init__(self, kind, url):
        self.kind = kind.removeprefix("quorum-")
        self.is_quorum = kind != self.kind
        self.url = url
        self.name = f"test-{uuid.uuid4().hex[:12]}"

    @property
    def gpu(self):
        """Another queue of the test's."""
        return f"{self.name}-gpu"

    def environ(self):
        """Return the settings by which a home uses it."""
        settings = {
            f"{PREFIX}BROKER_URL": self.url,
            "AIRFLOW_LITE__OPERATORS__DEFAULT_QUEUE": self.name,
        }
        if self.is_quorum:
            settings[f"{PREFIX}TASK_DEFAULT_QUEUE_TYPE"] = "quorum"
        if self.kind == "redis":
            settings[f"{PREFIX}GLOBAL_KEYPREFIX"] = f"{self.name}:"
        return settings

    def connect(self):
        """Return a connection of kombu's, as a stranger would make one."""
        options = {"global_keyprefix": f"{self.name}:"} if self.kind == "redis" else {}
        return kombu.Connection(self.url, transport_options=options)

    def queue(self, name=None):
        """Return a queue as workers and schedulers declare it."""
        name = name or self.name
        arguments = {"x-queue-type": "quorum"} if self.is_quorum else {"x-max-priority": 9}
        return kombu.Queue(name, kombu.Exchange(name), name, queue_arguments=arguments)

    def put_garbage(self, *items):
        """Put into the queue what is no message; RabbitMQ takes none."""
        if self.kind == "redis":
            import redis

            with redis.Redis.from_url(self.url) as client:
                client.lpush(f"{self.name}:{self.name}", *items)

    def unacknowledged(self):
        """Return how many messages no worker is done with, whether they were taken or wait."""
        if self.kind == "redis":
            import redis

            with redis.Redis.from_url(self.url) as client:
                return client.hlen(f"{self.name}:unacked") + client.zcard(
                    f"{self.name}:unacked_index"
                )
        with self.connect() as connection:
            return self.queue()(connection.default_channel).queue_declare().message_count

    def clean(self, *queues):
        """Remove what the test has left there."""
        if self.kind == "redis":
            import redis

            with redis.Redis.from_url(self.url) as client:
                for key in client.scan_iter(f"{self.name}:*"):
                    client.delete(key)
            return
        with kombu.Connection(self.url) as connection:
            channel = connection.default_channel
            for queue in (self.name, *queues):
                channel.queue_delete(queue)


class Workers:
    """Workers of a home, each started by the command line."""

    def __init__(self, home, broker, wait_until):
        self.home = home
        self.broker = broker
        self._wait_until = wait_until
        self._processes = []

    def start(self, name, *words, is_ready=True, environ=()):
        """Start a worker and wait until it takes tasks; its output is in NAME.out."""
        log = self.home.folder / f"{name}.out"
        with log.open("ab") as file, pytest.MonkeyPatch.context() as patch:
            for variable, value in dict(environ).items():
                patch.setitem(self.home.environ, variable, value)
            process = self.home.start(
                "celery", "worker", "-H", name, *words, stdout=file, stderr=subprocess.STDOUT
            )
        process.log = log
        self._processes.append(process)
        if is_ready:
            self.wait_for(process)
        return process

    def wait_for(self, process):
        """Wait until a worker says that it takes tasks."""

        def is_ready():
            assert process.poll() is None, process.log.read_text()
            return "takes tasks from" in process.log.read_text()

        self._wait_until(is_ready, "a worker", DEADLINE_S)

    @property
    def processes(self):
        """The workers that were started."""
        return (*self._processes,)

    def host_of(self, process):
        """Return the process id of a worker's task host."""
        hosts = [
            one.pid
            for one in all_processes()
            if one.parent == process.pid and "airflow_lite.worker.host" in one.command
        ]
        return hosts[0] if hosts else None

    def output(self):
        return "\n".join(
            f"--- {one.log.name}\n{one.log.read_text(errors='replace')[-6000:]}"
            for one in self._processes
        )

    def down(self):
        """End the workers."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(DEADLINE_S)


class Servers:
    """Servers of a test's own, which it may kill and start again.

    One in `shared` is another test's as well, once that has ended.
    """

    def __init__(self, folder, **shared):
        self.folder = folder
        self._shared = shared
        self.environ = {"SERVICES_DIR": str(folder)}
        folder.mkdir(mode=0o711)

    def up(self, kind):
        """Start a server, or start it again with its data; return its URL."""
        if kind in self._shared:
            return self._shared[kind].up(kind)
        done = self._services("up", kind)
        if done.returncode == MISSING and not os.environ.get("CI"):
            pytest.skip(f"{kind} cannot be started here: {done.stderr}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().partition("=")[2]

    def pid(self, kind):
        """Return the process id of a server."""
        if kind in self._shared:
            return self._shared[kind].pid(kind)
        (line,) = [
            line for line in self._services("list").stdout.splitlines() if line.startswith(kind)
        ]
        return int(line.split()[2])

    def down(self):
        """Stop all of them."""
        self._services("down")

    def _services(self, *words):
        return subprocess.run(
            [sys.executable, SERVICES, *words],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def new_servers(**shared):
    """Give servers for the block, in a folder that the users whom they run as can enter."""
    with tempfile.TemporaryDirectory(prefix="airflow-lite-servers-") as folder:
        os.chmod(folder, 0o711)
        servers = Servers(Path(folder) / "servers", **shared)
        try:
            yield servers
        finally:
            servers.down()


@pytest.fixture(scope="session")
def rabbitmq_of_its_own():
    """A RabbitMQ whose queues have the usual names; the kit finds it by its variable."""
    server_url("rabbitmq")
    with new_servers() as servers, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RABBITMQ_URL", servers.up("rabbitmq"))
        yield


@pytest.fixture(scope="session")
def redis_url():
    """Where Redis is."""
    return server_url("redis")


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request):
    """Each kind of broker in turn."""
    one = Broker(request.param, server_url(request.param))
    yield one
    one.clean()


@pytest.fixture
def workers(home, broker, wait_until):
    """Workers of the home; nothing of the home is left when the test ends."""
    home.environ |= {"AIRFLOW_LITE__CORE__EXECUTOR": "CeleryExecutor", **broker.environ()}
    made = Workers(home, broker, wait_until)
    yield made
    made.down()
    print(made.output())
    wait_until(
        lambda: not processes_of(home.folder), "every process of the home to end", DEADLINE_S
    )


@pytest.fixture(scope="session")
def shared_servers():
    """Servers that tests may kill, one after the other, by kind: to make a RabbitMQ takes long."""
    with new_servers() as servers:
        yield {"rabbitmq": servers}


@pytest.fixture
def own_servers(shared_servers):
    """Servers that the test may kill."""
    with new_servers(**shared_servers) as servers:
        yield servers


@pytest.fixture
def own_broker(home, own_servers, wait_until):
    """Start a server of a kind for the home, and give workers that use it."""
    made = []

    def start(kind):
        broker = Broker(kind, own_servers.up(kind.removeprefix("quorum-")))
        home.environ |= {"AIRFLOW_LITE__CORE__EXECUTOR": "CeleryExecutor", **broker.environ()}
        made.append(Workers(home, broker, wait_until))
        return made[-1]

    yield start
    for workers in made:
        workers.down()
        print(workers.output())
    wait_until(
        lambda: not processes_of(home.folder), "every process of the home to end", DEADLINE_S
    )


class Authority:
    """A certificate authority, and certificates signed by it, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._make("ca", "-addext", "basicConstraints=critical,CA:TRUE")

    def sign(self, name, *names):
        """Make a key and its certificate, which is good for these names."""
        ca = ("-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key")
        alternatives = ("-addext", f"subjectAltName={','.join(names)}") if names else ()
        self._make(name, *ca, *alternatives, "-addext", "basicConstraints=critical,CA:FALSE")

    def _make(self, name, *words):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        files = ("-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem")
        # No settings of this machine's: else the authority would name its use twice.
        command = ["openssl", "req", "-x509", "-config", "/dev/stdin", *key, *files, *words]
        subject = f"[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN={name}\n"
        subprocess.run(command, input=subject, text=True, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path):
    """A certificate authority; skips where there is no openssl, and fails there under CI."""
    if shutil.which("openssl") is None and not os.environ.get("CI"):
        pytest.skip("there is no openssl: install it")
    return Authority(tmp_path / "certificates")


@pytest.fixture
def celery_config(tmp_path):
    """A configuration that knows the options in [celery], of this environment's none."""
    from airflow_lite.plugins.groups import load_group

    config = Config(tmp_path, overrides={("core", "executor"): "CeleryExecutor"})
    load_group("celery", config)
    return config
