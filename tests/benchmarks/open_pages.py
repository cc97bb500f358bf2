"""What open pages cost the web server while tasks run: a share of a core, and messages told.

    scripts/bench open_pages [--pages 200] [--rate 10] [--settle 40] [--seconds 80]

A home with LocalExecutor on SQLite, in which a DAG has a run of `--rate` tasks made each second;
beside it `airflow-lite web`, and as many pages as `--pages` says, each of which does what its
script does: it holds a stream of events, and asks for its page anew when it is told of a change.
They are the first page, and the DAG's grid, graph and runs, in turns. Processor time is that of the
server's processes alone, from /proc, over two of the spans in which each of 200 pages is told once;
the first, in which all are opened, does not count. The pages' own goes to this one, on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.store.engine import open_store
from airflow_lite.store.schema import task_instance
from benchmarks.beside_airflow import cpu_s, tree_of
from fixtures.homes import Home
from fixtures.waits import DEADLINE_S

DAG_FILE = """
from datetime import datetime, timedelta
from airflow_lite import DAG, task

with DAG("steady", schedule=timedelta(seconds=1), start_date=datetime(2024, 1, 1), catchup=False,
         is_paused_upon_creation=False):
    @task
    def nothing():
        pass

    for number in range({rate}):
        nothing.override(task_id=f"t{{number}}")()
"""
#: Path of a page -> the DAG of which it is told.
PAGES = {"/": "", "/dags/steady/grid": "steady", "/dags/steady/graph": "steady"}
PAGES["/dags/steady/runs"] = "steady"
_SAID = re.compile(r"shown only now:\n(\S+)\nServing on (\S+) ")


class Server:
    """A running `airflow-lite web`: its process, its address, and the token of its user."""

    def __init__(self, pid: int, token: str, address: str) -> None:
        parts = urlsplit(address)
        self.pid, self.host, self.port = pid, parts.hostname, parts.port
        self.head = f"HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {token}\r\n"

    async def ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask for a path; return the streams, behind the head of a good answer."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
        writer.write(f"GET {path} {self.head}connection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise SystemExit(f"{path}: {head.decode()}")
        return reader, writer

    async def get(self, path: str) -> int:
        """Read an answer to its end; return its length."""
        reader, writer = await self.ask(path)
        try:
            return len(await reader.read())
        finally:
            writer.close()


async def keep_open(server: Server, path: str, dag_id: str, counts: Counter[str]) -> None:
    """Hold the stream of a page, and ask for the page whenever it is told to."""
    reader, writer = await server.ask(f"/events?{urlencode({'dag': dag_id})}")
    try:
        async for line in reader:
            if line.startswith(b"event: change"):
                counts["messages"] += 1
                size = await server.get(path)
                counts["bytes"] += size
    finally:
        writer.close()


async def measure(server: Server, home: Home, args: argparse.Namespace) -> None:
    counts: Counter[str] = Counter()
    kinds = list(PAGES.items())
    async with asyncio.TaskGroup() as group:
        pages = [
            group.create_task(keep_open(server, *kinds[number % len(kinds)], counts))
            for number in range(args.pages)
        ]
        await asyncio.sleep(args.settle)
        counts.clear()
        ended, used, began = ended_tasks(home), cpu_s(tree_of(server.pid)), time.monotonic()
        await asyncio.sleep(args.seconds)
        taken = time.monotonic() - began
        used, ended = cpu_s(tree_of(server.pid)) - used, ended_tasks(home) - ended
        waits = [await seconds_of(server, "/") for _ in range(5)]
        for page in pages:
            page.cancel()
    print(f"{args.pages} open pages: {used / taken * 100:.1f} % of a core over {taken:.0f} s,"
          f" {ended / taken:.1f} tasks/s ended, {counts['messages'] / taken:.1f} messages/s,"
          f" {counts['bytes'] / max(counts['messages'], 1) / 1e3:.0f} kB a page,"
          f" first page in {statistics.median(waits) * 1e3:.0f} ms")  # fmt: skip


async def seconds_of(server: Server, path: str) -> float:
    began = time.perf_counter()
    await server.get(path)
    return time.perf_counter() - began


def ended_tasks(home: Home) -> int:
    query = sa.select(sa.func.count()).where(task_instance.c.state == "success")
    store = open_store(Config.load(home.environ))
    with contextlib.closing(store), store.read() as connection:
        return int(connection.execute(query).scalar_one())


@contextlib.contextmanager
def running(home: Home, *words: str, log: Path) -> Iterator[int]:
    """Run a command of the home, with its output in a file; give its process id."""
    with log.open("w") as file, home.start(*words, stdout=file, stderr=file) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(DEADLINE_S)


def said(log: Path) -> tuple[str, str]:
    """Return the token and the address that a server has told."""
    end = time.monotonic() + DEADLINE_S
    while not (found := _SAID.search(log.read_text())):
        if time.monotonic() > end:
            raise SystemExit(f"the server did not start: {log.read_text()}")
        time.sleep(0.1)
    return found[1], found[2]


def wait_for_tasks(home: Home) -> None:
    """Wait until the first tasks have ended."""
    end = time.monotonic() + DEADLINE_S
    while not ended_tasks(home):
        if time.monotonic() > end:
            raise SystemExit("no task ended")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rate", type=int, default=10, metavar="TASKS/S")
    parser.add_argument("--settle", type=float, default=40, metavar="S")
    parser.add_argument("--seconds", type=float, default=80, metavar="S")
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        home = Home(Path(folder, "home"), {"AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor"})
        home.dag("steady", DAG_FILE.format(rate=args.rate))
        home.run("db", "migrate")
        stack.enter_context(running(home, "scheduler", log=Path(folder, "scheduler.log")))
        wait_for_tasks(home)
        log = Path(folder, "web.log")
        pid = stack.enter_context(running(home, "web", "--port", "0", log=log))
        asyncio.run(measure(Server(pid, *said(log)), home, args))


if __name__ == "__main__":
    main()
