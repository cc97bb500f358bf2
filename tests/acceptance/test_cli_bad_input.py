"""Bad input gets one line that says what and what to do, exit code 1 or 2, and harms nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_lite.store import revision
from fixtures.databases import SETTING
from fixtures.waits import DEADLINE_S

DAG = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator, Param

with DAG("good", start_date=datetime(2024, 1, 1), schedule=None,
         params={"count": Param(1, type="integer", minimum=1)}):
    EmptyOperator(task_id="only")
"""


@pytest.fixture
def good(home):
    home.dag("good", DAG)
    home.run("dags", "trigger", "good", "-r", "r")
    return home


CASES = [
    ("dags trigger nope", 1, "There is no DAG 'nope'."),
    ("dags trigger goud", 1, "There is no DAG 'goud'. Did you mean 'good'?"),
    ("dags trigger ../x", 1, "DAG id '../x' is not allowed."),
    ("dags trigger good -r r", 1, "DAG 'good' has a run 'r' with logical date"),
    ("dags trigger good -r ../../x", 1, "run id '../../x' is not allowed."),
    ("dags trigger good -c nope", 1, "--conf 'nope' is not JSON"),
    ("dags trigger good -c [1]", 1, "--conf '[1]' is not a JSON object."),
    ('dags trigger good -c {"count":0}', 1, "Invalid input for param 'count'"),
    ("dags trigger good -e 2024-13-01", 2, "'2024-13-01' is not a date"),
    ("dags trigger good --timeout 3", 1, "--timeout works only with --wait. Add --wait."),
    ("dags trigger good --wait --timeout -1", 2, "'-1' is not a number of seconds"),
    ("dags trigger good --wait --timeout nan", 2, "'nan' is not a number of seconds"),
    ("dags trigger good -e 9999-12-31", 2, "'9999-12-31' is out of range; write a year from"),
    ("dags trigger good -e 0001-01-01T00:00+14:00", 2, "is out of range"),
    ('dags trigger good -c {"a":NaN}', 1, "is not JSON: Out of range float values"),
    ('dags trigger good -c {"a":"\\ud800"}', 1, "is not JSON: it has an incomplete character"),
    (
        "dags trigger good --wat",
        2,
        "--wat (did you mean '--wait'?). See `airflow-lite dags trigger",
    ),
    ("dags backfill good", 1, "There is no date. Give --start-date, --end-date or both."),
    ("dags backfill good -s 2024-01-02 -e 2024-01-01", 1, "--end-date is before --start-date."),
    ("dags backfill good -s 2024-01-01 -i", 1, "works only with --task-regex. Add -t REGEX."),
    ("dags backfill good -s 2024-01-01 -t zz", 1, "No task of DAG 'good' matches 'zz'."),
    ("dags backfill good -s 2024-01-01 --pool zz", 1, "There is no pool 'zz'."),
    ("dags backfill z.* -s 2024-01-01 --treat-dag-as-regex", 1, "No DAG matches 'z.*'."),
    ("dags test good 0001-01-01", 2, "is out of range"),
    ("dags list -o nope", 2, "invalid choice: 'nope'"),
    ("dags list -S /no/such/folder", 1, "there is no such file or folder."),
    ("dags list-runs -d nope", 1, "There is no DAG 'nope'."),
    ("dags details nope", 1, "There is no DAG 'nope'."),
    ("dags show nope", 1, "There is no DAG 'nope'."),
    ("dags show good -s graph.png", 1, "does not end in .dot"),
    ("dags delete nope -y", 1, "There is no DAG 'nope'."),
    ("dags pause ( --treat-dag-id-as-regex", 1, "'(' is not a regular expression"),
    ("dags test nope", 1, "There is no DAG 'nope'."),
    ("tasks list nope", 1, "There is no DAG 'nope'."),
    ("tasks state good nope r", 1, "Run 'r' of DAG 'good' has no task 'nope'."),
    ("tasks state good only nope", 1, "DAG 'good' has no run with id or logical date 'nope'."),
    ("tasks state good only r --map-index 7", 1, "has no task 'only' with map index 7."),
    ("tasks state good only 0001-01-01T00:00+14:00", 1, "has no run with id or logical date"),
    ("tasks state good only r --map-index 1e20", 2, "invalid int value: '1e20'"),
    (f"tasks state good only r --map-index {10**20}", 2, f"{10**20}' is too large"),
    (f"tasks logs good only r --try-number {10**20}", 2, f"{10**20}' is too large"),
    ("tasks logs good only nope", 1, "DAG 'good' has no run with id or logical date 'nope'."),
    ("tasks history good nope r", 1, "has no task 'nope'."),
    ("tasks clear good -t ( -y", 1, "'(' is not a regular expression"),
    ("tasks clear nope -y", 1, "There is no DAG 'nope'."),
    ("tasks run good nope r", 1, "has no task 'nope'."),
    ("tasks run good only nope", 1, "no run with id or logical date 'nope'."),
    ("tasks run good only r --attempt x --try-number 1", 1, "attempt token 'x' is not 32 hex"),
    ("tasks test good nope", 1, "DAG 'good' has no task 'nope'."),
    ("pools get nope", 1, "There is no pool 'nope'."),
    ("pools set ../x 1 d", 1, "pool name '../x' is not allowed."),
    (f"pools set a {10**20} d", 2, f"argument slots: '{10**20}' is too large"),
    (f"jobs check --limit {10**20}", 2, f"{10**20}' is too large; write at most 2147483647"),
    (f"scheduler -n {10**20}", 2, f"{10**20}' is too large"),
    ("pools delete default_pool", 1, "default_pool cannot be deleted."),
    ("config get-value core nope", 1, "There is no option 'nope' in [core]."),
    ("config get-value nope executor", 1, "There is no section [nope]."),
    ("config list --section nope", 1, "There is no section 'nope'."),
    ("db migrate -r nope", 1, "There is no revision 'nope'."),
    ("jobs check", 1, "No alive jobs found."),
    ("jobs check --allow-multiple", 1, "--allow-multiple needs a --limit above 1"),
    ("jobs check --local --hostname x", 1, "--hostname and --local exclude each other."),
    ("nope", 2, "There is no command 'nope'."),
    ("--executor Nope scheduler", 1, "Nope"),
]


def test_each_mistake_is_one_line_with_its_exit_code(good):
    told = []
    for call, code, line in CASES:
        done = good.run(*call.split(" "), exit_code=None)
        lines = [text for text in done.stderr.splitlines() if text]
        if (done.returncode, len(lines)) != (code, 1) or line not in done.stderr:
            told.append((call, done.returncode, done.stdout, done.stderr))

    assert told == []
    assert good.run("tasks", "state", "good", "only", "r").stdout == "None\n"


@pytest.mark.parametrize("bad", ["", "a" * 5000, "a\nb", "a\x1b[31mb", "-x", ".."])
def test_ids_outside_the_allow_list_are_refused_in_one_printable_line(home, bad):
    done = home.run("dags", "trigger", "--", bad, exit_code=1)

    assert done.stderr.startswith("airflow-lite: error: DAG id ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isprintable()
    assert len(done.stderr) < 300


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"executor = LocalExecutor\n", "is not valid INI"),
        (b"[core]\nexecutor\n", "is not valid INI"),
        (b"[core]\nexecutor = \xff\n", "is not UTF-8 (byte 18). Save it as UTF-8."),
        (b"[scheduler]\nlease_timeout_s = soon\n", "Make it a number."),
        (
            b"[database]\nsql_alchemy_conn = nonsense\n",
            "[database] sql_alchemy_conn cannot be used",
        ),
    ],
)
def test_a_bad_configuration_is_one_line(home, text, line):
    home.dag("good", DAG)
    home.folder.joinpath("airflow_lite.cfg").write_bytes(text)
    home.environ.pop(SETTING, None)  # the file's own is to be read

    done = home.run("dags", "trigger", "good", "-e", "2024-01-01", "--wait", exit_code=1)

    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert home.run("version").stdout.strip()
    assert "Groups:" in home.run("--help").stdout


def test_a_configuration_that_is_no_file_is_told_at_once(home):
    os.mkfifo(home.folder / "airflow_lite.cfg")

    done = home.run("config", "get-value", "core", "executor", exit_code=1)

    assert done.stderr.endswith(
        "airflow_lite.cfg is not a regular file. Put the configuration in one.\n"
    )


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("sqlite:///here.db", "is a relative path"),
        ("sqlite://", "Write sqlite:////absolute/path/airflow_lite.db."),
        ("sqlite:////proc/x.db", "[database] sql_alchemy_conn"),
        ("nonsense", "[database] sql_alchemy_conn cannot be used: Could not parse"),
        ("postgresql://me:p@ss:word@host/db", "conn has a port that is no number. Write `@`,"),
    ],
)
@pytest.mark.parametrize("words", [("dags", "list"), ("scheduler", "-n", "1")], ids=" ".join)
def test_a_store_that_cannot_be_shared_or_made_is_told(home, words, url, line):
    home.environ[SETTING] = url

    done = home.run(*words, exit_code=1)

    assert line in done.stderr
    assert "word@host" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_time_zone_that_is_none_is_told(home):
    home.environ["AIRFLOW_LITE__CORE__DEFAULT_TIMEZONE"] = "Mars/Olympus"

    done = home.run("dags", "list-runs", "-d", "good", "-s", "2024-01-01", exit_code=1)

    assert "default_timezone is 'Mars/Olympus', which is no time zone." in done.stderr


@pytest.mark.sqlite
@pytest.mark.parametrize("place", ["/proc/airflow-lite", __file__])
def test_a_home_that_cannot_be_made_is_told(home, place):
    home.environ["AIRFLOW_LITE_HOME"] = place

    done = home.run("dags", "list", exit_code=1)

    assert done.stderr.count("\n") == 1
    assert "Set AIRFLOW_LITE_HOME to" in done.stderr


def test_v_shows_the_traceback_of_a_mistake(home):
    done = home.run("pools", "get", "nope", "-v", exit_code=1)

    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("airflow-lite: error: There is no pool 'nope'.")


def test_a_reader_that_goes_away_is_no_error(home):
    home.run("pools", "list")
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_lite", "config", "list", "-d"],
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()

    assert process.wait(DEADLINE_S) == 141
    assert complaint == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("call", [("pools", "list"), ("dags", "trigger", "--help"), ("--help",)])
def test_an_output_that_takes_no_more_is_told(home, call, unbuffered):
    home.run("pools", "list")
    home.environ["PYTHONUNBUFFERED"] = unbuffered
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "airflow_lite", *call],
            check=False,
            env=home.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
        )

    assert done.returncode == 1
    assert done.stderr == (
        "airflow-lite: error: The output or a file of airflow-lite cannot be written:"
        " No space left on device. Free some disk space, and try again.\n"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_as_good_as_dev_null(home, closed):
    home.dag("good", DAG)
    for call in ("pools list", "dags test good 2024-01-01", "tasks logs good only 2024-01-01"):
        command = f'"{sys.executable}" -m airflow_lite {call} {closed}'
        done = subprocess.run(
            ["sh", "-c", command],
            env=home.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )

        assert (done.returncode, "rror" in done.stderr) == (0, False), (call, done.stderr)
    assert home.run("tasks", "state", "good", "only", "2024-01-01").stdout == "success\n"


HEAD = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator
"""
WITH_DAG = HEAD + "with DAG('x', start_date=datetime(2024, 1, 1), schedule=None):\n    "
BAD_FILES = {
    "syntax": HEAD + "def broken(:\n",
    "missing": HEAD + "import no_such_module_here\n",
    "raises": HEAD + "raise RuntimeError('not today')\n",
    "exits": HEAD + "import sys; sys.exit(0)\n",
    "dies": HEAD + "import os; os._exit(0)\n",
    "crashes": HEAD + "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n",
    "endless": HEAD + "while True: pass\n",
    "cycle": WITH_DAG + "a = EmptyOperator(task_id='a'); a >> EmptyOperator(task_id='b') >> a\n",
    "duplicate": WITH_DAG + "[EmptyOperator(task_id='a') for _ in range(2)]\n",
    "large": WITH_DAG + "[EmptyOperator(task_id=f't{n}') for n in range(100_000)]\n",
    "id": HEAD + "DAG('../x', start_date=datetime(2024, 1, 1))\n",
    "type": WITH_DAG + "EmptyOperator(task_id='a', retries='many')\n",
}


def test_no_dag_file_however_bad_harms_another(home):
    home.dag("good", DAG)
    for name, text in BAD_FILES.items():
        home.dag(name, text)
    home.dags.joinpath("latin.py").write_bytes(HEAD.encode() + b"# caf\xe9\n")
    home.environ["AIRFLOW_LITE__CORE__DAGBAG_IMPORT_TIMEOUT"] = "10"

    listed = home.run("dags", "list", "-o", "json")
    errors = home.run("dags", "list-import-errors", "-o", "json", exit_code=1)
    home.run("dags", "trigger", "good", "-r", "r")

    assert [row["dag_id"] for row in json.loads(listed.stdout)] == ["good"]
    assert listed.stderr.splitlines()[-1].startswith("Error: Failed to load all files.")
    told = {Path(row["filepath"]).stem: row["error"] for row in json.loads(errors.stdout)}
    assert set(told) == {*BAD_FILES, "latin"}
    assert all(text.strip() and "airflow_lite/" not in text for text in told.values()), told


def test_what_is_passed_over_in_the_folder_is_told_with_the_import_errors(home):
    home.dag("good", DAG)
    home.dags.joinpath("more.zip").write_bytes(b"PK")

    done = home.run("dags", "list-import-errors", "-o", "json")

    line = f"{home.dags}/more.zip is skipped: DAGs in zip files are not supported."
    assert (json.loads(done.stdout), done.stderr.splitlines()[-1]) == ([], line)


def test_a_broken_file_is_named_when_its_dag_is_asked_for(home):
    home.dag("gone", HEAD + "import no_such_module_here\nDAG('gone')\n")

    done = home.run("dags", "test", "gone", exit_code=1)

    assert done.stderr.splitlines()[-1] == (
        "airflow-lite: error: There is no DAG 'gone'. List the DAGs with `airflow-lite dags list`."
        " 1 DAG file(s) could not be imported: see `airflow-lite dags list-import-errors`."
    )


def test_a_dag_whose_file_broke_is_taken_as_it_was_with_a_notice(home):
    path = home.dag("good", DAG)
    home.run("dags", "list")
    home.dag("good", DAG + "\nimport no_such_module_here\n")

    done = home.run("tasks", "list", "good")

    assert done.stdout == "only\n"
    assert done.stderr.startswith(
        f"{path} cannot be imported now. The last good version of DAG 'good'"
    )


def test_a_dag_that_left_its_file_is_not_run(home):
    path = home.dag("good", DAG)
    home.run("dags", "list")
    path.write_text(DAG.replace('DAG("good"', 'DAG("other"'))

    done = home.run("dags", "trigger", "good", exit_code=1)

    assert f"DAG 'good' is not in {path} any more." in done.stderr


@pytest.mark.makes_tables
def test_db_check_fails_where_the_database_is_of_another_revision(home):
    assert home.run("db", "check").stdout == "Connection successful. There are no tables yet.\n"
    home.run("db", "migrate")
    assert home.run("db", "check").stdout == "Connection successful.\n"
    home.execute("UPDATE alembic_version SET version_num = '0000'")

    done = home.run("db", "check", exit_code=1)

    assert done.stdout == ""
    assert done.stderr == (
        "airflow-lite: error: The metadata database is at revision 0000, this program needs"
        f" {revision.HEAD}. Run `airflow-lite db migrate`.\n"
    )
