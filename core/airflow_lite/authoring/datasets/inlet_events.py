"""Events of datasets as a task reads them: `inlet_events` and `triggering_dataset_events`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from airflow_lite.authoring.datasets.model import Dataset, DatasetAlias
from airflow_lite.authoring.datasets.outlet_events import event_key

#: Events that are asked for at once, where all are read one after the other.
_PAGE = 100


@dataclass(frozen=True)
class DatasetEvent:
    """A change of a dataset, with Airflow's names; what is of its source is None without one."""

    id: int
    dataset_id: int
    uri: str
    extra: dict[str, Any]
    timestamp: Any
    source_dag_id: str | None
    source_task_id: str | None
    source_run_id: str | None
    source_map_index: int | None
    source_dag_run: Any = None  # the run, unless it was deleted
    dataset_extra: dict[str, Any] | None = None

    @property
    def dataset(self) -> Dataset:
        """The dataset that changed."""
        return Dataset(self.uri, self.dataset_extra)


class EventPage(NamedTuple):
    """Which events of a dataset, or through an alias, to return: `most` from `first` on.

    The oldest come first, or, with `is_newest_first`, the newest.
    """

    uri: str | None
    alias: str | None
    first: int = 0
    most: int = _PAGE
    is_newest_first: bool = False


#: Returns how many events there are, and those of the page.
LookUp = Callable[[EventPage], tuple[int, list[DatasetEvent]]]


class DatasetEvents(Sequence[DatasetEvent]):
    """The events of one inlet, the oldest first; read from the store where they are asked for."""

    def __init__(self, look_up: LookUp, page: EventPage) -> None:
        self._look_up = look_up
        self._of = page

    def __len__(self) -> int:
        return self._look_up(self._of._replace(most=0))[0]

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[DatasetEvent]:
        first = 0
        while events := self._look_up(self._of._replace(first=first))[1]:
            yield from events
            first += len(events)

    @overload
    def __getitem__(self, at: int) -> DatasetEvent: ...

    @overload
    def __getitem__(self, at: slice) -> list[DatasetEvent]: ...

    def __getitem__(self, at: int | slice) -> DatasetEvent | list[DatasetEvent]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        is_from_end = at < 0
        first = -at - 1 if is_from_end else at
        page = self._of._replace(first=first, most=1, is_newest_first=is_from_end)
        events = self._look_up(page)[1]
        if not events:
            raise IndexError("list index out of range")
        return events[0]

    def __repr__(self) -> str:
        return repr(list(self))


class InletEventsAccessors(Mapping[Any, DatasetEvents]):
    """The events of a task's inlets, by dataset, alias, URI, or place among the inlets."""

    def __init__(self, inlets: list[Any], look_up: LookUp) -> None:
        self._inlets = inlets
        self._look_up = look_up

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)

    def __getitem__(self, key: int | str | Dataset | DatasetAlias) -> DatasetEvents:
        inlet = self._inlets[key] if isinstance(key, int) else self._named(key)
        if isinstance(inlet, DatasetAlias):
            return DatasetEvents(self._look_up, EventPage(None, inlet.name))
        if not isinstance(inlet, Dataset):
            raise IndexError(key)
        return DatasetEvents(self._look_up, EventPage(inlet.uri, None))

    def _named(self, key: str | Dataset | DatasetAlias) -> Dataset | DatasetAlias:
        name, kind = event_key(key), DatasetAlias if isinstance(key, DatasetAlias) else Dataset
        for inlet in self._inlets:
            if isinstance(inlet, kind) and event_key(inlet) == name:
                return inlet
        raise KeyError(name)
