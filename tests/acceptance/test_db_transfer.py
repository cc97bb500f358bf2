"""A home's records move between SQLite and PostgreSQL with their whole history, whatever dies."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import zipfile

import pytest

from airflow_lite.config import Config
from airflow_lite.store.migrate import bare_store
from airflow_lite_testing.checker import check
from fixtures.commands import call
from fixtures.databases import SETTING
from fixtures.homes import Home

pytestmark = pytest.mark.any_database  # each test has those that it wants

DAGS = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, task

with DAG("moved", start_date=datetime(2024, 1, 1), schedule=None):
    @task
    def pushed(): return {"text": "ünï ☃ \\n", "number": 2**40}
    pushed() >> BashOperator(task_id="fails", bash_command="exit 3", retries=1, retry_delay=0)
"""
#: So many events that an import takes three batches for them, and where the third begins.
EVENTS, THIRD = 12_000, 10_000
#: So many XComs of nearly a megabyte.
LARGE = 64
ENDLESS = {
    "sqlite": (
        "CREATE TRIGGER endless BEFORE INSERT ON task_event WHEN NEW.id = 12000 BEGIN SELECT"
        " (WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s) SELECT max(i) FROM s);"
        " END",
    ),
    "postgresql": (
        "CREATE FUNCTION endless() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW;"
        " END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER endless BEFORE INSERT ON task_event FOR EACH ROW WHEN (NEW.id = 12000)"
        " EXECUTE FUNCTION endless()",
    ),
}
MENDED = {
    "sqlite": ("DROP TRIGGER endless",),
    "postgresql": (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "DROP FUNCTION endless() CASCADE",
    ),
}


@pytest.fixture
def home_on(request, tmp_path):
    """Make a home whose database is of the kind that is named."""

    def make(kind, name):
        environ = {}
        if kind == "postgresql":
            environ[SETTING] = request.getfixturevalue("new_postgres")()
        return Home(tmp_path / name, environ)

    return make


def fill(home):
    """Give a home a run that failed, a pool, a Variable and a connection; return it."""
    home.dag("moved", DAGS)
    home.run("dags", "test", "moved", "2024-06-01", exit_code=1)
    home.run("pools", "set", "mine", "3", "three slots")
    home.run("variables", "set", "region", "north")
    home.run("connections", "add", "shop", "--conn-uri", "http://me:s3cret@h")
    return home


@pytest.fixture
def used(home_on):
    return lambda kind: fill(home_on(kind, "used"))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "exported.zip"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A folder with an export of a home on SQLite, and one with many more rows."""
    folder = tmp_path_factory.mktemp("made")
    home = fill(Home(folder / "home"))
    home.run("db", "export", str(folder / "exported.zip"))
    home.execute(
        "INSERT INTO task_event (id, task_instance_id, dag_run_id, task_id, map_index, try_number,"
        " attempt) VALUES (:id, 999, 999, 'gone', -1, 1, lower(hex(randomblob(16))))",
        [{"id": number} for number in range(100, EVENTS + 100)],
    )
    home.run("db", "export", str(folder / "large.zip"))
    return folder


@pytest.fixture
def exported(made_once, file):
    return shutil.copy(made_once / "exported.zip", file)


@pytest.fixture
def large(made_once, tmp_path):
    return shutil.copy(made_once / "large.zip", tmp_path / "large.zip")


def tables_of(path):
    """Return what an export has of each table."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def last_line(done):
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def bare(home):
    """Give the home's database in whatever state it is."""
    return bare_store(Config.load(home.environ))


def execute_bare(home, *statements):
    with bare(home) as store, store.begin() as connection:
        for statement in statements:
            done = connection.exec_driver_sql(statement)
        return done.scalar() if done.returns_rows else None


DIRECTIONS = [
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("postgresql", "postgresql"),
    ("sqlite", "sqlite"),
]


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_every_record_moves_with_its_id_and_work_goes_on(
    used, home_on, file, tmp_path, source, target
):
    old, new = used(source), home_on(target, "new")
    said = old.run("db", "export", str(file)).stdout.splitlines()
    assert "dag_run: 1 record(s)" in said
    assert said[-1].endswith(f" record(s) to {file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    done = new.run("db", "import", str(file))
    assert done.stdout.splitlines()[:-1] == said[:-1]
    assert done.stdout.splitlines()[-1].endswith(f" record(s) into {new.database}")
    new.run("db", "export", str(tmp_path / "again.zip"))
    assert tables_of(tmp_path / "again.zip") == tables_of(file)

    shutil.copytree(old.dags, new.dags, dirs_exist_ok=True)
    shutil.copy(old.folder / "fernet.key", new.folder)
    new.run("variables", "set", "another", "south")
    assert new.run("variables", "get", "region").stdout == "north\n"
    (shop,) = new.json("connections", "get", "shop", "--show-values")
    assert shop["password"] == "s3cret"
    new.run("dags", "test", "moved", "2024-06-02", exit_code=1)
    assert len(new.json("dags", "list-runs", "-d", "moved")) == 2
    with bare(new) as store:
        assert check(store) == []


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_an_import_that_was_killed_goes_on_where_it_was(large, home_on, wait_until, target):
    home = home_on(target, "new")
    home.run("db", "migrate")
    execute_bare(home, *ENDLESS[target])
    with home.start("db", "import", str(large), stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: is_at_third_batch(home) or process.poll() is not None, "the third batch")
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    execute_bare(home, *MENDED[target])

    for words in (("dags", "list"), ("scheduler", "-n", "1"), ("db", "check"), ("db", "migrate")):
        assert "An import into the metadata database is not finished." in last_line(
            home.run(*words, exit_code=1)
        )
    done = home.run("db", "import", str(large))
    assert f"going on after {THIRD + before_events(large)} record(s)." in done.stderr
    home.run("db", "export", str(large.with_name("again.zip")))
    assert tables_of(large.with_name("again.zip")) == tables_of(large)


def is_at_third_batch(home):
    with bare(home) as store, store.read() as connection:
        if connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() != (
            "importing"
        ):
            return False
        query = "SELECT rows FROM import_progress WHERE table_name = 'task_event'"
        return connection.exec_driver_sql(query).scalar() == THIRD


def before_events(path):
    """Return how many rows there are of the tables that are imported before the events."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return sum(
            archive.read(name).count(b"\n") for name in names[: names.index("task_event.jsonl")]
        )


def test_another_export_is_refused_until_the_first_is_whole_and_reset_gives_up(
    large, exported, home_on
):
    home = home_on("sqlite", "new")
    home.run("db", "migrate")
    execute_bare(
        home,
        "CREATE TRIGGER failing BEFORE INSERT ON xcom BEGIN SELECT RAISE(FAIL, 'no more'); END",
    )
    assert "xcom" in last_line(home.run("db", "import", str(large), exit_code=1))

    refused = last_line(home.run("db", "import", str(exported), exit_code=1))
    assert "An import of another export than" in refused
    home.run("db", "reset", "-y")
    home.run("db", "import", str(exported))


def test_an_export_that_was_killed_leaves_the_older_one_and_can_be_made_again(
    used, file, wait_until
):
    home = used("postgresql")
    home.run("db", "export", str(file))
    before = file.read_bytes()
    with bare(home) as store, store.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE xcom IN ACCESS EXCLUSIVE MODE")
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'xcom'::regclass AND NOT granted"
        with home.start("db", "export", str(file)) as process:
            wait_until(lambda: connection.exec_driver_sql(waiting).scalar(), "the export")
            process.send_signal(signal.SIGKILL)
    assert file.read_bytes() == before
    home.run("pools", "set", "another", "1", "")
    home.run("db", "export", str(file))
    assert b"another" in tables_of(file)["pool.jsonl"]
    assert [path.name for path in file.parent.iterdir() if "partial" in path.name] == []


def test_what_runs_is_stopped_first(used, file, wait_until):
    home = used("sqlite")
    home.run("db", "export", str(file))
    with home.scheduler() as scheduler:
        wait_until(lambda: home.run("jobs", "check", exit_code=None).returncode == 0, "a job")
        for words in (("export", str(file)), ("import", str(file))):
            refused = last_line(home.run("db", *words, exit_code=1))
            assert f"The scheduler with pid {scheduler.pid} on " in refused
            assert refused.endswith(" uses this database. Stop it first.")


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_database_with_records_is_refused(exported, home_on, target):
    home = home_on(target, "new")
    home.run("pools", "set", "mine", "1", "")
    refused = last_line(home.run("db", "import", str(exported), exit_code=1))
    assert f"The metadata database {home.database} has records already, in pool:" in refused
    assert home.execute("SELECT name FROM pool ORDER BY name") == [("default_pool",), ("mine",)]


def test_there_is_nothing_to_export_before_there_are_tables(home_on, file):
    refused = last_line(home_on("sqlite", "new").run("db", "export", str(file), exit_code=1))
    assert "There is nothing to export: the metadata database has no tables yet." in refused
    assert not file.exists()


def rewritten(path, name, text):
    """Put another text into an export, with the sums that belong to it."""
    tables = tables_of(path)
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    tables[f"{name}.jsonl"] = text
    entry = manifest["tables"][name]
    entry |= {"rows": text.count(b"\n"), "sha256": hashlib.sha256(text).hexdigest()}
    write(path, tables, manifest)


def write(path, tables, manifest):
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in tables.items():
            archive.writestr(member, content)
        archive.writestr("manifest.json", json.dumps(manifest))


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _forge(path):
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    write(path, tables_of(path) | {"pool.jsonl": b'["mine",4,null,false]\n'}, manifest)


def _flip(path):
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        content[archive.getinfo("dag_version.jsonl").header_offset + 200] ^= 255
    path.write_bytes(content)


def _older(path):
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    write(path, tables_of(path), manifest | {"revision": "0001"})


def _of_no_use(path):
    write(path, {}, {"format": "something else"})


def _folder(path):
    path.unlink()
    path.mkdir()


def _fifo(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_cut, "is no export, or was cut off"),
        (_forge, "is damaged: pool.jsonl is not what manifest.json says. Make the export anew."),
        (_flip, "is damaged: "),
        (_older, "is of revision '0001', this program needs "),
        (_of_no_use, "is no export that this airflow-lite can read"),
        (lambda path: path.write_text("pg_dump"), "is no export, or was cut off"),
        (lambda path: path.unlink(), "cannot be read: No such file or directory."),
        (_folder, "is no file. Name one that `db export` has written."),
        (_fifo, "is no file. Name one that `db export` has written."),
        (
            lambda path: rewritten(path, "pool", b'["mine","4",null,false]\n'),
            "line 1 of pool.jsonl: in the row with name 'mine' the column slots is '4', which is"
            " no whole number.",
        ),
        (
            lambda path: rewritten(path, "xcom", b'[7,"t",-1,"k","v",1]\n'),
            "The rows of xcom do not fit together: ",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_one_line(exported, home_on, spoil, told):
    spoil(exported)
    done = home_on("sqlite", "new").run("db", "import", str(exported), exit_code=1)
    assert told in last_line(done)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("", "is a folder. Name a file, such as "),
        ("airflow_lite.db", "exists and is no export. Name another file."),
        ("missing/file.zip", "cannot be written: No such file or directory."),
    ],
)
def test_a_place_that_no_export_may_take_is_one_line(used, place, told):
    home = used("sqlite")
    done = home.run("db", "export", str(home.folder / place), exit_code=1)
    assert told in last_line(done)
    assert done.stderr.count("\n") == 1
    assert home.run("db", "check").stdout == "Connection successful.\n"


def no_file_over(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_is_one_line_and_the_import_goes_on_later(large, exported, home_on):
    limited = {"preexec_fn": no_file_over(400_000), "stderr": subprocess.PIPE}  # tables alone fit
    new = home_on("sqlite", "new")
    with new.start("db", "import", str(large), **limited) as process:
        (line,) = process.communicate()[1].splitlines()
    assert "The import has stopped in task_event: " in line
    assert "Call `airflow-lite db import` with the same file again" in line
    new.run("db", "import", str(large))

    before = exported.read_bytes()
    limited["preexec_fn"] = no_file_over(200_000)
    with new.start("db", "export", str(exported), **limited) as process:
        (line,) = process.communicate()[1].splitlines()
    assert line.endswith(f"{exported} cannot be written: File too large.")
    assert exported.read_bytes() == before
    assert [path.name for path in exported.parent.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("key", "k" * 513, "the column key has 513 characters, and may have 512."),
        ("value", "a\0b", "the column value has a NUL character."),
    ],
)
def test_a_row_that_not_every_database_takes_is_named_before_anything_moves(
    used, file, column, text, told
):
    home = used("sqlite")
    home.execute(f"UPDATE xcom SET {column} = :text", text=text)
    refused = last_line(home.run("db", "export", str(file), exit_code=1))
    assert "xcom cannot be exported: in the row with dag_run_id '1', task_id 'pushed'" in refused
    assert told in refused
    assert not file.exists()


#: Runs a command, and prints the most memory that it had at once: what a process has before it
#: becomes another program counts, so it is none of ours that starts it.
_MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "airflow_lite", *sys.argv[1:]], check=True, stdout=2)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def most_memory_kb(home, *words):
    return int(call(home.python, "-c", _MEASURED, *words, environ=home.environ))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_large_records_are_not_all_in_memory_at_once(exported, used, home_on, file, kind):
    """Else a home with gigabytes of XComs could not be moved."""
    small = most_memory_kb(home_on(kind, "small"), "db", "import", str(exported))
    home = used(kind)
    digits = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(15_000))
    rows = [{"key": f"k{number}", "value": json.dumps(digits)} for number in range(LARGE)]
    home.execute(
        "INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, at_us)"
        " SELECT dag_run_id, task_id, map_index, :key, :value, at_us FROM xcom WHERE key NOT LIKE 'k%'",
        rows,
    )
    all_of_them_kb = LARGE * len(digits) // 1024
    assert most_memory_kb(home, "db", "export", str(file)) < small + all_of_them_kb
    target = home_on(kind, "large")
    assert most_memory_kb(target, "db", "import", str(file)) < small + all_of_them_kb
    assert target.execute("SELECT count(*) FROM xcom WHERE key LIKE 'k%'") == [(LARGE,)]
