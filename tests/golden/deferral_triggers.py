"""A trigger for deferral_dags.py, on Airflow 2.10.5 and on airflow-lite."""

from __future__ import annotations

import asyncio

try:
    from airflow_lite import (
        BaseTrigger,
        TaskFailedEvent,
        TaskSkippedEvent,
        TaskSuccessEvent,
        TriggerEvent,
    )
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow.triggers.base import (
        BaseTrigger,
        TaskFailedEvent,
        TaskSkippedEvent,
        TaskSuccessEvent,
        TriggerEvent,
    )


class Says(BaseTrigger):
    """Ends as its word says."""

    def __init__(self, word):
        super().__init__()
        self.word = word

    def serialize(self):
        return "deferral_triggers.Says", {"word": self.word}

    async def run(self):
        await asyncio.sleep(0.05)
        if self.word == "never":
            await asyncio.sleep(3600)
        if self.word == "raise":
            raise ValueError("no")
        events = {
            "success": lambda: TaskSuccessEvent(xcoms={"found": [1, 2]}),
            "failed": TaskFailedEvent,
            "skipped": TaskSkippedEvent,
        }
        if self.word != "nothing":
            yield events.get(self.word, lambda: TriggerEvent({"word": self.word}))()
