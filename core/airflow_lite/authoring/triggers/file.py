"""A trigger that waits for a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from glob import iglob
from typing import Any

from airflow_lite.authoring.triggers.base import BaseTrigger, TriggerEvent


def find_file(path: str, *, recursive: bool) -> str | None:
    """Return the first file that a pattern matches, or folder with a file in or below it."""
    for found in iglob(path, recursive=recursive):
        if os.path.isfile(found) or any(files for _, _, files in os.walk(found)):
            return found
    return None


class FileTrigger(BaseTrigger):
    """Fires once a file that `filepath`, a path or pattern, names is there, and tells True.

    It looks every `poke_interval` seconds. A folder counts once a file is in it or below it.
    """

    def __init__(
        self,
        filepath: str,
        recursive: bool = False,
        poke_interval: float = 5.0,
        *,
        poll_interval: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath = filepath
        self.recursive = recursive
        self.poke_interval = poke_interval if poll_interval is None else poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class and what it looks for."""
        return (
            "airflow_lite.authoring.triggers.file.FileTrigger",
            {
                "filepath": self.filepath,
                "recursive": self.recursive,
                "poke_interval": self.poke_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look now and then, on a thread: a file system may not answer."""
        while (found := await asyncio.to_thread(self._look)) is None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(self.poke_interval)
        self.log.info("Found %s", found)
        yield TriggerEvent(payload=True)

    def _look(self) -> str | None:
        return find_file(self.filepath, recursive=self.recursive)
