"""The server sleeps while nobody asks: its child ends, and the next connection has another."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_lite_testing.proxy import free_port
from airflow_lite_web import connections
from airflow_lite_web.access.limiter import WINDOW_S, Limiter
from airflow_lite_web.access.users import Role
from airflow_lite_web.listening import address_of, listen
from airflow_lite_web.server import make_server
from airflow_lite_web.settings import read_settings
from fixtures.certificates import authority  # noqa: F401 - a fixture
from fixtures.processes import children_of, is_gone, processes_of
from fixtures.waits import DEADLINE_S, wait_until

_SAID = re.compile(r"shown only now:\n(\S+)\nServing on (\S+)/ ")
#: What serving needs, and who sleeps does not.
HEAVY = {"asyncio", "sqlalchemy", "ssl", "starlette", "uvicorn", "jinja2", "jwt", "anyio"}


class Answer(NamedTuple):
    status: int
    headers: Message
    text: str


class Served:
    """A running `airflow-lite web`, and what it has said."""

    def __init__(self, process, log):
        self.process = process
        self.log = log
        found = wait_until(lambda: _SAID.search(self.said) or self._ended(), "the address")
        self.token, self.address = found.groups()

    def _ended(self):
        assert self.process.poll() is None, self.said

    @property
    def said(self):
        return self.log.read_text()

    @property
    def child(self):
        """The process that serves; None while it sleeps."""
        return next(iter(children_of(self.process.pid)), None)

    def fall_asleep(self):
        wait_until(lambda: self.child is None, "the server to sleep")
        assert self.process.poll() is None, self.said

    def ask(self, path="/health", method="GET", body=None, context=None, **headers):
        place = urlsplit(self.address)
        kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
        options = {"context": context} if context else {}
        client = kind(place.hostname, place.port, timeout=DEADLINE_S, **options)
        try:
            client.request(method, path, body, headers)
            answer = client.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            client.close()


@contextmanager
def served(home, *words, sleep_after_s="0.2", **options):
    home.environ["AIRFLOW_LITE__WEB__SLEEP_AFTER_S"] = sleep_after_s
    log = home.folder / "web.out"
    with (
        log.open("wb") as file,
        home.start("web", "--port", "0", *words, stderr=file, **options) as process,
    ):
        try:
            yield Served(process, log)
        finally:
            process.kill()
    wait_until(lambda: not processes_of(home.folder), "all of it to be gone")


def test_it_sleeps_when_nobody_asks_and_no_request_is_lost(home):
    crowd = 8
    with served(home) as server, ThreadPoolExecutor(crowd) as pool:
        for _ in range(3):
            server.fall_asleep()
            answers = [pool.submit(server.ask) for _ in range(crowd)]
            assert [answer.result().status for answer in answers] == [200] * crowd
        assert server.said.count("\n") <= 4  # of waking nobody has to be told


def test_who_connects_as_it_falls_asleep_is_answered(home):
    with served(home, sleep_after_s="0.01") as server, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(server.ask) for _ in range(60)]
        assert {answer.result().status for answer in answers} == {200}


def test_a_session_and_the_token_of_its_forms_outlive_its_sleep(home):
    form = {"content-type": "application/x-www-form-urlencoded"}
    with served(home) as server:
        body = urlencode({"token": server.token})
        cookie = server.ask("/login", "POST", body, **form).headers["set-cookie"].partition(";")[0]
        page = server.ask("/pools", cookie=cookie)
        (token,) = re.findall(r'name="form_token" value="(\w+)"', page.text)[:1]
        server.fall_asleep()

        body = urlencode({"form_token": token, "name": "of_before", "slots": "3"})
        answer = server.ask("/pools/set", "POST", body, cookie=cookie, **form)

        assert answer.status == 303
        assert "of_before" in server.ask("/pools", cookie=cookie).text


@pytest.mark.parametrize("is_asleep", [True, False], ids=["asleep", "awake"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_awake_or_asleep(home, is_asleep, number, code):
    def heed():  # whatever these tests were started by
        signal.signal(number, signal.SIG_DFL)

    after_s = "0.2" if is_asleep else "600"
    with served(home, sleep_after_s=after_s, preexec_fn=heed) as server:
        if is_asleep:
            server.fall_asleep()
        else:
            assert server.ask().status == 200
        server.process.send_signal(number)
        assert server.process.wait(DEADLINE_S) == code
        assert not processes_of(home.folder)


def test_who_ignores_the_end_of_the_terminal_goes_on(home):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with served(home, preexec_fn=ignore) as server:
        server.fall_asleep()
        server.process.send_signal(signal.SIGHUP)
        assert server.ask().status == 200
        server.process.send_signal(signal.SIGHUP)
        assert server.ask().status == 200


def test_a_server_that_is_killed_ends_the_command_which_says_so(home):
    with served(home, sleep_after_s="600") as server:
        os.kill(server.child, signal.SIGKILL)
        assert server.process.wait(DEADLINE_S) == 128 + signal.SIGKILL
        assert server.said.endswith("The web server was ended by SIGKILL.\n")


def test_a_server_ends_with_the_command_that_is_killed(home):
    with served(home, sleep_after_s="600") as server:
        child = server.child
        server.process.kill()
        wait_until(lambda: is_gone(child), "the server to be gone")


def test_a_database_that_cannot_be_used_when_it_wakes_is_waited_for(home):
    database = home.folder / "airflow_lite.db"
    with served(home) as server, ThreadPoolExecutor(1) as pool:
        server.fall_asleep()
        database.chmod(0o666)  # which is refused: others might write there
        answer = pool.submit(server.ask)
        wait_until(lambda: "It is tried again in 1 s" in server.said, "the first try")
        database.chmod(0o600)
        assert answer.result().status == 200
        assert "The web server ended with exit code 1. It is tried" in server.said


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("WEB__TLS_CERTIFICATE", "/dev/null/none", "[web] tls_certificate and tls_key cannot be"),
        ("WEB__SLEEP_AFTER_S", "-1", "[web] sleep_after_s is -1. Make it from 0 to 86400; 0:"),
        (
            "DATABASE__SQL_ALCHEMY_CONN",
            "sqlite://",
            "[database] sql_alchemy_conn = 'sqlite://' names",
        ),
    ],
)
def test_a_mistake_ends_the_command_as_it_begins(home, setting, value, message):
    home.environ[f"AIRFLOW_LITE__{setting}"] = value
    home.environ["AIRFLOW_LITE__WEB__TLS_KEY"] = value if "TLS" in setting else ""

    done = home.run("web", "--port", "0", exit_code=1)

    *_, line = done.stderr.splitlines()
    assert line.startswith(f"airflow-lite: error: {message}")


def test_without_a_time_to_sleep_after_it_is_one_process(home):
    with served(home, sleep_after_s="0") as server:
        assert server.ask().status == 200
        assert server.child is None
        server.process.terminate()
        assert server.process.wait(DEADLINE_S) == 0


def test_it_wakes_for_a_connection_with_tls(home, authority):  # noqa: F811 - the fixture
    authority.sign("web", "IP:127.0.0.1")
    for name, file in (("certificate", "web.pem"), ("key", "web.key")):
        home.environ[f"AIRFLOW_LITE__WEB__TLS_{name.upper()}"] = str(authority.folder / file)
    context = ssl.create_default_context(cafile=authority.folder / "ca.pem")
    with served(home) as server:
        for _ in range(2):
            server.fall_asleep()
            assert server.ask(context=context).status == 200


def test_it_sleeps_in_standalone_and_ends_with_it(home):
    port = free_port()
    home.environ["AIRFLOW_LITE__WEB__PORT"] = str(port)
    home.environ["AIRFLOW_LITE__WEB__SLEEP_AFTER_S"] = "0.2"
    log = home.folder / "standalone.out"

    def is_asleep():
        return sum(" web serve" in found.command for found in processes_of(home.folder)) == 1

    with log.open("wb") as file:
        process = home.start("standalone", stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "Serving on" in log.read_text(), "the web server")
            for _ in range(2):
                wait_until(is_asleep, "the web server to sleep")
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
                client.request("GET", "/health")
                assert client.getresponse().status == 200
                client.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE_S) == 0, log.read_text()
        finally:
            process.kill()
    wait_until(lambda: not processes_of(home.folder), "all of it to be gone")


def test_who_sleeps_has_imported_nothing_of_what_serving_needs(home):
    """A port that is taken is told when all that the sleeper needs is there, and nothing else."""
    code = (
        "import sys; from airflow_lite.cli.main import run; code = run(sys.argv[1:]);"
        " import airflow_lite_web.socket_activation;"
        " print(code, *sys.modules)"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", code, "web", "--port", port],
            env=home.environ,
            capture_output=True,
            text=True,
            check=True,
        )
    exit_code, *modules = done.stdout.split()
    assert exit_code == "1"
    assert "airflow_lite_web.listening" in modules
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    assert "airflow_lite.store" not in modules


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@contextmanager
def dozing(web, clock):
    """Serve in a thread, by a server that sleeps at once; give the thread, address and limiter."""
    settings = read_settings(web.config, port=0)._replace(sleep_after_s=0.01)
    limiter = Limiter(clock)
    with listen(settings) as listener:
        server = make_server(web.app, settings, limiter)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        try:
            yield server, thread, address_of(settings, listener), limiter
        finally:
            server.should_exit = True
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


def stays_awake(server, thread):
    """Let the server look often enough whether it may sleep."""
    before = server.looks
    wait_until(lambda: server.looks > before + 5 or not thread.is_alive(), "looks of the server")
    return thread.is_alive()


@pytest.fixture
def looked_at(monkeypatch):
    """Count how often a server has looked whether it may sleep."""
    on_tick = connections.Server.on_tick
    monkeypatch.setattr(connections.Server, "looks", 0, raising=False)

    async def counted(self, counter):
        self.looks += 1
        return await on_tick(self, counter)

    monkeypatch.setattr(connections.Server, "on_tick", counted)


@pytest.mark.usefixtures("looked_at")
def test_it_stays_awake_until_no_failed_sign_in_counts_any_more(web):
    clock = Clock()
    with dozing(web, clock) as (server, thread, _, limiter):
        limiter.fail("10.0.0.9")
        thread.start()
        assert stays_awake(server, thread)
        clock.now += WINDOW_S
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@pytest.mark.usefixtures("looked_at")
def test_a_live_page_keeps_it_awake_and_an_idle_connection_does_for_a_while(web, monkeypatch):
    monkeypatch.setattr(connections, "WAIT_S", 1.0)
    with dozing(web, Clock()) as (server, thread, address, _):
        place = urlsplit(address)
        live, idle = (
            http.client.HTTPConnection(place.hostname, place.port, timeout=DEADLINE_S)
            for _ in range(2)
        )
        live.connect()
        idle.connect()
        live.request(
            "GET", "/events", headers={"authorization": f"Bearer {web.tokens[Role.VIEWER]}"}
        )
        idle.request("GET", "/health")
        thread.start()
        stream = live.getresponse()
        assert stream.readline() == b"retry: 3000\n"
        idle.getresponse().read()
        assert idle.sock.recv(1) == b""  # it was closed, as time went by
        assert stays_awake(server, thread)
        stream.close()
        live.close()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        idle.close()
