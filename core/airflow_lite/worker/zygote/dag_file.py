"""The process that parses one DAG file and forks a child for each attempt of its tasks."""

from __future__ import annotations

import gc
import os
import select
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_lite.processes.children import die_with_parent
from airflow_lite.processes.proc import kill_session
from airflow_lite.worker.messages import AttemptRequest, RetryPolicy
from airflow_lite.worker.task.child import out_of_reach
from airflow_lite.worker.task.sentry import SentrySettings
from airflow_lite.worker.zygote.prefork import PreforkedChild, await_order
from airflow_lite.worker.zygote.reaper import Reaper, flush, in_child, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.processes.channel import Channel
    from airflow_lite.worker.task.child import TaskOutput
    from airflow_lite.worker.task.sentry import Reporter


class DagFileZygote:
    """Parses one file and forks a child for each attempt; `alone`: becomes the child itself.

    `order` is what `Zygotes.start` sends. Where its DAG is pickled, that is the host's first
    message, and the path only names it.
    """

    def __init__(self, channel: Channel, order: dict[str, Any]) -> None:
        self._channel = channel
        self._path: str = order["path"]
        self._folder: str = order["folder"]
        self._alone: bool = order["alone"]
        self._pickled: bool = order["pickled"]
        self._sentry = SentrySettings(*order["sentry"]) if order["sentry"] else None
        self._dags: dict[str, Any] = {}
        self._tokens: dict[int, str] = {}
        self._output: TaskOutput | None = None
        self._reporter: Reporter | None = None
        self._preforked: PreforkedChild | None = None
        self._reaper = Reaper()

    def serve(self) -> None:
        """Parse, then fork children until the host goes away."""
        verdict = self._parse()
        self._channel.send({"parsed": verdict})
        if verdict["error"] is not None:
            flush(self._channel)
            return
        self._prepare()
        serve(
            self._channel,
            self._reaper,
            self._run,
            self._ended,
            patience_s=lambda: None if self._preforked is None else self._preforked.idle_left_s,
            rest=self._forget_spare,
        )
        for pid in self._tokens:
            kill_session(pid)

    def _prepare(self) -> None:
        from airflow_lite.worker.task.child import TaskOutput
        from airflow_lite.worker.task.sentry import Reporter

        self._output = TaskOutput()
        self._reporter = Reporter(self._sentry)
        self._prepare_params()
        self._reaper.arm()
        self._reaper.deafen()
        gc.collect()
        gc.freeze()

    def _prepare_params(self) -> None:
        """Import here, once, what checks params; a child that imports is a slow child."""
        with suppress(Exception):  # an author's own class of DAGs; the tasks tell
            for dag in self._dags.values():
                for owner in (dag, *dag.tasks):
                    owner.params.prepare()

    def _parse(self) -> dict[str, Any]:
        from airflow_lite.parsing.errors import explain
        from airflow_lite.parsing.file import _modules
        from airflow_lite.parsing.folder import fingerprint, with_modules

        own, known = fingerprint(self._path), set(sys.modules)
        error = None
        try:
            self._dags = {dag.dag_id: dag for dag in self._load()}
        except BaseException as raised:
            error = explain(raised, self._path, 0)
        found = with_modules(own, _modules(known, self._path, self._folder))
        threads = [
            thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
        ]
        return {"error": error, "fingerprint": found, "threads": threads}

    def _load(self) -> list[Any]:
        from airflow_lite.parsing.load import load_file

        if not self._pickled:
            return load_file(self._path)
        from base64 import b64decode

        from airflow_lite.parsing.pickled import load

        return [load(b64decode(self._first_message()["dag"]))]

    def _first_message(self) -> dict[str, Any]:
        """Wait for the host's first message; end with it if it is gone."""
        while True:
            select.select([self._channel], [], [])
            for message in self._channel.receive():
                return message  # it sends no other before it is answered
            if self._channel.is_closed:
                os._exit(0)

    def _run(self, message: dict[str, Any]) -> None:
        run = message["run"]
        dag_id, task_id, *_, token = run["key"]
        order = {"run": run, "forked_at": time.monotonic()}
        fds = [self._channel.fds.popleft() for _ in range(3)]
        task = self._find(dag_id, task_id)
        if task is None:
            for fd in fds:
                os.close(fd)
            self._channel.send({"missing": token})
            return
        if self._alone:
            self._told(token, os.getpid(), task)
            flush(self._channel)
            self._leave()
            self._be_child(order, fds)
        try:
            pid = self._start(order, fds)
        except OSError as error:  # no process more, for one
            self._channel.send({"unforked": token, "error": str(error)})
            return
        finally:
            for fd in fds:
                os.close(fd)
        self._tokens[pid] = token
        self._told(token, pid, task)
        with suppress(OSError):  # the next attempt is forked when it comes
            self._keep_spare()

    def _start(self, order: dict[str, Any], fds: list[int]) -> int:
        """Have the attempt run by the preforked child, else by a new child; return the process."""
        preforked, self._preforked = self._preforked, None
        if preforked is not None:
            preforked.hand_over(order, fds)
            return preforked.pid
        return self._fork(lambda: self._be_child(order, fds))

    def _fork(self, act: Callable[[], None]) -> int:
        parent = os.getpid()
        pid = self._reaper.fork()
        if pid == 0:
            in_child(lambda: self._begin_child(parent, act))
        return pid

    def _keep_spare(self) -> None:
        """Fork a child for the attempt after this one, where attempts come one by one.

        Where many run at once, the processors have enough to do.
        """
        if len(self._tokens) > 1:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._fork(lambda: self._be_spare(ours, theirs))
        self._preforked = PreforkedChild(pid, ours)

    def _forget_spare(self) -> None:
        if self._preforked is not None:
            self._preforked.forget()
            self._preforked = None

    def _find(self, dag_id: str, task_id: str) -> Any:
        dag = self._dags.get(dag_id)
        return None if dag is None else dag.task_dict.get(task_id)

    def _told(self, token: str, pid: int, task: Any) -> None:
        self._channel.send({"forked": token, "pid": pid, "policy": RetryPolicy.of(task)})

    def _begin_child(self, parent: int, act: Callable[[], None]) -> None:
        die_with_parent(parent)
        self._leave()
        act()

    def _leave(self) -> None:
        """Give up all that is the zygote's."""
        from airflow_lite.worker.task.child import become_child

        self._forget_spare()
        self._reaper.close()
        self._channel.close()
        become_child()

    def _be_spare(self, zygote: socket.socket, end: socket.socket) -> NoReturn:
        from airflow_lite.worker.zygote.warm_up import warm_up

        zygote.close()
        assert self._output is not None  # made before the first fork
        warm_up(self._output, 1)
        self._be_child(*await_order(end))

    def _be_child(self, order: dict[str, Any], fds: list[int]) -> NoReturn:
        from airflow_lite.worker.task.child import run_attempt, write_to

        request = AttemptRequest.from_message(order["run"])
        host, output, log = fds
        write_to(output)
        task = self._find(request.key[0], request.key[1])
        assert self._output is not None  # made before the first fork
        assert self._reporter is not None  # the same
        run_attempt(
            request,
            task,
            socket.socket(fileno=out_of_reach(host)),
            out_of_reach(log),
            self._output,
            self._reporter,
            order["forked_at"],
        )

    def _ended(self, pid: int, code: int) -> None:
        if self._preforked is not None and self._preforked.pid == pid:
            self._forget_spare()
        token = self._tokens.pop(pid, None)
        if token is not None:
            self._channel.send({"ended": token, "code": code})
