"""What a task says of the datasets that it writes: `context["outlet_events"]`, and `Metadata`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.authoring.datasets.model import Dataset, DatasetAlias, sane_uri
from airflow_lite.errors import AirflowException

if TYPE_CHECKING:
    import logging


class Metadata:
    """What a task may yield in place of `outlet_events`: the extra of a dataset's event.

    With `alias`, the dataset is linked to that alias.
    """

    def __init__(
        self,
        target: str | Dataset,
        extra: dict[str, Any],
        alias: DatasetAlias | str | None = None,
    ) -> None:
        self.uri = event_key(target)
        self.extra = extra
        self.alias_name = alias.name if isinstance(alias, DatasetAlias) else alias

    def __repr__(self) -> str:
        shown = f"uri={self.uri!r}, extra={self.extra!r}, alias_name={self.alias_name!r}"
        return f"Metadata({shown})"


class OutletEventAccessor:
    """The event of one outlet: its `extra`, and, of an alias, the datasets that it is for."""

    def __init__(self, raw_key: str | Dataset | DatasetAlias) -> None:
        self.raw_key = raw_key
        self.extra: dict[str, Any] = {}
        self.dataset_alias_events: list[dict[str, Any]] = []

    def add(self, dataset: Dataset | str, extra: dict[str, Any] | None = None) -> None:
        """Link a dataset to this alias, and let it have changed."""
        if isinstance(self.raw_key, Dataset) or not isinstance(dataset, Dataset | str):
            return
        key = self.raw_key
        self.dataset_alias_events.append(
            {
                "source_alias_name": key.name if isinstance(key, DatasetAlias) else key,
                "dest_dataset_uri": sane_uri(dataset) if isinstance(dataset, str) else dataset.uri,
                "extra": extra or {},
            }
        )


class OutletEventAccessors(Mapping[Any, OutletEventAccessor]):
    """The events of a task's outlets, by dataset, alias, or URI; asking for one makes it."""

    def __init__(self) -> None:
        self._by_key: dict[str, OutletEventAccessor] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, key: str | Dataset | DatasetAlias) -> OutletEventAccessor:
        return self._by_key.setdefault(event_key(key), OutletEventAccessor(key))

    def __repr__(self) -> str:
        return f"OutletEventAccessors(_dict={self._by_key})"


class Change(NamedTuple):
    """A change of a dataset that a task made; `aliases` are those through which it did."""

    uri: str
    extra: dict[str, Any]
    aliases: list[str]


def event_key(value: str | Dataset | DatasetAlias) -> str:
    """Return under what an event is kept: a URI, or the name of an alias."""
    if isinstance(value, DatasetAlias):
        return value.name
    return value.uri if isinstance(value, Dataset) else sane_uri(str(value))


def changes_of(outlets: list[Any], events: OutletEventAccessors) -> list[Change]:
    """Return the changes that a task with these outlets made, as Airflow 2.10 counts them.

    One of each dataset; through aliases one of each dataset and extra, whose values must be
    hashable, else `TypeError`. Outlets that are no datasets do not count.
    """
    changes: list[Change] = []
    through: dict[tuple[str, frozenset[Any]], Change] = {}
    for outlet in outlets:
        if isinstance(outlet, Dataset):
            changes.append(Change(outlet.uri, events[outlet].extra, []))
        elif isinstance(outlet, DatasetAlias):
            for event in events[outlet].dataset_alias_events:
                uri, extra = event["dest_dataset_uri"], event["extra"]
                same = through.setdefault((uri, frozenset(extra.items())), Change(uri, extra, []))
                if event["source_alias_name"] not in same.aliases:
                    same.aliases.append(event["source_alias_name"])
    return [*changes, *through.values()]


def changes_made(
    outlets: list[Any], events: OutletEventAccessors, max_bytes: int
) -> list[list[Any]] | None:
    """Return the changes of a task with these outlets as data, extras as JSON; None: no changes.

    Raises `AirflowException` for an extra that is no dict of JSON, or has more than `max_bytes`.
    """
    changes = changes_of(outlets, events) if outlets else []
    return [[uri, _text(uri, extra, max_bytes), aliases] for uri, extra, aliases in changes] or None


def _text(uri: str, extra: object, max_bytes: int) -> str:
    try:
        text = json.dumps(dict(extra))  # type: ignore[call-overload]  # whatever was made of it
    except (TypeError, ValueError, RecursionError) as error:
        raise AirflowException(
            f"The extra of an event of dataset {uri!r:.100} cannot be written as JSON: {error}."
            " Use strings, numbers, lists and dicts."
        ) from None
    if len(text) > max_bytes:
        raise AirflowException(
            f"The extra of an event of dataset {uri!r:.100} has {len(text)} bytes as JSON;"
            f" [core] max_xcom_size is {max_bytes}. Store the data elsewhere."
        )
    return text


def run_yielding(
    function: Callable[..., Any],
    events: OutletEventAccessors | None,
    log: logging.Logger,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call a function; of a generator function, take the `Metadata` that it yields.

    Returns what it returns.
    """
    if events is None or not inspect.isgeneratorfunction(function):
        return function(*args, **kwargs)
    generator = function(*args, **kwargs)
    while True:
        try:
            metadata = next(generator)
        except StopIteration as end:
            return end.value
        if not isinstance(metadata, Metadata):
            log.warning("Ignoring unknown data of %r received from task", type(metadata))
            continue
        events[metadata.uri].extra.update(metadata.extra)
        if metadata.alias_name:
            events[metadata.alias_name].add(metadata.uri, extra=metadata.extra)
