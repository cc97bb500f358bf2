"""DAG files processed at once, for a command that cannot wait for the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.clock import SystemClock
from airflow_lite.parsing.folder import mentions
from airflow_lite.scheduler.dag_files.scan import DagFileProcessor, parse_environment, parse_options
from airflow_lite.scheduler.dag_files.secrets import StoreAnswers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.parsing.pool import FileResult
    from airflow_lite.store.dags import Saved
    from airflow_lite.store.engine import Store


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
    work = DagFileProcessor(config, store, clock or SystemClock(), asks_to_look=True)
    return list(_all_now(work, notice) if dag_id is None else _one_now(work, dag_id))


def parse_now(config: Config, paths: Iterable[str]) -> list[FileResult]:
    """Parse these files as the scheduler does, and save nothing."""
    from airflow_lite.parsing.pool import parse_batches

    options, environ = parse_options(config), parse_environment(config)
    answers = StoreAnswers(config)
    try:
        batches = parse_batches(list(paths), options, environ=environ, answer=answers)
        return [result for results in batches for result in results]
    finally:
        answers.close()


def _all_now(work: DagFileProcessor, notice: Callable[[str], None] | None) -> Iterator[Saved]:
    scan = work.scan()
    if notice is not None:
        for line in scan.notices:
            notice(line)
    yield from work.process(scan.changed, scan.gone)
    yield from work.forget(scan.gone)


def _one_now(work: DagFileProcessor, dag_id: str) -> Iterator[Saved]:
    path, is_changed = work.changed_file_of(dag_id)
    if path is not None and not is_changed:
        return
    scan = work.scan()
    likely = [name for name in scan.changed if name == path or mentions(name, dag_id)]
    rest = [name for name in scan.changed if name not in set(likely)]
    for paths in (likely, rest):
        is_saved = False
        for saved in work.process(paths, scan.gone):
            is_saved = is_saved or dag_id in saved.changed
            yield saved
        if is_saved:
            break
    yield from work.forget(scan.gone)
