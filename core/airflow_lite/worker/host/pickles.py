"""Pickled DAGs as a task host takes them from the store: checked, never unpickled here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError
from airflow_lite.security.signing import is_signed

if TYPE_CHECKING:
    from airflow_lite.store.connection import HostStore
    from airflow_lite.store.pickles import Pickle
    from airflow_lite.worker.settings import HostSettings

_UNSIGNED = (
    "Pickled DAG {} is not run: its signature is not the scheduler's."
    " Someone changed it in the database, or [core] pickle_secret_key is another here."
)


class PickleRefused(Exception):
    """An attempt is not run from its pickled DAG; the message, one line, says why."""


class Pickles:
    """Reads pickled DAGs, and hands on only what the scheduler signed."""

    def __init__(self, settings: HostSettings, store: HostStore) -> None:
        self._key = settings.pickle_key
        self._store = store

    def checked(self, pickle_id: int, dag_id: str) -> bytes:
        """Return a DAG's pickle; raise `PickleRefused` unless it is signed for this DAG."""
        from airflow_lite.store import pickles

        if self._key is None:
            raise PickleRefused(
                f"Pickled DAG {pickle_id} is not run: [core] donot_pickle is True here. Make it"
                " False where tasks run, or leave it True where the scheduler runs."
            )
        pickle = self._find(pickle_id)
        if pickle is None:
            raise PickleRefused(
                f"There is no pickled DAG {pickle_id} in the database. Run the task again: it"
                " gets the newest."
            )
        if pickle.dag_id != dag_id or not self._is_signed(pickle):
            raise PickleRefused(_UNSIGNED.format(pickle_id))
        if pickle.python != pickles.PYTHON:
            raise PickleRefused(
                f"Pickled DAG {pickle_id} is of Python {pickle.python}, and tasks run on"
                f" {pickles.PYTHON} here. Use one version for both."
            )
        return pickle.payload

    def _find(self, pickle_id: int) -> Pickle | None:
        from airflow_lite.store import pickles

        with self._store.whole.read() as connection:
            return pickles.get(connection, pickle_id)

    def _is_signed(self, pickle: Pickle) -> bool:
        assert self._key is not None  # looked at before
        try:
            key = self._key()
        except ConfigError as error:
            raise PickleRefused(str(error)) from error
        return is_signed(key, pickle.dag_id, pickle.version_id, pickle.payload, pickle.signature)
