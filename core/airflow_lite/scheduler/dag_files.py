"""The DAG files: looked at now and then, parsed in child processes, saved in the store.

Looking, parsing and saving happen on a thread of their own, so that the loop never waits for them;
the store is safe to use from it. The thread lives for one pass only: idle costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import SystemClock
from airflow_lite.parsing import folder
from airflow_lite.processes import doorbell
from airflow_lite.scheduler.pickling import ships_pickles, signer
from airflow_lite.security.signing import KEY_VARIABLE
from airflow_lite.store import dags
from airflow_lite.store.pickles import pickled_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.parsing.pool import FileResult
    from airflow_lite.parsing.server import Options
    from airflow_lite.store.dags import KnownFile, Saved
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)

#: A file with an error is tried again, unchanged, after this many times what parsing it took: a
#: missing module may be there by then. So a file that hangs takes at most a twentieth of a core.
_RETRY_FACTOR = 20


class Scan(NamedTuple):
    """What a look at the folder found: files to parse, and files that are gone."""

    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class _Work:
    """One look at the files and what follows from it, for whichever thread does it."""

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_cancelled = is_cancelled
        self._store = store
        self._clock = clock
        self._folder = config.getpath("core", "dags_folder")
        self._paused = config.getboolean("core", "dags_are_paused_at_creation")
        self._config = config
        self._environ = {**config.environ, "AIRFLOW_LITE_HOME": str(config.home)}
        self._environ.pop(KEY_VARIABLE, None)  # not for what runs user code
        self._ships_pickles = ships_pickles(config)
        self._pickled_by = pickled_by(signer(config)) if self._ships_pickles else None
        #: Files that are no DAG files, by fingerprint: not read again until they change.
        self._passed_over: dict[str, str] = {}

    def scan(self) -> Scan:
        """Look at the folder; nothing of a missing folder is taken as gone."""
        try:
            listing = folder.list_files(self._folder)
        except OSError as error:
            return Scan(notices=(f"The DAG folder {self._folder}: {error.strerror}.",))
        with self._store.read() as connection:
            known = {file.path: file for file in dags.known_files(connection)}
        below = f"{self._folder}/"
        changed = tuple(path for path in listing.paths if self._is_due(path, known.get(path)))
        gone = set(known).difference(listing.paths)
        gone_here = tuple(sorted(path for path in gone if path.startswith(below)))
        return Scan(changed, gone_here, tuple(listing.notices))

    def _is_due(self, path: str, known: KnownFile | None) -> bool:
        if known is None:
            return self._might_be_one(path)
        if self._has_changed(path, known):
            return True
        elapsed_us = self._clock.now_us() - known.parsed_us  # below 0: the clock was set back
        is_early = 0 <= elapsed_us < _RETRY_FACTOR * known.duration_us
        return known.error is not None and not is_early

    def _might_be_one(self, path: str) -> bool:
        """Return whether a file has the words of a DAG file."""
        stamp = folder.fingerprint(path)
        if self._passed_over.get(path) == stamp:
            return False
        if folder.might_contain_dag(path):
            self._passed_over.pop(path, None)
            return True
        self._passed_over[path] = stamp
        return False

    def _has_changed(self, path: str, known: KnownFile) -> bool:
        lacks_pickles = self._ships_pickles and known.pickled_by != self._pickled_by
        return lacks_pickles or folder.has_changed(path, known.fingerprint)

    def changed_file_of(self, dag_id: str) -> tuple[str | None, bool]:
        """Return the file that has a DAG, if the store knows one, and whether it has changed."""
        with self._store.read() as connection:
            path = dags.file_of(connection, dag_id)
            known = dags.known_files(connection, [path]) if path else []
        if path is None or not known:
            return None, False
        return path, self._has_changed(path, known[0])

    def process(self, paths: Sequence[str], gone: Sequence[str] = ()) -> Iterator[Saved]:
        """Parse files and save what they hold, in batches as they come; yield what was saved."""
        if not paths:
            return
        from airflow_lite.parsing.pool import parse_batches

        batches = parse_batches(
            list(paths), self._options(), environ=self._environ, is_cancelled=self._is_cancelled
        )
        # A DAG may be in two files until the one that it was taken out of is saved, too.
        refused: dict[str, tuple[FileResult, Saved]] = {}
        for results in batches:
            by_path = {result.path: result for result in results}
            for saved in self._save(results, gone):
                if saved.is_refused:
                    refused[saved.path] = by_path[saved.path], saved
                else:
                    yield saved
        yield from self._save_again(refused, gone)

    def _save_again(
        self, refused: Mapping[str, tuple[FileResult, Saved]], gone: Sequence[str]
    ) -> Iterator[Saved]:
        if not refused:
            return
        results = [result for result, _ in refused.values()]
        for saved in self._save(results, gone):
            _, before = refused[saved.path]
            yield saved._replace(
                changed=(*before.changed, *saved.changed),
                vanished=(*before.vanished, *saved.vanished),
                notices=tuple(dict.fromkeys((*before.notices, *saved.notices))),
            )

    def _options(self) -> Options:
        from airflow_lite.parsing.server import Options

        return Options(
            timeout_s=self._config.getfloat("core", "dagbag_import_timeout"),
            memory_mb=self._config.getint("core", "dag_memory_limit_mb"),
            folder=str(self._folder),
            max_pickle_bytes=(
                self._config.getint("core", "max_dag_pickle_size") if self._ships_pickles else 0
            ),
        )

    def _save(self, results: list[FileResult], gone: Sequence[str]) -> list[Saved]:
        sign = signer(self._config) if self._ships_pickles else None
        with self._store.begin() as connection:
            return dags.save_results(
                connection,
                results,
                self._clock.now_us(),
                paused_at_creation=self._paused,
                gone=gone,
                sign=sign,
            )

    def forget(self, gone: Sequence[str]) -> list[Saved]:
        """Make the DAGs of vanished files inactive; return what that changed."""
        if not gone:
            return []
        with self._store.begin() as connection:
            return dags.forget_files(connection, gone)


class DagFiles:
    """The DAG files of one scheduler. Every method is for the loop's thread and returns at once.

    `wake` is called on the pass's thread when `poll` has something new.
    """

    def __init__(
        self, config: Config, store: Store, clock: Clock, *, wake: Callable[[], None] | None = None
    ) -> None:
        self._stop = threading.Event()
        self._work = _Work(config, store, clock, self._stop.is_set)
        self._clock = clock
        self._wake = wake or (lambda: None)
        self._interval_s = config.getfloat("scheduler", "min_file_process_interval")
        self._due = clock.monotonic()
        self._saved: deque[Saved] = deque()
        self._thread: threading.Thread | None = None
        self.is_busy = False  # a pass is under way
        self._noticed: set[str] = set()
        self._told_errors: dict[str, str | None] = {}  # by path: a retry seldom changes them

    def due_in_s(self) -> float:
        """Return seconds until `tick` has something to do: the longest that the loop may sleep."""
        if self.is_busy:
            return self._interval_s
        return max(self._due - self._clock.monotonic(), 0.0)

    def look_soon(self) -> None:
        """Have the next `tick` start a pass: someone said that files have changed."""
        self._due = self._clock.monotonic()

    def tick(self) -> bool:
        """Start a pass if one is due and none is under way; return whether it did."""
        if self._stop.is_set() or self.is_busy or self._clock.monotonic() < self._due:
            return False
        self._due = self._clock.monotonic() + self._interval_s
        self._thread = threading.Thread(target=self._pass, name="dag-files", daemon=True)
        self.is_busy = True
        self._thread.start()
        return True

    def poll(self) -> list[Saved]:
        """Return what was saved since the last call."""
        found = []
        while self._saved:
            found.append(self._saved.popleft())
        return found

    def close(self, timeout_s: float = 5.0) -> bool:
        """Stop the pass that is under way, with its children; return whether it ended in time."""
        self._stop.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _pass(self) -> None:
        try:
            scan = self._work.scan()
            self._notice(scan.notices)
            for saved in self._work.process(scan.changed, scan.gone):
                self._report(saved)
            if self._stop.is_set():
                return
            for saved in self._work.forget(scan.gone):
                self._report(saved)
        except Exception:
            # The store may be locked or the disk full: the next pass tries again.
            logger.exception("The DAG files could not be processed; they are looked at again.")
        finally:
            self.is_busy = False  # before the loop looks, so that it may start the next
            self._wake()

    def _notice(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line not in self._noticed:
                self._noticed.add(line)
                logger.warning("%s", line)

    def _report(self, saved: Saved) -> None:
        is_told = self._told_errors.get(saved.path) == saved.error
        log(saved._replace(error=None) if is_told else saved)
        self._told_errors[saved.path] = saved.error
        self._saved.append(saved)
        self._wake()


def log(saved: Saved) -> None:
    """Log what is new about a file: its error, and what of it has no effect."""
    if saved.error is not None:
        logger.error("%s cannot be imported: %s", saved.path, saved.error)
    for line in saved.notices:
        logger.warning("%s", line)


def process_now(
    config: Config,
    store: Store,
    dag_id: str | None = None,
    *,
    clock: Clock | None = None,
    notice: Callable[[str], None] | None = None,
) -> list[Saved]:
    """Parse and save what is new or changed, and return what was saved when all of it is.

    With `dag_id` no more is parsed than it takes to know that DAG as it is now. A scheduler that
    runs is told. `notice` is called with a line for each thing in the folder that is passed over.
    """
    work = _Work(config, store, clock or SystemClock())
    saved = list(_all_now(work, notice) if dag_id is None else _one_now(work, dag_id))
    changed = [name for one in saved for name in (*one.changed, *one.vanished)]
    if changed:
        message: dict[str, Any] = {"files": True, "dags": changed}
        doorbell.ring(config.home, **message)
    return saved


def _all_now(work: _Work, notice: Callable[[str], None] | None) -> Iterator[Saved]:
    scan = work.scan()
    if notice is not None:
        for line in scan.notices:
            notice(line)
    yield from work.process(scan.changed, scan.gone)
    yield from work.forget(scan.gone)


def _one_now(work: _Work, dag_id: str) -> Iterator[Saved]:
    path, is_changed = work.changed_file_of(dag_id)
    if path is not None and not is_changed:
        return
    scan = work.scan()
    likely = [name for name in scan.changed if name == path or _mentions(name, dag_id)]
    rest = [name for name in scan.changed if name not in set(likely)]
    for paths in (likely, rest):
        found = False
        for saved in work.process(paths, scan.gone):
            found = found or dag_id in saved.changed
            yield saved
        if found:
            break
    yield from work.forget(scan.gone)


def _mentions(path: str, dag_id: str) -> bool:
    try:
        return dag_id.encode() in folder.read_source(path)
    except (OSError, ValueError):
        return False
