"""The store for code that runs beside it: in the scheduler's process, in tests, in callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.store import attempts, xcom_values
from airflow_lite.worker.host.questions import WRITES, Asker, answer
from airflow_lite.worker.host.secret_answers import answer_secret
from airflow_lite.worker.task.secrets_client import AskedSecrets
from airflow_lite.worker.task.store_client import StoreClient

if TYPE_CHECKING:
    from airflow_lite.clock import Clock
    from airflow_lite.security.cipher import Cipher
    from airflow_lite.store.engine import Store
    from airflow_lite.store.queued import StoredRun
    from airflow_lite.worker.dag_questions import MappedCount, MappedPage
    from airflow_lite.worker.messages import PullXComs, Question, SecretQuestion
    from airflow_lite.worker.task.store_client import XComRow


def direct_secrets(store: Store, cipher: Cipher) -> AskedSecrets:
    """Return the store's Variables and Connections for code of this process."""

    def ask(question: SecretQuestion) -> Any:
        writes = isinstance(question, WRITES)
        with store.begin() if writes else store.read() as connection:
            return answer_secret(connection, cipher, question)

    return AskedSecrets(ask)


class DirectStoreClient(StoreClient):
    """Reads and writes the store itself. `owner`: row, task id and map index of who runs."""

    def __init__(
        self, store: Store, clock: Clock, run: StoredRun, owner: tuple[int, str, int]
    ) -> None:
        self._store = store
        self._clock = clock
        self._run = run
        self._instance_id, self._task_id, self._map_index = owner

    def push(self, key: str, value: str) -> None:
        """Write an XCom at once."""
        xcom = xcom_values.XComValue(self._run.id, self._task_id, self._map_index, key, value)
        with self._store.begin() as connection:
            xcom_values.put(connection, [xcom], self._clock.now_us())

    def rendered(self, fields: str) -> None:
        """Save the rendered fields."""
        with self._store.begin() as connection:
            attempts.save_rendered(connection, {self._instance_id: fields})

    def ask(self, question: Question) -> Any:
        """Ask the store itself."""
        writes = isinstance(question, WRITES)
        with self._store.begin() if writes else self._store.read() as connection:
            return answer(connection, Asker(self._instance_id, self._run), question)

    def given_state(self) -> str | None:
        """Return None: nothing stops the code here for what its row became."""
        return None


class DryRunStoreClient(DirectStoreClient):
    """Reads the store, and writes nothing: what was pushed is only seen by the task itself."""

    def __init__(
        self, store: Store, clock: Clock, run: StoredRun, owner: tuple[int, str, int]
    ) -> None:
        super().__init__(store, clock, run, owner)
        self._pushed: dict[str, str] = {}

    def push(self, key: str, value: str) -> None:
        """Keep an XCom for this task."""
        self._pushed.pop(key, None)
        self._pushed[key] = value

    def pull(self, query: PullXComs) -> list[XComRow]:
        """Read XComs, those that this task pushed before those of the store."""
        own = self._own(query)
        if query.is_single and own:
            return own[:1]
        replaced = set() if query.include_prior_dates else {row[:3] for row in own}
        return own + [row for row in super().pull(query) if row[:3] not in replaced]

    def _own(self, query: PullXComs) -> list[XComRow]:
        """Return what this task pushed and the query is for, what was pushed last at first."""
        if (query.dag_id, query.run_id) != (self._run.dag_id, self._run.run_id):
            return []
        if query.task_ids is not None and self._task_id not in query.task_ids:
            return []
        if query.map_indexes is not None and self._map_index not in query.map_indexes:
            return []
        return [
            (self._task_id, self._map_index, key, value, self._run.id)
            for key, value in reversed(self._pushed.items())
            if key == (query.key or key)
        ]

    def mapped_count(self, of: MappedCount) -> int:
        """Return 1 for what this task pushed itself."""
        return 1 if self._is_own(of) else super().mapped_count(of)

    def mapped_page(self, page: MappedPage) -> tuple[list[str], bool]:
        """Return values, of this task the one that it pushed itself."""
        if not self._is_own(page):
            return super().mapped_page(page)
        return [self._pushed[page.key]][page.first : page.first + page.most], True

    def _is_own(self, of: MappedCount | MappedPage) -> bool:
        return of[:2] == (self._run.id, self._task_id) and of.key in self._pushed

    def rendered(self, fields: str) -> None:
        """Save nothing."""
