"""One look through the DAG folder, file by file."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.parsing import folder
from airflow_lite.parsing.locations import location_of, shown_path
from airflow_lite.scheduler.dag_files.pickling import ships_pickles, signer
from airflow_lite.scheduler.dag_files.secrets import StoreAnswers
from airflow_lite.security.cipher import KEY_VARIABLE as FERNET_KEY_VARIABLE
from airflow_lite.security.signing import KEY_VARIABLE
from airflow_lite.store import dags, doorbell
from airflow_lite.store.asked_secrets import stale_paths
from airflow_lite.store.dag_saving import save_results
from airflow_lite.store.faults import cause_of, is_of_rows
from airflow_lite.store.pickles import pickled_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.parsing.file import Options
    from airflow_lite.parsing.pool import FileResult
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


class DagFileProcessor:
    """One look at the files and what follows from it, for whichever thread does it."""

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        is_cancelled: Callable[[], bool] = lambda: False,
        *,
        asks_to_look: bool = False,
    ) -> None:
        self._is_cancelled = is_cancelled
        #: Whether schedulers should look at the files, too.
        self._asks_to_look = asks_to_look
        self._store = store
        self._clock = clock
        self._folder = config.getpath("core", "dags_folder")
        self._paused = config.getboolean("core", "dags_are_paused_at_creation")
        self._config = config
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
        files = self._known()
        saved = {shown_path(file.path, self._folder): file for file in files}
        changed = tuple(path for path in listing.paths if self._is_due(path, saved.get(path)))
        gone = tuple(sorted(set(saved).difference(listing.paths)))
        return Scan(changed, gone, tuple(listing.notices))

    def _known(self, locations: Sequence[str] | None = None) -> list[KnownFile]:
        """Return what is known of files; those that asked for what has changed are as changed."""
        with self._store.read() as connection:
            files = dags.known_files(connection, locations)
            stale = stale_paths(connection, files)
        return [file._replace(fingerprint="") if file.path in stale else file for file in files]

    def _is_due(self, path: str, file: KnownFile | None) -> bool:
        if file is None:
            return self._might_be_one(path)
        if self._has_changed(path, file):
            return True
        elapsed_us = self._clock.now_us() - file.parsed_us  # below 0: the clock was set back
        is_early = 0 <= elapsed_us < _RETRY_FACTOR * file.duration_us
        return file.error is not None and not is_early

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

    def _has_changed(self, path: str, file: KnownFile) -> bool:
        lacks_pickles = self._ships_pickles and file.pickled_by != self._pickled_by
        return lacks_pickles or folder.has_changed(path, file.fingerprint, self._folder)

    def changed_file_of(self, dag_id: str) -> tuple[str | None, bool]:
        """Return the file that has a DAG, if the store knows one, and whether it has changed."""
        with self._store.read() as connection:
            location = dags.file_of(connection, dag_id)
        files = self._known([location]) if location else []
        if location is None or not files:
            return None, False
        path = shown_path(location, self._folder)
        return path, self._has_changed(path, files[0])

    def process(self, paths: Sequence[str], gone: Sequence[str] = ()) -> Iterator[Saved]:
        """Parse files and save what they hold, in batches as they come; yield what was saved."""
        if not paths:
            return
        from airflow_lite.parsing.pool import parse_batches

        batches = parse_batches(
            list(paths),
            parse_options(self._config, ships_pickles=self._ships_pickles),
            environ=parse_environment(self._config),
            is_cancelled=self._is_cancelled,
            answer=StoreAnswers(self._config, self._store),
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
                warnings=tuple(dict.fromkeys((*before.warnings, *saved.warnings))),
            )

    def _save(self, results: Sequence[FileResult], gone: Sequence[str]) -> list[Saved]:
        """Save what files held; one of which the database refuses a row gets an import error."""
        try:
            return self._saved(results, gone)
        except Exception as error:
            if not is_of_rows(error):
                raise
            if len(results) > 1:
                return [saved for result in results for saved in self._save([result], gone)]
            return self._save_refusal(results[0], gone, error)

    def _save_refusal(
        self, result: FileResult, gone: Sequence[str], refusal: Exception
    ) -> list[Saved]:
        cause = f"the metadata database does not take what it holds: {cause_of(refusal)}"
        broken = replace(result, dags=(), error=cause, warnings=(), pickles={})
        try:
            return self._saved([broken], gone)
        except Exception as error:
            if not is_of_rows(error):
                raise
            # Not even its path: it is told each time that it is looked at.
            logger.error("%s cannot be saved: %s", result.path, cause_of(error))
            return []

    def _saved(self, results: Sequence[FileResult], gone: Sequence[str]) -> list[Saved]:
        sign = signer(self._config) if self._ships_pickles else None
        with self._store.begin() as connection:
            saved = save_results(
                connection,
                [replace(result, path=self._location(result.path)) for result in results],
                self._clock.now_us(),
                paused_at_creation=self._paused,
                gone=[self._location(path) for path in gone],
                sign=sign,
            )
            self._ring(connection, saved)
        return [self._shown(file) for file in saved]

    def _ring(self, connection: sa.Connection, saved: Sequence[Saved]) -> None:
        """Let schedulers, of other machines too, know what DAGs have changed."""
        changed = [dag_id for file in saved for dag_id in (*file.changed, *file.vanished)]
        if changed:
            files = {"files": True} if self._asks_to_look else {}
            doorbell.ring(connection, **files, dags=changed)

    def _location(self, path: str) -> str:
        return location_of(path, self._folder)

    def _shown(self, saved: Saved) -> Saved:
        return saved._replace(path=shown_path(saved.path, self._folder))

    def forget(self, gone: Sequence[str]) -> list[Saved]:
        """Make the DAGs of vanished files inactive; return what that changed."""
        if not gone:
            return []
        with self._store.begin() as connection:
            forgotten = dags.forget_files(connection, [self._location(path) for path in gone])
            self._ring(connection, forgotten)
        return [self._shown(file) for file in forgotten]


def parse_options(config: Config, *, ships_pickles: bool = False) -> Options:
    """Return the options that DAG files are parsed with."""
    from airflow_lite.parsing.file import Options
    from airflow_lite.plugins.authoring import authoring_hooks
    from airflow_lite.plugins.executors import executor_names

    return Options(
        timeout_s=config.getfloat("core", "dagbag_import_timeout"),
        memory_mb=config.getint("core", "dag_memory_limit_mb"),
        folder=str(config.getpath("core", "dags_folder")),
        max_pickle_bytes=config.getint("core", "max_dag_pickle_size") if ships_pickles else 0,
        executors=executor_names(config),
        authoring=authoring_hooks(config, warns=True),
    )


def parse_environment(config: Config) -> dict[str, str]:
    """Return the environment of what parses DAG files, and so runs user code: without keys."""
    environ = {**config.environ, "AIRFLOW_LITE_HOME": str(config.home)}
    for name in (KEY_VARIABLE, FERNET_KEY_VARIABLE):
        environ.pop(name, None)
    return environ
