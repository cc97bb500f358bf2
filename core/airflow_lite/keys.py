"""Identity: ids and their allow-list, task instance keys, attempt tokens, the run command."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from airflow_lite.errors import InvalidIdError
from airflow_lite.text import shortened

MAX_ID_LENGTH = 250
#: Airflow's own forms: DAG and task ids, and run ids such as `manual__2024-01-01T00:00:00+00:00`.
_ID = re.compile(r"[\w.-]+", re.UNICODE)
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_PICKLE_ID = re.compile(r"[1-9][0-9]{0,17}")


def check_id(value: object, kind: str = "id") -> str:
    """Return `value` if it may name a DAG, task, group, pool or queue; raise `InvalidIdError`.

    `kind` is the word used in the message, such as "DAG id".
    """
    return _checked(value, kind, _ID, "letters, digits, '_', '.' and '-'")


def check_run_id(value: object) -> str:
    """Return `value` if it may name a DAG run; raise `InvalidIdError`."""
    return _checked(value, "run id", _RUN_ID, "ASCII letters, digits and '_.~:+-'")


def check_token(value: object) -> str:
    """Return `value` if it has the form of an attempt token; raise `InvalidIdError`."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise InvalidIdError(f"attempt token {_shown(value)} is not 32 hexadecimal digits.")
    return value


def check_pickle_id(value: object) -> int:
    """Return `value` as the id of a pickled DAG; raise `InvalidIdError`."""
    if not isinstance(value, str) or not _PICKLE_ID.fullmatch(value):
        raise InvalidIdError(f"pickle id {_shown(value)} is not a whole number above 0.")
    return int(value)


def _checked(value: object, kind: str, pattern: re.Pattern[str], allowed: str) -> str:
    if not isinstance(value, str):
        raise InvalidIdError(f"{kind} {_shown(value)} is not a string.")
    if not value:
        raise InvalidIdError(f"{kind} is empty. Use {allowed}.")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidIdError(
            f"{kind} {_shown(value)} has {len(value)} characters. Use at most {MAX_ID_LENGTH}."
        )
    if not pattern.fullmatch(value) or value.startswith("-") or set(value) == {"."}:
        raise InvalidIdError(
            f"{kind} {_shown(value)} is not allowed. Use {allowed}, not beginning with '-'."
        )
    return value


def _shown(value: object) -> str:
    return shortened(ascii(value), 60)


def new_attempt_token() -> str:
    """Return a fresh attempt token: 32 hexadecimal digits, an identifier and not a secret."""
    return os.urandom(16).hex()


class TaskInstanceKey(NamedTuple):
    """Airflow's key with the attempt as sixth field, part of equality.

    Two attempts of one try are different keys, so a late event of the old one touches nothing.
    """

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = -1
    attempt: str = ""

    def __str__(self) -> str:
        """Return it as a person reads it, without the token."""
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        task = f"{self.dag_id}.{self.task_id}{index}"
        return f"{task} try {self.try_number} of run {self.run_id}"

    @property
    def primary(self) -> tuple[str, str, str, int]:
        """What names the task instance, whatever its try: DAG id, task id, run id, map index."""
        return self.dag_id, self.task_id, self.run_id, self.map_index

    def with_try_number(self, try_number: int) -> TaskInstanceKey:
        """Return the same key with another try number."""
        return self._replace(try_number=try_number)


#: What every run command begins with; see `RunCommand`.
RUN_PREFIX = ("airflow-lite", "tasks", "run")


class RunCommand(NamedTuple):
    """The words `airflow-lite tasks run …` that run one attempt, as data.

    Built by the scheduler, checked again (`parse`) wherever it is to be run.
    """

    key: TaskInstanceKey
    pool: str | None = None
    subdir: str | None = None
    pickle_id: int | None = None

    def words(self) -> list[str]:
        """Return the command as a list of words, never for a shell."""
        key = self.key
        command = [*RUN_PREFIX, key.dag_id, key.task_id, key.run_id]
        command += ["--try-number", str(key.try_number), "--map-index", str(key.map_index)]
        command += ["--attempt", key.attempt]
        if self.pool is not None:
            command += ["--pool", self.pool]
        if self.subdir is not None:
            command += ["--subdir", self.subdir]
        if self.pickle_id is not None:
            command += ["--pickle", str(self.pickle_id)]
        return command

    @classmethod
    def parse(cls, command: list[str]) -> RunCommand:
        """Read `command` back, every id checked; raise `ValueError` or `InvalidIdError`."""
        if tuple(command[:3]) != RUN_PREFIX or len(command) < 6:
            raise ValueError(f"The command must start with {list(RUN_PREFIX)} and three ids.")
        dag_id, task_id, run_id = command[3:6]
        options = _options(command[6:])
        key = TaskInstanceKey(
            check_id(dag_id, "DAG id"),
            check_id(task_id, "task id"),
            check_run_id(run_id),
            int(options.pop("--try-number", "1")),
            int(options.pop("--map-index", "-1")),
            check_token(options.pop("--attempt", None)),
        )
        pickle = options.pop("--pickle", None)
        run_command = cls(
            key,
            options.pop("--pool", None),
            options.pop("--subdir", None),
            None if pickle is None else check_pickle_id(pickle),
        )
        if options:
            raise ValueError(f"Unknown options in the run command: {sorted(options)}.")
        return run_command


def _options(words: list[str]) -> dict[str, str]:
    if len(words) % 2:
        raise ValueError(f"The run command's last option has no value: {words[-1:]}.")
    return dict(zip(words[::2], words[1::2], strict=True))
