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
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_lite.authoring.secrets.search import using
from airflow_lite.parsing.secrets import FileSecrets
from airflow_lite.processes.channel import encoded
from airflow_lite.processes.children import die_with_parent
from airflow_lite.processes.descriptors import left_open, open_descriptors
from airflow_lite.processes.limits import is_shortage, out_of_reach
from airflow_lite.processes.packing import receive, send
from airflow_lite.processes.proc import kill_session
from airflow_lite.secrets_masker import redact
from airflow_lite.worker.messages import (
    TO_ZYGOTE,
    AttemptForked,
    ChildOrder,
    FileParsed,
    ForkAttempt,
    ForkFailed,
    PickledDag,
    RetryPolicy,
    TaskMissing,
)
from airflow_lite.worker.task.sentry import SentrySettings
from airflow_lite.worker.zygote.generators import Generators
from airflow_lite.worker.zygote.prefork import PreforkedChild, await_order
from airflow_lite.worker.zygote.questions import HostQuestions
from airflow_lite.worker.zygote.reaper import Reaper, flush, in_child, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.processes.channel import Channel
    from airflow_lite.worker.messages import AttemptRequest, ForkZygote
    from airflow_lite.worker.task.child import TaskOutput
    from airflow_lite.worker.task.sentry import Reporter


class DagFileZygote:
    """Parses one file and forks a child for each attempt; `is_alone`: becomes the child itself.

    Where its DAG is pickled, that is the host's first message, and the path only names it.
    Where more than one attempt comes, it `preforks`.
    """

    def __init__(self, channel: Channel, order: ForkZygote, *, preforks: bool = True) -> None:
        self._channel = channel
        self._preforks = preforks
        self._order = order
        self._path = order.path
        self._dags: dict[str, Any] = {}
        self._tokens: dict[int, str] = {}
        self._output: TaskOutput | None = None
        self._reporter: Reporter | None = None
        self._preforked: PreforkedChild | None = None
        self._policies: dict[tuple[str, str], bytes] = {}  # encoded, by DAG and task
        self._reaper = Reaper()
        self._generators = Generators()

    def serve(self) -> None:
        """Parse, then fork children until the host goes away."""
        parsed = self._parse()
        send(self._channel, parsed)
        if parsed.error is not None:
            flush(self._channel)
            return
        self._prepare()
        serve(
            self._channel,
            self._reaper,
            self._hear,
            self._ended,
            patience_s=lambda: None if self._preforked is None else self._preforked.idle_left_s,
            rest=self._forget_preforked,
        )
        for pid in self._tokens:
            kill_session(pid)

    def _prepare(self) -> None:
        from airflow_lite.worker.task.child import TaskOutput
        from airflow_lite.worker.task.sentry import Reporter

        sentry = self._order.sentry
        self._output = TaskOutput()
        self._reporter = Reporter(SentrySettings(*sentry) if sentry else None)
        self._prepare_params()
        if self._preforks and not self._order.is_alone:
            self._prepare_policies()
        _flush_streams()
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

    def _prepare_policies(self) -> None:
        """Encode what is told of each fork here, once.

        What this process does between two forks copies pages of memory that its children share.
        """
        lines: dict[RetryPolicy, bytes] = {}
        for dag_id, dag in self._dags.items():
            for task_id, task in dag.task_dict.items():
                with suppress(Exception):  # an author's own class; it fails where it is run
                    policy = RetryPolicy.of(task)
                    line = lines.get(policy) or lines.setdefault(policy, encoded(policy).strip())
                    self._policies[dag_id, task_id] = line

    def _parse(self) -> FileParsed:
        from airflow_lite.parsing.errors import explain, files_of
        from airflow_lite.parsing.file import _modules
        from airflow_lite.parsing.folder import fingerprint, is_settling, with_modules

        own, modules_before = fingerprint(self._path), set(sys.modules)
        descriptors_before = open_descriptors()
        error, at_fault, was_settling = None, [self._path], is_settling([self._path])
        try:
            secrets = FileSecrets(HostQuestions(self._channel).ask)
            with self._generators.watch(), using(secrets):
                self._dags = {dag.dag_id: dag for dag in self._load()}
        except BaseException as raised:
            error = redact(explain(raised, self._path, 0))
            at_fault += files_of(raised)
        folder = self._order.folder
        files = _modules(modules_before, self._path, folder)
        self._generators.find(_of_files(set(sys.modules) - modules_before, {self._path, *files}))
        threads = [
            thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
        ]
        whole = with_modules(own, files, folder)
        return FileParsed(
            error,
            whole,
            threads,
            left_open(descriptors_before),
            was_settling or is_settling(at_fault),
        )

    def _load(self) -> list[Any]:
        from airflow_lite.parsing.authoring_hooks import call_hooks
        from airflow_lite.parsing.load import load_file

        call_hooks(self._order.authoring)
        if not self._order.is_pickled:
            return load_file(self._path)
        from airflow_lite.parsing.pickled import load

        return [load(self._pickled_dag().payload)]

    def _pickled_dag(self) -> PickledDag:
        """Wait for the host's first message; end with the host if it is gone."""
        while True:
            select.select([self._channel], [], [])
            for message in receive(self._channel, TO_ZYGOTE):
                if isinstance(message, PickledDag):  # no other comes before the file is parsed
                    return message
            if self._channel.is_closed:
                os._exit(0)

    def _hear(self) -> None:
        for message in receive(self._channel, TO_ZYGOTE):
            if isinstance(message, ForkAttempt):
                self._run(message.request)

    def _run(self, request: AttemptRequest) -> None:
        order, token = ChildOrder(request, time.monotonic()), request.token
        fds = [self._channel.fds.popleft() for _ in range(3)]
        task = self._find(request)
        if task is None:
            for fd in fds:
                os.close(fd)
            send(self._channel, TaskMissing(token))
            return
        if self._order.is_alone:
            self._tell_forked(request, os.getpid(), task)
            flush(self._channel)
            self._leave()
            self._be_child(order, fds)
        try:
            pid = self._start(order, fds)
        except OSError as error:  # no process more, for one
            send(self._channel, ForkFailed(token, str(error), is_shortage(error)))
            return
        finally:
            for fd in fds:
                os.close(fd)
        self._tokens[pid] = token
        self._tell_forked(request, pid, task)
        with suppress(OSError):  # the next attempt is forked when it comes
            self._prefork()

    def _start(self, order: ChildOrder, fds: list[int]) -> int:
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

    def _prefork(self) -> None:
        """Fork a child for the attempt after this one, where attempts come one by one.

        Where many run at once, the processors have enough to do.
        """
        if not self._preforks or len(self._tokens) > 1:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._fork(lambda: self._be_preforked(ours, theirs))
        self._preforked = PreforkedChild(pid, ours)

    def _forget_preforked(self) -> None:
        if self._preforked is not None:
            self._preforked.forget()
            self._preforked = None

    def _find(self, request: AttemptRequest) -> Any:
        dag_id, task_id, *_ = request.key
        dag = self._dags.get(dag_id)
        return None if dag is None else dag.task_dict.get(task_id)

    def _tell_forked(self, request: AttemptRequest, pid: int, task: Any) -> None:
        dag_id, task_id, *_ = request.key
        policy = self._policies.get((dag_id, task_id))
        if policy is None:
            send(self._channel, AttemptForked(request.token, pid, RetryPolicy.of(task)))
        else:
            self._channel.send_line(_FORKED % (request.token.encode(), pid, policy))

    def _begin_child(self, parent: int, act: Callable[[], None]) -> None:
        die_with_parent(parent)
        self._leave()
        act()

    def _leave(self) -> None:
        """Give up all that is the zygote's."""
        from airflow_lite.worker.task.child import become_child

        self._forget_preforked()
        self._reaper.close()
        self._channel.close()
        become_child()
        self._generators.reseed()

    def _be_preforked(self, zygote: socket.socket, end: socket.socket) -> NoReturn:
        from airflow_lite.worker.zygote.warm_up import warm_up

        zygote.close()
        assert self._output is not None  # made before the first fork
        warm_up(self._output, 1)
        self._be_child(*await_order(end))

    def _be_child(self, order: ChildOrder, fds: list[int]) -> NoReturn:
        from airflow_lite.worker.task.child import run_attempt, write_to

        host, output, log = fds
        write_to(output)
        task = self._find(order.request)
        assert self._output is not None  # made before the first fork
        assert self._reporter is not None  # the same
        run_attempt(
            order.request,
            task,
            socket.socket(fileno=out_of_reach(host)),
            out_of_reach(log),
            self._output,
            self._reporter,
            order.forked_at,
        )

    def _ended(self, pid: int, code: int) -> None:
        if self._preforked is not None and self._preforked.pid == pid:
            self._forget_preforked()
        token = self._tokens.pop(pid, None)
        if token is not None:
            self._channel.send_line(_ENDED % (token.encode(), code))


#: An `AttemptForked`, and a `ChildEnded`, as they are encoded: a token has no character that JSON
#: writes otherwise.
_FORKED = b'["AttemptForked","%b",%d,%b]\n'
_ENDED = b'["ChildEnded","%b",%d]\n'


def _of_files(names: set[str], files: set[str]) -> list[ModuleType]:
    modules = (sys.modules.get(name) for name in names)
    return [module for module in modules if getattr(module, "__file__", None) in files]  # type: ignore[misc]


def _flush_streams() -> None:
    """Let out what the file printed: a child that inherits it would write it to its task's log."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # an author's own stream, or one that is closed
            stream.flush()
