"""What user code may say to its host: what no database holds, and no rule allows, is refused.

The child checks what tasks hand to it, and says why in the task. What is refused here was not sent
by it, but by code that writes to a socket that is not its own.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from airflow_lite.keys import MAX_ID_LENGTH
from airflow_lite.spec.datasets import MOST_BYTES
from airflow_lite.states import TaskInstanceState
from airflow_lite.worker.messages import (
    CALLBACK_OF,
    HideSecrets,
    PushXCom,
    ReportOutcome,
    SaveRendered,
)

if TYPE_CHECKING:
    from airflow_lite.worker.messages import AttemptForked, ChildMessage, Outcome

_LONGEST_KEY = 512  # the column's length
_LARGEST_INTEGER = (1 << 63) - 1
_OUTCOMES = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UP_FOR_RESCHEDULE,
        TaskInstanceState.DEFERRED,
    }
)


class BadLineError(Exception):
    """What an attempt's process sent is no message; its text says what it is instead."""


def checked(message: ChildMessage, most_xcom_bytes: int) -> None:
    """Raise `BadLineError` for a message that cannot be acted on."""
    match message:
        case PushXCom(key, value):
            if not 0 < len(key) <= _LONGEST_KEY:
                raise BadLineError(f"an XCom with a key of {len(key)} characters")
            if len(value) > most_xcom_bytes:
                raise BadLineError(f"an XCom of more than {most_xcom_bytes} bytes")
            _check_json(value)
            _check_value(key)
        case HideSecrets(_, secrets):
            if not _are_texts(secrets):
                raise BadLineError("secrets that are no texts")
            _check_text("".join(secrets).replace("\0", ""))
        case SaveRendered(fields):
            _check_json(fields)
        case ReportOutcome(outcome, policy):
            _check_outcome(outcome)
            _check_changes(outcome.changes or [], most_xcom_bytes)
            _check_value([*outcome, *policy])
            if not {*policy.callbacks} <= {*CALLBACK_OF.values()}:
                raise BadLineError(f"callbacks of no kind: {policy.callbacks!r:.100}")
        case _:
            pass  # a question is checked as it is answered


def is_sound(forked: AttemptForked) -> bool:
    """Whether a zygote's word of a process can be acted on: a DAG file's code may have said it."""
    try:
        _check_value([*forked.policy])
    except BadLineError:
        return False
    return 1 < forked.pid <= _LARGEST_INTEGER


def _check_json(text: str) -> None:
    try:
        json.loads(text)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise BadLineError(f"what is no JSON: {text!r:.100}") from error


def _check_outcome(outcome: Outcome) -> None:
    if outcome.state not in _OUTCOMES:
        raise BadLineError(f"an outcome that is none: {outcome.state!r:.100}")
    if outcome.map_length is not None and outcome.map_length < 0:
        raise BadLineError(f"a length that is none: {outcome.map_length!r:.100}")
    if len(outcome.rendered_map_index or "") > MAX_ID_LENGTH:
        raise BadLineError("a name of a map index that is too long")
    if outcome.state == TaskInstanceState.DEFERRED:
        _check_deferral(outcome)
    tasks = outcome.skip_decision or {}
    if not all(isinstance(names, list) and _are_texts(names) for names in tasks.values()):
        raise BadLineError("tasks to skip that are no names")


def _check_changes(changes: list[Any], most_bytes: int) -> None:
    """Look at what a task says of datasets: `[URI, extra as JSON text, aliases]` each."""
    for made in changes:
        match made:
            case [str(uri), str(extra), [*aliases]] if _are_texts([uri, *aliases]):
                names = [uri, *aliases]
            case _:
                raise BadLineError(f"what is no change of a dataset: {made!r:.100}")
        if not uri or any(len(name.encode("utf-8", "replace")) > MOST_BYTES for name in names):
            raise BadLineError("a dataset or an alias with a name that is too long, or empty")
        if len(extra) > most_bytes:
            raise BadLineError(f"a change of a dataset with more than {most_bytes} bytes")
        _check_json(extra)


def _check_deferral(outcome: Outcome) -> None:
    if not 0 < len(outcome.next_method or "") <= MAX_ID_LENGTH:
        raise BadLineError("a deferral without a method")
    for text in (outcome.trigger_spec or "", outcome.next_kwargs or ""):
        _check_json(text)
        if not text.startswith("{"):
            raise BadLineError(f"a deferral that is none: {text!r:.100}")


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _check_value(value: Any) -> None:
    """Look at every value within: half a character, NUL and numbers past all bounds are refused."""
    if isinstance(value, dict):
        _check_value([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            _check_value(item)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int | float) and not _is_number(value):
        raise BadLineError(f"a number that is none: {value!r:.100}")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadLineError(f"half a character: {text!r:.100}") from error
    if "\0" in text:
        raise BadLineError(f"text with a NUL: {text!r:.100}")


def _is_number(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= _LARGEST_INTEGER
