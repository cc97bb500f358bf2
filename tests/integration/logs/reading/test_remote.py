"""Reading the log of a try that ran on another machine: here, another home with its own folder."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.reading import remote
from airflow_lite.logs.reading.task_log import task_log
from airflow_lite.store import schema
from airflow_lite.worker.task_log.paths import open_for_writing
from fixtures.waits import DEADLINE_S

SECRET = "shared by all machines of a test"
DAG = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def say():
    print("said there")

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="says", python_callable=say)
"""


class Machines:
    """A machine `127.0.0.1` on which task `says` ran, and another, whose configuration `here` is."""

    def __init__(self, hosted, folder, port):
        self.hosted = hosted
        self.key = TaskInstanceKey("hosted", "says", "run")
        self.worker_logs = hosted.home.folder / "logs"
        self.folder = folder / "here"
        self.options = {
            "logging": {"worker_log_server_port": str(port)},
            "webserver": {"secret_key": SECRET},
            "database": {"sql_alchemy_conn": str(hosted.store.engine.url)},
            "core": {"hostname": "here"},
        }

    @property
    def here(self):
        return Config(self.folder, file=self.options)

    def lines(self, **options):
        blocks = task_log(self.here, "hosted", "says", "run", 1, **options)
        return "\n".join(blocks).split("\n")

    def update(self, table, **values):
        with self.hosted.store.begin() as connection:
            connection.execute(table.update().values(**values))


@pytest.fixture
def machines(make_hosted, make_served, tmp_path):
    """Two machines; the logs of the one are served."""
    hosted = make_hosted(DAG, AIRFLOW_LITE__CORE__HOSTNAME="127.0.0.1")
    hosted.start()
    assert hosted.finish("says").state == "success"
    served = make_served(base_log_folder=str(hosted.home.folder / "logs"), secret=SECRET)
    assert served.ask(served.token())[0] == 404  # its own log is elsewhere; the server has begun
    return Machines(hosted, tmp_path, served.port)


def test_a_try_that_ran_elsewhere_is_read_there(machines):
    assert any(line.endswith("said there") for line in machines.lines())


def test_bytes_that_are_no_text_are_replaced_by_the_reader(machines):
    with open(open_for_writing(machines.worker_logs, machines.key), "ab") as file:
        file.write(b"tw\xff\nrest")

    assert machines.lines()[-2:] == ["tw\ufffd", "rest"]


def test_a_log_that_is_here_too_is_read_here(machines):
    with open(open_for_writing(machines.folder / "logs", machines.key), "wb") as file:
        file.write(b"in a shared folder\n")

    assert machines.lines() == ["in a shared folder"]


def test_what_ran_here_and_elsewhere_says_what_may_be_missing(machines):
    with open(open_for_writing(machines.folder / "logs", machines.key), "wb") as file:
        file.write(b"ran here\n")
    with machines.hosted.store.begin() as connection:
        row = connection.execute(schema.attempt.select()).mappings().one()
        again = {**row, "token": "f" * 32, "hostname": "here", "claimed_us": row["claimed_us"] + 1}
        connection.execute(schema.attempt.insert().values(again))

    assert machines.lines() == [
        "ran here",
        "*** Part of this try ran on 127.0.0.1: its lines are above only if the log folder is shared.",
    ]


def trouble(machines):
    """Return what is told in place of the log."""
    (line,) = machines.lines()
    before, _, reason = line.partition(": ")
    assert before == "*** The log on 127.0.0.1 could not be read"
    return reason


def test_a_machine_that_does_not_serve_is_a_line(machines):
    with socket.create_server(("127.0.0.1", 0)) as free:
        machines.options["logging"]["worker_log_server_port"] = str(free.getsockname()[1])

    assert trouble(machines) == "[Errno 111] Connection refused."


def test_another_secret_is_a_line_that_says_so(machines):
    machines.options["webserver"]["secret_key"] = "some other secret"

    assert trouble(machines).startswith(
        "its log server refused. [webserver] secret_key must be the same there and here"
    )


def test_a_secret_that_cannot_be_used_is_a_line(machines):
    machines.options["webserver"]["secret_key"] = "short"

    assert trouble(machines).startswith(
        "[webserver] secret_key has 5 characters. Make it at least 16: "
    )


def test_a_log_that_is_not_there_either_is_told(machines):
    for file in machines.worker_logs.rglob("*.log"):
        file.unlink()

    (line,) = machines.lines()
    assert line.startswith("*** There is no log file ")
    assert line.endswith("attempt=1.log, nor on 127.0.0.1.")


def test_an_empty_log_there_is_told(machines):
    for file in machines.worker_logs.rglob("*.log"):
        file.write_bytes(b"")

    assert machines.lines() == ["*** The log file on 127.0.0.1 is empty. Is its disk full?"]


@pytest.mark.parametrize("name", ["a b", "x\r\nX-More: 1", "user@machine", "machine/path", ""])
def test_a_machine_s_name_that_is_none_is_not_connected_to(machines, name):
    machines.update(schema.attempt, hostname=name)

    (line,) = machines.lines()
    assert line.startswith(" ".join(f"*** The log on {name}".split()))
    assert line.endswith(" could not be read: this is not a valid host name.")


@contextmanager
def answering(answer):
    """Answer whoever connects with these bytes, and leave them waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                if answer:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(DEADLINE_S)
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "timed out."),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 9\r\n\r\n", "timed out."),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            "the log server answered with HTTP status 302.",
        ),
        (
            b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
            "the log server answered with HTTP status 500.",
        ),
        (b"what?\r\n\r\n", "what?."),
    ],
)
def test_a_machine_that_answers_anything_else_is_a_line(machines, monkeypatch, answer, reason):
    if reason == "timed out.":
        monkeypatch.setattr(remote, "TIMEOUT_S", 0.3)
    with answering(answer) as port:
        machines.options["logging"]["worker_log_server_port"] = str(port)

        assert trouble(machines) == reason


def test_what_is_left_of_an_answer_that_breaks_off_is_shown(machines, monkeypatch):
    monkeypatch.setattr(remote, "TIMEOUT_S", 2.0)
    with answering(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 99\r\n\r\none\ntw") as port:
        machines.options["logging"]["worker_log_server_port"] = str(port)

        assert machines.lines() == [
            "one",
            "*** The log on 127.0.0.1 could not be read: timed out.",
            "tw",
        ]


def test_a_log_elsewhere_is_followed_to_its_end(machines):
    machines.update(schema.task_instance, state="running")
    blocks = task_log(machines.here, "hosted", "says", "run", 1, follow=True)
    while "said there" not in next(blocks):
        pass
    with open(open_for_writing(machines.worker_logs, machines.key), "ab") as file:
        file.write(b"and more\n")
    while (block := next(blocks)) != "and more":
        assert "***" not in block

    machines.update(schema.task_instance, state="success")
    assert list(blocks) == []


def test_a_machine_that_goes_away_is_told_once_while_its_log_is_followed(machines, monkeypatch):
    looks = []

    def look(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            machines.update(schema.task_instance, state="success")

    with socket.create_server(("127.0.0.1", 0)) as free:
        machines.options["logging"]["worker_log_server_port"] = str(free.getsockname()[1])
    machines.update(schema.task_instance, state="running")
    monkeypatch.setattr("airflow_lite.logs.reading.task_log.time.sleep", look)

    assert machines.lines(follow=True) == [
        "*** The log on 127.0.0.1 could not be read: [Errno 111] Connection refused."
    ]
    assert len(looks) >= 3
