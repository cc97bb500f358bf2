"""What crosses the broker: signed, typed, small. Nothing here needs Celery.

Two kinds: a `RunMessage` asks for an attempt to be run, a `Hint` tells schedulers what became of
some. Each is JSON with the HMAC of its home's key.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.cli import UserError
from airflow_lite.executors import RunCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.executors import TaskInstanceKey

#: The name of our only Celery task.
TASK = "airflow_lite.run"
#: A larger body is none of ours.
MOST_BYTES = 64 * 1024
_JSON = "application/json"
_VERSION = 1
#: A message of Celery's is a list of these: arguments, keyword arguments, what follows the task.
_EMBED: dict[str, None] = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))


class RefusedMessage(ValueError):
    """A message that runs nothing here, and why."""


@dataclass(frozen=True)
class RunMessage:
    """Run the attempt of this run command."""

    command: list[str]

    @cached_property
    def key(self) -> TaskInstanceKey:
        """The attempt; raises ValueError or `UserError` if the command is none."""
        return RunCommand.parse(self.command).key

    @property
    def token(self) -> str:
        """The attempt's token: also the Celery task's id."""
        return self.key.attempt

    def body(self, key: bytes) -> list[Any]:
        """Return it as the body of a Celery message."""
        return [[_signed({"command": self.command}, key)], {}, _EMBED]

    def headers(self) -> dict[str, Any]:
        """Return the headers of its Celery message; what people see in Flower is among them."""
        return {
            "lang": "py",
            "task": TASK,
            "id": self.token,
            "root_id": self.token,
            "parent_id": None,
            "argsrepr": f"({self.key})",
            "kwargsrepr": "{}",
            "ignore_result": True,
        }


class Beat(NamedTuple):
    """What a worker tells of itself: the attempts that it has, and how much it takes.

    It has ended once it has no slots; with a `fault`, it can claim no attempt now. `process` is
    what no other worker has, were it of the same name.
    """

    present: Sequence[str] = ()
    queues: Sequence[str] = ()
    slots: int = 0
    fault: str | None = None
    process: str = ""


class Hint(NamedTuple):
    """What a worker tells of attempts: they run, have ended, or are not its to claim."""

    worker: str
    running: list[str]
    ended: list[str]
    not_claimed: list[str]
    beat: Beat | None = None

    def body(self, key: bytes) -> dict[str, Any]:
        """Return it as the body of a message."""
        beat = None if self.beat is None else list(self.beat)
        return _signed({**self._asdict(), "beat": beat}, key)


def read_run_message(
    body: Any, headers: Any, content_type: str | None, encoding: str | None, key: bytes
) -> RunMessage:
    """Return the message if all of it is as this home's schedulers write it.

    Raises `RefusedMessage`.
    """
    if content_type != _JSON:
        raise RefusedMessage(f"it is {content_type!r:.60}, not JSON")
    name = headers.get("task") if isinstance(headers, dict) else None
    if name != TASK:
        raise RefusedMessage(f"it asks for the task {name!r:.60}")
    fields = _arguments(_decoded(body, encoding))
    command = _checked(fields, {"command"}, key)["command"]
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise RefusedMessage("its command is no list of words")
    message = RunMessage(command)
    try:
        token = message.token
    except (ValueError, UserError) as error:
        raise RefusedMessage(f"its command is not allowed: {error}") from error
    if headers.get("id") != token:
        raise RefusedMessage("its id is not the attempt's token")
    return message


def read_hint(payload: Any, key: bytes) -> Hint:
    """Return a hint that a worker of this home wrote; raise `RefusedMessage`."""
    fields = _checked(payload, set(Hint._fields), key)
    worker, *lists, beat = (fields[name] for name in Hint._fields)
    if not isinstance(worker, str) or not all(map(_is_list_of_text, lists)) or not _is_beat(beat):
        raise RefusedMessage("its fields have other types")
    running, ended, not_claimed = lists
    return Hint(worker, running, ended, not_claimed, None if beat is None else Beat(*beat))


def fingerprint(key: bytes) -> str:
    """Return what names a key without telling it: homes that share one share these names."""
    return hmac.new(key, b"airflow-lite fingerprint", "sha256").hexdigest()[:12]


def _signed(fields: dict[str, Any], key: bytes) -> dict[str, Any]:
    signed = {**fields, "version": _VERSION}
    return {**signed, "signature": _signature(signed, key)}


def _signature(fields: dict[str, Any], key: bytes) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode(), "sha256").hex()


def _checked(payload: Any, names: set[str], key: bytes) -> dict[str, Any]:
    if not isinstance(payload, dict) or payload.keys() != names | {"version", "signature"}:
        raise RefusedMessage("its fields are others")
    signature = str(payload["signature"]).encode("utf-8", "replace")
    fields = {name: value for name, value in payload.items() if name != "signature"}
    if not hmac.compare_digest(_signature(fields, key).encode(), signature):
        raise RefusedMessage(
            "its signature is not of this home's key: copy celery.key from the scheduler's home,"
            " or set [celery] message_secret_key everywhere to the same value"
        )
    if fields["version"] != _VERSION:
        raise RefusedMessage(f"it has version {fields['version']!r:.20}, this worker {_VERSION}")
    return fields


def _decoded(body: Any, encoding: str | None) -> Any:
    data = body.encode("utf-8", "replace") if isinstance(body, str) else bytes(body or b"")
    if len(data) > MOST_BYTES:
        raise RefusedMessage(f"it has {len(data)} bytes, more than {MOST_BYTES}")
    if (encoding or "utf-8").lower() != "utf-8":
        raise RefusedMessage(f"its encoding is {encoding!r:.40}")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RefusedMessage("its body is not JSON") from error


def _arguments(body: Any) -> Any:
    if not isinstance(body, list) or len(body) != 3 or body[1:] != [{}, _EMBED]:
        raise RefusedMessage("its body has another form")
    arguments = body[0]
    if not isinstance(arguments, list) or len(arguments) != 1:
        raise RefusedMessage("its body has another form")
    return arguments[0]


def _is_beat(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, list) or len(value) != len(Beat._fields):
        return False
    present, queues, slots, fault, process = value
    return (
        _is_list_of_text(present)
        and _is_list_of_text(queues)
        and isinstance(slots, int)
        and isinstance(fault, str | None)
        and isinstance(process, str)
    )


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
