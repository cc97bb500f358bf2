"""Failed tasks are reported to Sentry: to a server here that speaks its protocol."""

from __future__ import annotations

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[4] / "docs/how-to/report-to-sentry.md"
KEY = "0123456789abcdef0123456789abcdef"
DAG = """
import os, time
from pathlib import Path
from airflow_lite import DAG, AirflowSkipException, PythonOperator

def good():
    return 1

def bad():
    row, password = 41, "of the frame"
    note_commands()
    raise ValueError("this went wrong")

def note_commands():
    found = []
    for entry in Path("/proc").iterdir():
        try:
            found.append((entry / "cmdline").read_bytes())
        except OSError:
            pass
    (Path(os.environ["AIRFLOW_LITE_HOME"]) / "commands").write_bytes(b"\\n".join(found))

def skip():
    raise AirflowSkipException("not today")

def by_hand():
    import sentry_sdk

    sentry_sdk.capture_message("said by the task")

with DAG("watched", schedule=None, start_date=None):
    first = PythonOperator(task_id="good", python_callable=good)
    first >> PythonOperator(task_id="bad", python_callable=bad)
    first >> PythonOperator(task_id="skip", python_callable=skip)
    first >> PythonOperator(task_id="by_hand", python_callable=by_hand)

def drop(event, hint):
    event["message"] = "seen before"
    return event

def lose(event, hint):
    return None
"""


class Sentry:
    """What a Sentry server is to its clients: it takes envelopes."""

    def __init__(self):
        self.envelopes: list[Any] = []
        self.silence = threading.Event()  # set: answers nothing any more
        self.over = threading.Event()
        sentry = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                sentry.envelopes.append((self.path, self.headers["X-Sentry-Auth"], body))
                if sentry.silence.is_set():
                    sentry.over.wait(60)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def dsn(self):
        return f"http://{KEY}@127.0.0.1:{self.server.server_port}/42"

    def events(self):
        found = []
        for _, _, body in self.envelopes:
            lines = body.split(b"\n")
            for header, payload in zip(lines[1::2], lines[2::2], strict=False):
                if header and json.loads(header)["type"] == "event":
                    found.append(json.loads(payload))
        return found

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def sentry():
    server = Sentry()
    yield server
    server.close()


@pytest.fixture
def watched(home, sentry):
    """A home with a DAG that fails, which reports to the server here."""
    home.dag("watched", DAG)
    home.environ |= {
        "AIRFLOW_LITE__SENTRY__SENTRY_ON": "True",
        "AIRFLOW_LITE__SENTRY__SENTRY_DSN": sentry.dsn,
        "AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor",
    }
    return home


def run(home, *words):
    """Run the DAG once, and return what its tasks logged."""
    home.run("dags", "test", "watched", *words, exit_code=1, timeout=120)
    return {path.parts[-2]: path.read_text() for path in home.folder.glob("logs/**/*.log")}


def log_of(logs, task_id):
    (found,) = [text for folder, text in logs.items() if folder == f"task_id={task_id}"]
    return found


def test_the_exception_of_a_failed_task_is_reported_with_its_tags_and_what_went_before(
    watched, sentry
):
    with watched.scheduler() as scheduler:
        watched.run("dags", "trigger", "watched", "--run-id", "r", "--wait", exit_code=1)
    by_message = {event.get("message"): event for event in sentry.events()}
    event = by_message.pop(None)
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "this went wrong")
    assert error["stacktrace"]["frames"][-1]["vars"] == {"row": "41", "password": "***"}
    interval = event["tags"]["data_interval_start"]
    assert event["tags"] == {
        "dag_id": "watched",
        "task_id": "bad",
        "run_id": "r",
        "map_index": -1,
        "try_number": 1,
        "operator": "PythonOperator",
        "execution_date": interval,
        "data_interval_start": interval,
        "data_interval_end": interval,
    }
    crumbs = [
        crumb["data"]
        for crumb in event["breadcrumbs"]["values"]
        if crumb["category"] == "completed_tasks"
    ]
    assert {"task_id": "good", "state": "success", "operator": "PythonOperator"}.items() <= (
        crumbs[0].items()
    )
    assert crumbs[0]["duration"] >= 0
    # A task's own reports have its tags too; one that skipped or succeeded is no report.
    assert [(name, one["tags"]["task_id"]) for name, one in by_message.items()] == [
        ("said by the task", "by_hand")
    ]
    assert len(sentry.events()) == 2
    # The key is for Sentry alone.
    assert {(path, KEY in auth) for path, auth, _ in sentry.envelopes} == {
        ("/api/42/envelope/", True)
    }
    assert KEY.encode() not in (watched.folder / "commands").read_bytes()
    assert KEY not in scheduler.output()
    for path in watched.folder.glob("logs/**/*.log"):
        assert KEY not in path.read_text()


def test_each_report_passes_before_send(watched, sentry):
    watched.environ["AIRFLOW_LITE__SENTRY__BEFORE_SEND"] = "watched.drop"
    run(watched, "--use-executor")
    assert {event["message"] for event in sentry.events()} == {"seen before"}


def test_what_before_send_drops_is_not_sent(watched, sentry):
    watched.environ["AIRFLOW_LITE__SENTRY__BEFORE_SEND"] = "watched.lose"
    run(watched, "--use-executor")
    assert sentry.events() == []


@pytest.mark.parametrize(
    ("variable", "value", "notice"),
    [
        ("SENTRY_DSN", "", "there is no DSN. Set [sentry] sentry_dsn."),
        (
            "SENTRY_DSN",
            f"ftp://{KEY}@here/1",
            "[sentry] sentry_dsn is not a DSN. Copy it from the project's settings in Sentry.",
        ),
        (
            "BEFORE_SEND",
            "watched.gone",
            "[sentry] before_send: Module 'watched' has no 'gone'. Check the spelling.",
        ),
    ],
)
def test_what_lacks_is_told_in_one_line_and_the_task_goes_on(
    watched, sentry, variable, value, notice
):
    watched.environ[f"AIRFLOW_LITE__SENTRY__{variable}"] = value
    log = log_of(run(watched, "--use-executor"), "skip")
    told = [line for line in log.splitlines() if "sentry" in line]
    assert len(told) == 1
    assert told[0].endswith(
        f"WARNING - [sentry] sentry_on is set, but nothing is reported: {notice}"
    )
    assert KEY not in log
    assert "Marking task as SKIPPED" in log
    assert sentry.events() == []


def test_without_the_extra_one_line_says_so_and_the_task_goes_on(watched, sentry):
    """An interpreter that finds no sentry-sdk, as one without the extra."""
    hidden = watched.folder.parent / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hider:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sentry_sdk':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Hider())\n"
    )
    watched.environ["PYTHONPATH"] = str(hidden)
    log = log_of(run(watched, "--use-executor"), "bad")
    assert log.count("sentry-sdk is not installed. Install airflow-lite[sentry].") == 1
    assert "ValueError: this went wrong" in log
    assert sentry.events() == []


def test_a_server_that_does_not_answer_delays_no_end_for_long(watched, sentry):
    sentry.silence.set()
    log = log_of(run(watched, "--use-executor"), "bad")
    assert "Sentry was not told of everything (no answer within 2 s)." in log
    assert sentry.events()  # it heard, and held the line


def test_a_server_that_is_not_there_is_told_in_one_line(watched, sentry):
    watched.environ["AIRFLOW_LITE__SENTRY__SENTRY_DSN"] = f"http://{KEY}@127.0.0.1:1/42"
    log = log_of(run(watched, "--use-executor"), "bad")
    assert log.count("Sentry was not told of everything (") == 1
    assert "urllib3" not in log
    assert KEY not in log


def test_nothing_is_imported_or_reported_while_it_is_off(watched, sentry):
    watched.environ["AIRFLOW_LITE__SENTRY__SENTRY_ON"] = "False"
    watched.dag(
        "watched",
        "import sys\n"
        "from airflow_lite import DAG, PythonOperator\n"
        "def look():\n"
        "    raise SystemExit('sentry_sdk' in sys.modules and 'imported' or 'absent')\n"
        "with DAG('watched', schedule=None, start_date=None):\n"
        "    PythonOperator(task_id='look', python_callable=look)\n",
    )
    assert "SystemExit: absent" in log_of(run(watched, "--use-executor"), "look")
    assert sentry.envelopes == []


def test_an_executor_that_does_not_support_it_is_told_at_its_start(watched, sentry):
    watched.dag(
        "own",
        "from airflow_lite.executors.local import LocalExecutor\n"
        "class Own(LocalExecutor):\n"
        "    supports_sentry = False\n",
    )
    watched.environ["PYTHONPATH"] = str(watched.dags)
    with watched.scheduler("own.Own") as scheduler:
        watched.run("dags", "trigger", "watched", "--wait", exit_code=1)
    assert (
        scheduler.output().count(
            "[sentry] sentry_on is set, but nothing is reported:"
            " the Own does not support it (supports_sentry)."
        )
        == 1
    )
    assert sentry.events() == []


def test_a_task_that_was_told_to_stop_is_no_report_and_one_that_overran_is(watched, sentry):
    watched.dag(
        "watched",
        "import datetime, os, signal, time\n"
        "from airflow_lite import DAG, PythonOperator\n"
        "def stopped():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(60)\n"
        "def slow():\n"
        "    time.sleep(60)\n"
        "with DAG('watched', schedule=None, start_date=None):\n"
        "    PythonOperator(task_id='stopped', python_callable=stopped)\n"
        "    PythonOperator(task_id='slow', python_callable=slow,\n"
        "                   execution_timeout=datetime.timedelta(seconds=0.5))\n",
    )
    run(watched, "--use-executor")
    (event,) = sentry.events()
    assert event["tags"]["task_id"] == "slow"
    assert event["exception"]["values"][-1]["type"] == "AirflowTaskTimeout"


def test_an_attempt_run_by_hand_reports_too(watched, sentry):
    watched.run("dags", "trigger", "watched", "--run-id", "r")
    watched.run("tasks", "run", "watched", "bad", "r")
    (event,) = sentry.events()
    assert event["tags"]["task_id"] == "bad"


def test_what_the_page_shows_works(home, sentry):
    home.dag("watched", DAG)
    blocks = dict(re.findall(r"```(ini|python)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    config = blocks["ini"].replace("https://KEY@SENTRY_HOST/PROJECT", sentry.dsn)
    assert sentry.dsn in config
    (home.folder / "airflow_lite.cfg").write_text(config)
    (home.dags / "reports.py").write_text(blocks["python"])
    home.run("dags", "test", "watched", "--use-executor", exit_code=1)
    (event,) = [event for event in sentry.events() if "exception" in event]
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert frames
    assert not any("vars" in frame for frame in frames)
