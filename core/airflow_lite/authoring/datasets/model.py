"""Dataset: a name of data that tasks write, and that DAGs wait for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from airflow_lite.spec import datasets
from airflow_lite.spec.datasets import MOST_BYTES
from airflow_lite.text import is_storable, shortened


class BaseDataset:
    """What a DAG's `schedule` may wait for: `|` means any of two, `&` both."""

    def __bool__(self) -> bool:
        return True

    def __or__(self, other: object) -> BaseDataset:
        return DatasetAny(self, other) if isinstance(other, BaseDataset) else NotImplemented

    def __and__(self, other: object) -> BaseDataset:
        return DatasetAll(self, other) if isinstance(other, BaseDataset) else NotImplemented

    def as_expression(self) -> Any:
        """Return it as data: see `spec.datasets`."""
        raise NotImplementedError

    def evaluate(self, statuses: dict[str, bool]) -> bool:
        """Tell whether it is met where the URIs with a true status have changed."""
        changed = {uri for uri, has_changed in statuses.items() if has_changed}
        return datasets.is_met(self.as_expression(), changed, {})

    def iter_datasets(self) -> Iterator[tuple[str, Dataset]]:
        """Yield URI and dataset of each dataset in it, once."""
        return iter(())

    def iter_dataset_aliases(self) -> Iterator[DatasetAlias]:
        """Yield the aliases in it."""
        return iter(())


class Dataset(BaseDataset, os.PathLike[str]):
    """A name of data, in the form of a URI; two of one URI are the same dataset.

    Nothing looks at what the URI points to. `extra` is a dict for people, which JSON must hold.
    Raises `ValueError` for what cannot be one.
    """

    __version__: ClassVar[int] = 1

    def __init__(self, uri: str, extra: dict[str, Any] | None = None) -> None:
        self.uri = sane_uri(uri)
        self.extra = extra

    def __fspath__(self) -> str:
        return self.uri

    def __eq__(self, other: object) -> bool:
        return self.uri == other.uri if isinstance(other, Dataset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.uri)

    def __repr__(self) -> str:
        return f"Dataset(uri={self.uri!r}, extra={self.extra!r})"

    def as_expression(self) -> Any:
        """Return the URI."""
        return self.uri

    def iter_datasets(self) -> Iterator[tuple[str, Dataset]]:
        """Yield itself."""
        yield self.uri, self


class DatasetAlias(BaseDataset):
    """A name for datasets that are known only when a task runs, which links them to it."""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"The name of a DatasetAlias must be a string; got {name!r:.100}.")
        _check_length("The name of a DatasetAlias", name)
        self.name = name

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, DatasetAlias) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"DatasetAlias(name={self.name!r})"

    def as_expression(self) -> Any:
        """Return it by its name."""
        return {"alias": self.name}

    def iter_dataset_aliases(self) -> Iterator[DatasetAlias]:
        """Yield itself."""
        yield self


class _Combined(BaseDataset):
    word: ClassVar[str]

    def __init__(self, *objects: BaseDataset) -> None:
        if not all(isinstance(item, BaseDataset) for item in objects):
            raise TypeError("expect dataset expressions in condition")
        self.objects = list(objects)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.objects))})"

    def as_expression(self) -> Any:
        """Return its parts, below the word that says how many of them must have changed."""
        return {self.word: [item.as_expression() for item in self.objects]}

    def iter_datasets(self) -> Iterator[tuple[str, Dataset]]:
        """Yield URI and dataset of each dataset in it, once."""
        found: dict[str, Dataset] = {}
        for item in self.objects:
            for uri, dataset in item.iter_datasets():
                found.setdefault(uri, dataset)
        return iter(found.items())

    def iter_dataset_aliases(self) -> Iterator[DatasetAlias]:
        """Yield the aliases in it."""
        for item in self.objects:
            yield from item.iter_dataset_aliases()


class DatasetAny(_Combined):
    """Met when any of its parts is."""

    word = "any"

    def __or__(self, other: object) -> BaseDataset:
        if not isinstance(other, BaseDataset):
            return NotImplemented
        return DatasetAny(*self.objects, other)


class DatasetAll(_Combined):
    """Met when all of its parts are."""

    word = "all"

    def __and__(self, other: object) -> BaseDataset:
        if not isinstance(other, BaseDataset):
            return NotImplemented
        return DatasetAll(*self.objects, other)


def condition_of(value: object) -> BaseDataset | None:
    """Return what a `schedule` of datasets waits for; None if it is none; raise `ValueError`."""
    if isinstance(value, BaseDataset):
        return value
    if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
        return None
    parts = list(value)
    if not all(isinstance(part, Dataset | DatasetAlias) for part in parts):
        raise ValueError("All elements in 'schedule' should be datasets or dataset aliases")
    return DatasetAll(*parts)


def sane_uri(uri: object) -> str:
    """Return a URI as Airflow 2.10 writes it; raise `ValueError` where it takes none such.

    What looks like none is kept as it is, and so is one whose scheme begins with `x-`.
    """
    text = os.fspath(uri) if isinstance(uri, os.PathLike) else uri
    if not isinstance(text, str):
        raise TypeError(f"The URI of a Dataset must be a string; got {uri!r:.100}.")
    if not text:
        raise ValueError("Dataset URI cannot be empty")
    if text.isspace():
        raise ValueError("Dataset URI cannot be just whitespace")
    if not text.isascii():
        raise ValueError("Dataset URI must only consist of ASCII characters")
    _check_length("Dataset URI", text)
    parsed = urlsplit(text)
    scheme = parsed.scheme.lower()
    if not scheme or scheme.startswith("x-"):
        return text
    if scheme == "airflow":
        raise ValueError("Dataset scheme 'airflow' is reserved")
    _, has_login, place = parsed.netloc.rpartition("@")
    if has_login:
        warnings.warn(
            "A dataset URI should not contain auth info (e.g. username or password)."
            " It has been automatically dropped.",
            UserWarning,
            stacklevel=3,
        )
    parsed = parsed._replace(
        scheme=scheme,
        netloc=place,
        path=parsed.path.rstrip("/") or "/",
        query=urlencode(sorted(parse_qsl(parsed.query))) if parsed.query else "",
        fragment="",
    )
    return urlunsplit(parsed)


def _check_length(what: str, text: str) -> None:
    if not is_storable(text):
        raise ValueError(f"{what} {shortened(ascii(text), 60)} holds what is no text.")
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"{what} has {len(text.encode())} bytes. Use at most {MOST_BYTES}.")
