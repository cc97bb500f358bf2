"""Assets, as Airflow 3 calls datasets: an asset is the dataset of its URI."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from airflow_lite.authoring.datasets.model import BaseDataset, Dataset, DatasetAlias
from airflow_lite.authoring.timetable import Timetable
from airflow_lite.authoring.timetables import DatasetOrTimeSchedule


class Asset(Dataset):
    """A dataset that has a name besides its URI; each stands for the other where one is given.

    Two of one URI are the same, whatever their names. `group` is kept and means nothing.
    Raises `TypeError` without a name and a URI, and `ValueError` for `watchers`.
    """

    def __init__(
        self,
        name: str | None = None,
        uri: str | os.PathLike[str] | None = None,
        *,
        group: str = "asset",
        extra: dict[str, Any] | None = None,
        watchers: Collection[Any] = (),
    ) -> None:
        if name is None and uri is None:
            raise TypeError("An Asset needs a name, a URI, or both.")
        if watchers:
            raise ValueError(
                "watchers of an Asset are not offered. Write a task with a deferrable sensor"
                " and the asset among its outlets."
            )
        given = uri if uri is not None else name
        super().__init__(os.fspath(given) if given is not None else "", extra)
        self.name = name if name is not None else self.uri
        self.group = group


class AssetAlias(DatasetAlias):
    """A name for assets that are known only when a task runs; `group` means nothing."""

    def __init__(self, name: str, *, group: str = "asset") -> None:
        super().__init__(name)
        self.group = group


class AssetOrTimeSchedule(DatasetOrTimeSchedule):
    """The runs of a timetable, and one whenever the assets of a condition have changed."""

    def __init__(
        self, *, timetable: Timetable, assets: Collection[BaseDataset] | BaseDataset
    ) -> None:
        super().__init__(timetable=timetable, datasets=assets)
