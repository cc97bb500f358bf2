"""The answers to what triggers ask, by whoever has the store."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from airflow_lite.processes.packing import packed, unpacked
from airflow_lite.security.cipher import Cipher
from airflow_lite.worker.host.questions import Asker, reply, writes
from airflow_lite.worker.messages import QUESTIONS, Answer, Ask, StatesOfDag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store

#: As many dates of one DAG are asked for in one statement.
_MOST_DATES = 1000


def answers(store: Store, config: Config, asks: Sequence[Ask]) -> Iterator[Answer]:
    """Yield the answers to questions of triggers' code; raise what the database raises.

    Those that read are answered in one transaction, and states of the same tasks by one statement.
    Each that writes has a transaction of its own.
    """
    asker = Asker(0, None, cipher=Cipher(config))  # which reads the key of now
    groups = deque(_groups([ask for ask in asks if not writes(ask)]))
    while groups:
        with store.read() as connection:
            answered = _answer_groups(connection, asker, groups)
        yield from answered
    for ask in filter(writes, asks):
        with store.begin() as connection:
            answer, _ = reply(connection, asker, ask)
        yield answer


def _answer_groups(
    connection: sa.Connection, asker: Asker, groups: deque[list[Ask]]
) -> list[Answer]:
    """Answer these and take them away; what the database refuses leaves the rest."""
    answered: list[Answer] = []
    is_usable = True
    while groups and is_usable:
        group = groups.popleft()
        answer, is_usable = reply(connection, asker, _joined(group))
        if answer.error is not None and len(group) > 1:
            groups.extendleft([ask] for ask in group)  # not all of them are to blame
        else:
            answered += _parted(group, answer)
    return answered


def _groups(asks: Sequence[Ask]) -> list[list[Ask]]:
    """Put together those that ask for states of the same tasks."""
    groups: dict[object, list[Ask]] = {}
    dates: Counter[object] = Counter()
    for ask in asks:
        key: object = ask.number
        if (query := _states_query(ask)) is not None:
            tasks = repr(query._replace(dates_us=[]))
            dates[tasks] += len(query.dates_us)
            key = tasks, dates[tasks] // _MOST_DATES
        groups.setdefault(key, []).append(ask)
    return [*groups.values()]


def _states_query(ask: Ask) -> StatesOfDag | None:
    if ask.question[:1] != [StatesOfDag.__name__]:
        return None
    try:
        query = unpacked(ask.question, QUESTIONS)
    except ValueError:  # whoever asked is told
        return None
    if isinstance(query, StatesOfDag) and all(isinstance(date, int) for date in query.dates_us):
        return query
    return None


def _joined(group: list[Ask]) -> Ask:
    """Return the question that asks for what all of a group ask for."""
    queries = [_states_query(ask) for ask in group[:1] if len(group) > 1]
    if not queries or queries[0] is None:
        return group[0]
    dates = sorted({date for ask in group for date in _dates(ask)})
    return Ask(group[0].number, packed(queries[0]._replace(dates_us=dates)))


def _dates(ask: Ask) -> list[int]:
    dates: list[int] = ask.question[2]
    return dates


def _parted(group: list[Ask], answer: Answer) -> Iterator[Answer]:
    """Yield to each of a group its part of the answer."""
    if len(group) == 1:
        yield answer
        return
    of_date: dict[int, list[object]] = {}
    for row in answer.value:
        of_date.setdefault(row[0], []).append(row)
    for ask in group:
        rows = [row for date in {*_dates(ask)} for row in of_date.get(date, ())]
        yield Answer(ask.number, rows)
