"""What tests of several floors need: a home of their own, the real command line, a scheduler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest_plugins = ["fixtures.executors", "fixtures.sites"]

#: Far above what anything takes on a slow and busy machine: it only ends what hangs.
DEADLINE_S = 120.0


def wait_until(condition, what, deadline_s=DEADLINE_S, homes=()):
    """Return the first true answer of `condition`; fail with `what` after the deadline.

    Fails at once where a scheduler of `homes` died by itself.
    """
    end = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        for home in homes:
            home.miss_no_scheduler(what)
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s} s for {what}")
        time.sleep(0.02)


class Signalled(subprocess.Popen):
    """A process that remembers whether it was asked to end."""

    was_signalled = False

    def send_signal(self, sig):
        self.was_signalled = True
        super().send_signal(sig)


class Scheduler:
    """A running `airflow-lite scheduler`, with all that it has printed."""

    def __init__(self, process, log):
        self.process = process
        self.log = log

    @property
    def pid(self):
        return self.process.pid

    @property
    def died_by_itself(self):
        return not self.process.was_signalled and self.process.poll() not in {None, -signal.SIGKILL}

    def output(self):
        return self.log.read_text(errors="replace")

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def stop(self):
        """Ask it to stop, and return its exit code."""
        return self.kill(signal.SIGTERM)


class Home:
    """A home folder, and the command line run in it as a user would."""

    def __init__(self, folder, python=sys.executable):
        self.folder = Path(folder)
        self.python = python
        self.dags = self.folder / "dags"
        self.dags.mkdir(parents=True, exist_ok=True)
        self.schedulers = []
        keep = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_LITE")}
        self.environ = {
            **keep,
            "HOME": str(self.folder.parent),
            "AIRFLOW_LITE_HOME": str(self.folder),
            "COLUMNS": "200",
            # Any that is free: schedulers of several tests run at once.
            "AIRFLOW_LITE__LOGGING__WORKER_LOG_SERVER_PORT": "0",
        }

    def dag(self, name, text):
        """Write a DAG file, and return its path."""
        path = self.dags / f"{name}.py"
        path.write_text(text)
        return path

    def start(self, *words, **options):
        return Signalled(
            [self.python, "-m", "airflow_lite", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )

    def miss_no_scheduler(self, what):
        """Fail with its output if a scheduler that is to run has died, rather than wait for it."""
        for scheduler in self.schedulers:
            if scheduler.died_by_itself:
                pytest.fail(
                    f"the scheduler ended with {scheduler.process.returncode} while the test"
                    f" waited for {what}:\n{scheduler.output()[-20_000:]}"
                )

    def run(self, *words, exit_code=0, timeout=DEADLINE_S):
        """Run a command, check its exit code, and return what it printed and complained."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "errors": "replace"}
        with self.start(*words, **pipes) as process:
            try:
                output = self._output_of(process, words, timeout)
            except BaseException:
                process.kill()
                raise
        done = subprocess.CompletedProcess(process.args, process.returncode, *output)
        if exit_code is not None:
            assert done.returncode == exit_code, (words, done.returncode, done.stdout, done.stderr)
        return done

    def _output_of(self, process, words, timeout):
        end = time.monotonic() + timeout
        while True:
            try:
                return process.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                self.miss_no_scheduler(f"the end of {words}")
                if time.monotonic() > end:
                    raise

    def json(self, *words):
        """Run a listing with `-o json`, and return its rows."""
        return json.loads(self.run(*words, "-o", "json").stdout)

    @contextmanager
    def scheduler(self, executor="LocalExecutor", expect_exit=0, options=()):
        """Run a scheduler for the length of the block; it must stop with `expect_exit`."""
        number = len(list(self.folder.glob("scheduler-*.out")))
        log = self.folder / f"scheduler-{number}.out"
        with log.open("wb") as file:
            words = ("--executor", executor, "scheduler", *options)
            process = self.start(*words, stdout=file, stderr=subprocess.STDOUT)
            running = Scheduler(process, log)
            self.schedulers.append(running)
            try:
                yield running
                if process.poll() is None:
                    assert running.stop() == expect_exit, running.output()
            except BaseException:
                print(running.output()[-20_000:])
                raise
            finally:
                self.schedulers.remove(running)
                if process.poll() is None:
                    running.kill()


@pytest.fixture
def home(tmp_path):
    """A fresh home with an empty DAG folder."""
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def home_class():
    """The class of homes, for fixtures that live longer than a test."""
    return Home


@pytest.fixture
def make_home(tmp_path):
    """Make further homes, by name."""
    return lambda name: Home(tmp_path / name)


@pytest.fixture(name="wait_until")
def wait_until_fixture(request):
    """Wait for a condition, with a deadline and a word for what was waited for."""
    homes = [request.getfixturevalue("home")] if "home" in request.fixturenames else []
    return partial(wait_until, homes=homes)


@pytest.fixture(scope="session")
def golden():
    """Read what Airflow 2.10.5 answered: `golden("cron")`."""
    folder = Path(__file__).parent / "golden"
    return lambda name: json.loads((folder / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def golden_folder():
    """The folder of the goldens."""
    return Path(__file__).parent / "golden"


class Hosted:
    """Attempts queued in a store by hand, and a task host that runs them."""

    def __init__(self, folder, dag_text, options=None):
        from airflow_lite.config import Config
        from airflow_lite.store.engine import open_store

        self.home = Home(folder)
        self.path = self.home.dag("hosted", dag_text)
        self.home.environ.update(options or {})
        self.config = Config.load(self.home.environ)
        self.store = open_store(self.config)
        self.host = None
        self.ended = {}
        self._run = None
        self.who = "you"  # in the conf of its run

    def _make_run(self):
        from airflow_lite.spec.model import DagSpec, TaskSpec
        from airflow_lite.store import runs, schema

        # Not by importing the file: what it does must happen in the task host only.
        spec = DagSpec("hosted", str(self.path), {"any": TaskSpec("any", retries=1)})
        with self.store.begin() as connection:
            inserted = connection.execute(
                schema.dag_version.insert().values(
                    dag_id="hosted", number=1, digest="x", spec=spec.to_json(), created_us=0
                )
            )
            version = inserted.inserted_primary_key[0]
            connection.execute(
                schema.dag.insert().values(
                    dag_id="hosted", fileloc=str(self.path), version_id=version
                )
            )
            self._run = runs.create_run(
                connection,
                spec,
                version,
                run_id="run",
                run_type="manual",
                logical_us=1_700_000_000_000_000,
                interval=(1_700_000_000_000_000, 1_700_000_000_000_000),
                conf={"who": self.who},
                now_us=1,
                state="running",
            )

    def queue(self, task_id, try_number=1, new_try=True):
        """Queue one task instance, as a scheduler does; return its token."""
        from airflow_lite.keys import new_attempt_token
        from airflow_lite.store import schema

        if self._run is None:
            self._make_run()
        ti, token = schema.task_instance, new_attempt_token()
        values = {"state": "queued", "attempt": token, "try_number": try_number, "queued_us": 1}
        values |= {"try_started_us": None} if new_try else {}
        with self.store.begin() as connection:
            if self.row(task_id, connection) is None:
                row = {"dag_run_id": self._run, "task_id": task_id, "max_tries": 1}
                connection.execute(ti.insert().values(row))
            connection.execute(ti.update().where(ti.c.task_id == task_id).values(values))
            connection.execute(
                schema.attempt.insert().values(
                    token=token,
                    task_instance_id=self.row(task_id, connection).id,
                    try_number=try_number,
                    queued_us=1,
                )
            )
        return token

    def command(self, task_id, token, try_number=1):
        from airflow_lite.keys import RunCommand, TaskInstanceKey

        return RunCommand(TaskInstanceKey("hosted", task_id, "run", try_number, -1, token))

    def start(self, **options):
        from airflow_lite.worker import TaskHost

        self.host = TaskHost(self.config, on_ended=self.ended.__setitem__, **options)
        self.host.start()

    def give(self, task_id, try_number=1, **options):
        """Queue a task instance and hand it to the host; return its token."""
        token = self.queue(task_id, try_number, **options)
        self.host.run(self.command(task_id, token, try_number).words())
        return token

    def wait(self, *tokens):
        wait_until(lambda: all(token in self.ended for token in tokens), f"the end of {tokens}")

    def finish(self, task_id, try_number=1, **options):
        """Run one attempt to its end and return its row then."""
        self.wait(self.give(task_id, try_number, **options))
        return self.row(task_id)

    def row(self, task_id, connection=None):
        import sqlalchemy as sa

        from airflow_lite.store import schema

        ti = schema.task_instance
        query = sa.select(ti).where(ti.c.task_id == task_id)
        if connection is not None:
            return connection.execute(query).first()
        with self.store.read() as own:
            return own.execute(query).first()

    def mark(self, task_id, state):
        from airflow_lite.store import schema

        ti = schema.task_instance
        with self.store.begin() as connection:
            connection.execute(ti.update().where(ti.c.task_id == task_id).values(state=state))

    def attempt(self, token):
        import sqlalchemy as sa

        from airflow_lite.store import schema

        with self.store.read() as connection:
            query = sa.select(schema.attempt).where(schema.attempt.c.token == token)
            return connection.execute(query).first()

    def xcoms(self, task_id):
        import sqlalchemy as sa

        from airflow_lite.store import schema

        query = sa.select(schema.xcom.c.key, schema.xcom.c.value)
        with self.store.read() as connection:
            rows = connection.execute(query.where(schema.xcom.c.task_id == task_id))
            return {key: json.loads(value) for key, value in rows}

    def supervisors(self):
        import sqlalchemy as sa

        from airflow_lite.store import schema

        with self.store.read() as connection:
            return connection.execute(sa.select(schema.supervisor)).all()

    def log(self, task_id, try_number=1):
        from airflow_lite.logs.reading.task_log import task_log

        lines = task_log(self.config, "hosted", task_id, "run", try_number)
        return "\n".join(lines)

    def lines(self, name):
        """Return the lines that tasks appended to a file in the home."""
        path = self.home.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def processes(self):
        """Return the processes, but for this one, that have this home in their environment."""
        mark = f"AIRFLOW_LITE_HOME={self.home.folder}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                environ = (entry / "environ").read_bytes().split(b"\0")
                state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            if mark in environ and state != b"Z":
                found[int(entry.name)] = parent
        return found

    def children_of(self, pid):
        return [child for child, parent in self.processes().items() if parent == pid]

    def close(self):
        if self.host is not None:
            self.host.terminate()
            assert self.host.wait(DEADLINE_S)
        self.store.close()


@pytest.fixture
def make_hosted(tmp_path):
    """Make a `Hosted` of a DAG file's text, and options in the environment."""
    made = []

    def make(dag_text, **options):
        made.append(Hosted(tmp_path / f"hosted{len(made)}", dag_text, options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def fresh_home(tmp_path, monkeypatch):
    """Let no setting of this machine reach the DAGs of a test."""
    for name in list(os.environ):
        if name.startswith("AIRFLOW_LITE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path / "home"))


class FakeTaskInstance:
    """XComs in a dict, as operators see a task instance."""

    def __init__(self, task, xcoms=None):
        self.task = task
        self.dag_id, self.task_id = task.dag_id, task.task_id
        self.try_number = 1
        self.try_started = None
        self.skip_decision = None
        self.xcoms = xcoms or {}

    def xcom_pull(self, task_ids=None, dag_id=None, key="return_value", default=None):
        return self.xcoms.get((task_ids, key), default)


@pytest.fixture
def make_context():
    """Make the context of a task: `make_context(task, xcoms={(task_id, key): value}, **more)`."""

    def make(task, xcoms=None, **more):
        instance = FakeTaskInstance(task, xcoms)
        conf = more.pop("conf", {})
        return {
            "task": task,
            "ti": instance,
            "task_instance": instance,
            "dag_run": SimpleNamespace(run_id="run", conf=conf),
            "run_id": "run",
            "ds": "2024-02-29",
            "logical_date": datetime(2024, 2, 29, 12, tzinfo=UTC),
            "params": {},
            **more,
        }

    return make
