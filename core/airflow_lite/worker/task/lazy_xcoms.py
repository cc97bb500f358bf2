"""What the instances of a mapped task pushed, read page by page as it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import hide_named
from airflow_lite.worker.dag_questions import MappedCount, MappedPage
from airflow_lite.worker.task.xcom import from_json

if TYPE_CHECKING:
    from airflow_lite.worker.task.store_client import StoreClient

#: Values of one page: of small ones so many come at once, of large ones fewer.
_MOST = 500


class LazyXComSelectSequence(Sequence[Any]):
    """The values of a mapped task, in the order of map indexes; the type has Airflow's name.

    It can be iterated, indexed, sliced and compared with lists. Pickled, or pushed as an XCom, it
    is a list.
    """

    def __init__(self, store: StoreClient, run_row_id: int, task_id: str, key: str) -> None:
        self._store = store
        self._source = run_row_id, task_id, key

    def __repr__(self) -> str:
        return f"LazySelectSequence([{len(self)} {'item' if len(self) == 1 else 'items'}])"

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)

    def __copy__(self) -> LazyXComSelectSequence:
        return self

    @cached_property
    def _count(self) -> int:
        return self._store.mapped_count(MappedCount(*self._source))

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return bool(self._page(0, 1)[0])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        if self is other:
            return True
        return all(ours == theirs for ours, theirs in zip_longest(self, other, fillvalue=object()))

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Any]:
        return self._values(0)

    def __reversed__(self) -> Iterator[Any]:
        return self._values(0, is_last_first=True)

    def index(self, value: Any, *bounds: int) -> int:
        """Return the place of the first that equals `value`; raise ValueError if there is none."""
        return list(self).index(value, *bounds)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self._slice(range(*key.indices(len(self))))
        if not isinstance(key, int):
            kind = type(key).__name__
            raise TypeError(f"Sequence indices must be integers or slices, not {kind}")
        place, is_last_first = (key, False) if key >= 0 else (-1 - key, True)
        texts, _ = self._page(place, 1, is_last_first=is_last_first)
        if not texts:
            raise IndexError(key)
        return self._read(texts[0])

    def _slice(self, places: range) -> list[Any]:
        if not places:
            return []
        first, last = min(places), max(places)
        values = list(self._values(first, last + 1))[:: abs(places.step)]
        return values if places.step > 0 else values[::-1]

    def _values(
        self, first: int, end: int | None = None, *, is_last_first: bool = False
    ) -> Iterator[Any]:
        """Yield those of these places, with `is_last_first` from the end, a page at a time."""
        is_last = False
        while not is_last and first != end:
            most = _MOST if end is None else min(end - first, _MOST)
            texts, is_last = self._page(first, most, is_last_first=is_last_first)
            first += len(texts)
            yield from map(self._read, texts)

    def _page(
        self, first: int, most: int, *, is_last_first: bool = False
    ) -> tuple[list[str], bool]:
        return self._store.mapped_page(MappedPage(*self._source, first, most, is_last_first))

    def _read(self, text: str) -> Any:
        value = from_json(text)
        hide_named({self._source[2]: value})
        return value
