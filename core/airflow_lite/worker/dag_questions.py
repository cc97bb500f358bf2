"""What a task may ask of other tasks, DAGs and datasets; `messages` has its other questions."""

from __future__ import annotations

from typing import Any, NamedTuple


class TriggerRun(NamedTuple):
    """Make a run of a DAG; with `resets` clear the one that there is, of this id or this date.

    Answered by its `run_id`, its `logical_us`, and whether it `is_new`. `asked_us` is when it was
    asked: a run that was queued at this very moment is the answer to the same question, of which
    nobody knew whether it was written.
    """

    dag_id: str
    asked_us: int
    logical_us: int
    run_id: str | None = None
    conf: dict[str, Any] | None = None
    resets: bool = False


class MappedCount(NamedTuple):
    """How many values the instances of a mapped task have pushed under a key in a run."""

    run_row_id: int
    task_id: str
    key: str


class MappedPage(NamedTuple):
    """Some of these values, by their places in the order of map indexes, or from the end.

    Answered by `store.xcoms.mapped_page`.
    """

    run_row_id: int
    task_id: str
    key: str
    first: int
    most: int
    is_last_first: bool = False


class DatasetEventPage(NamedTuple):
    """Events of a dataset, or of those through an alias: `store.dataset_reads.page` takes these."""

    uri: str | None
    alias: str | None
    first: int
    most: int
    is_newest_first: bool = False


class TriggeringEvents(NamedTuple):
    """The events of datasets that the run of the attempt that asks was made for."""


TaskQuestion = TriggerRun | MappedCount | MappedPage | DatasetEventPage | TriggeringEvents
