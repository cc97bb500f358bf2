"""Triggers that wait for the tasks of another DAG, or for its runs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow_lite.authoring.triggers.base import BaseTrigger, TriggerEvent
from airflow_lite.clock import to_us

Row = list[Any]
#: What triggers wait for at most beyond their interval, in seconds, to ask with others.
_LONGEST_GRID_S = 1.0


def sorted_rows(found: Any) -> list[Row]:
    """Return dates, tasks and states in an order that is the same whenever they are asked for."""
    return sorted(([*row] for row in found), key=repr)


async def sleep_beside_others(seconds: float) -> None:
    """Sleep for so long, and up to a tenth or a second more: those that sleep so wake together.

    Then they ask together, and are answered at once.
    """
    if seconds <= 0:
        return await asyncio.sleep(0)
    grid = min(2.0 ** math.floor(math.log2(seconds / 10)), _LONGEST_GRID_S)  # each fits the longer
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    end = math.ceil((loop.time() + seconds) / grid) * grid
    timer = loop.call_at(end, woken.set_result, None)
    try:
        await woken
    finally:
        timer.cancel()


class StatesTrigger(BaseTrigger):
    """Fires once what `ti.states_of_dag` returns for `query` is not what was `seen`.

    It asks every `poke_interval` seconds.
    """

    def __init__(self, query: dict[str, Any], seen: list[Row], poke_interval: float) -> None:
        super().__init__()
        self.query = query
        self.seen = seen
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class and what it looks for."""
        return (
            "airflow_lite.authoring.triggers.external_task.StatesTrigger",
            {"query": self.query, "seen": self.seen, "poke_interval": self.poke_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask now and then."""
        while await self._ask() == self.seen:
            await sleep_beside_others(self.poke_interval)
        yield TriggerEvent(payload=True)

    async def _ask(self) -> list[Row]:
        return sorted_rows(await self.task_instance.await_states_of_dag(**self.query))


class DagStateTrigger(BaseTrigger):
    """Fires once the runs of a DAG of all these dates are in one of these states.

    It asks every `poll_interval` seconds. What it tells is what `serialize` returns.
    """

    def __init__(
        self,
        dag_id: str,
        states: list[str],
        execution_dates: list[datetime],
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.dag_id = dag_id
        self.states = [str(state) for state in states]
        self.execution_dates = execution_dates
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class and what it waits for."""
        names = ("dag_id", "states", "execution_dates", "poll_interval")
        return (
            "airflow_lite.authoring.triggers.external_task.DagStateTrigger",
            {name: getattr(self, name) for name in names},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask now and then."""
        while not await self._are_there():
            await sleep_beside_others(self.poll_interval)
        yield TriggerEvent([*self.serialize()])

    async def _are_there(self) -> bool:
        dates_us = [to_us(date) for date in self.execution_dates]
        found = await self.task_instance.await_states_of_dag(self.dag_id, dates_us)
        return sum(state in self.states for _, _, state in found) == len(dates_us)
