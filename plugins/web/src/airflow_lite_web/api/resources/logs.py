"""The logs of tries, whole or by pieces."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import JSONResponse, Response, StreamingResponse

from airflow_lite.logs.reading.task_log import task_log
from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.states import FINISHED, TaskInstanceState
from airflow_lite_web.api.endpoints import Endpoint, Parameter
from airflow_lite_web.api.problems import BadRequest, NotFound, answer
from airflow_lite_web.api.records import Record, text
from airflow_lite_web.api.resources.task_instances import instance_or_none
from airflow_lite_web.api.types import BOOLEAN, INTEGER, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_lite_web.api.endpoints import Call

LOG = Record("Log", {"continuation_token": text(), "content": text()})
#: Characters of a log that one answer has, unless all are asked for.
_PIECE = 1 << 20
#: How lines begin that the reader of a log adds to it.
_REMARK = "*** "
#: In these states of a task instance its latest try is over.
_OVER = FINISHED | {TaskInstanceState.UP_FOR_RETRY}
PLAIN, _JSON = "text/plain", "application/json"


class Place(NamedTuple):
    """Where in a log the next piece begins."""

    position: int = 0
    end_of_log: bool = False
    download_logs: bool = False

    def token(self) -> str:
        """Return it as clients send it back."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode()

    @classmethod
    def of(cls, token: str) -> Place:
        """Return the place of a token; raise `BadRequest` where it is none of ours."""
        try:
            position, *flags = json.loads(base64.b64decode(token, b"-_", validate=True))
            if type(position) is int and [*map(type, flags)] == [bool, bool]:
                return cls(max(position, 0), *flags)
        except (binascii.Error, ValueError, TypeError, RecursionError):
            pass
        raise BadRequest("This token was not given by an answer. Leave it out to begin anew.")


def get_log(call: Call) -> Response:
    """Return the log of a try: all of it as text, or a piece with the token of the next."""
    place = Place() if call["token"] is None else Place.of(call["token"])
    is_whole = bool(call["full_content"]) or place.download_logs
    index = -1 if call["map_index"] is None else call["map_index"]
    with call.store.read() as connection:
        row = instance_or_none(connection, call)
    if row is None or not 0 <= call["task_try_number"] <= max(row["try_number"], 1):
        raise NotFound("There is no such try of a task instance.", "TaskInstance not found")
    blocks = task_log(
        call.config,
        call["dag_id"],
        call["task_id"],
        call["dag_run_id"],
        call["task_try_number"],
        index,
    )
    texts = (secrets_masker().text(f"{block}\n") for block in blocks)
    wanted = wanted_type(call.accept)
    if wanted == PLAIN:
        return StreamingResponse(texts, media_type=PLAIN)
    if wanted is None:
        return answer(406, f"A log is given as {_JSON} or {PLAIN}.")
    is_over = call["task_try_number"] < row["try_number"] or row["state"] in _OVER
    lines = _from(_settled(texts, is_over=is_over), place.position)
    piece, is_end = _piece(lines, None if is_whole else _PIECE)
    after = Place(place.position + len(piece), is_end and is_over, is_whole)
    # As Airflow has it: a list of machines with their part of the log, as Python writes it.
    content = str([(row["hostname"] or "", piece)])
    return JSONResponse({"content": content, "continuation_token": after.token()})


def wanted_type(accept: str) -> str | None:
    """Return which of the two media types a client would rather have; None: neither."""
    kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
    for kind in kinds:
        if kind in {PLAIN, "text/*"}:
            return PLAIN
        if kind in {"", _JSON, "application/*", "*/*"}:
            return _JSON
    return None


def _settled(texts: Iterable[str], *, is_over: bool) -> Iterator[str]:
    """Yield the lines that stay as they are and where they are, so that a place among them holds.

    While a try goes on, its last line may not be whole, and what the reader of the log remarks on
    may not be the last word; both come once it is over.
    """
    last, remarks = "", []
    for each in texts:
        for line in each.splitlines(keepends=True):
            if line.startswith(_REMARK):
                remarks.append(line)
            else:
                yield last
                last = line
    if is_over:
        yield from (last, *remarks)


def _from(texts: Iterable[str], position: int) -> Iterator[str]:
    """Yield what comes after so many characters."""
    for each in texts:
        if position < len(each):
            yield each[position:]
        position = max(position - len(each), 0)


def _piece(texts: Iterable[str], most: int | None) -> tuple[str, bool]:
    """Return up to so many characters, and whether nothing follows."""
    parts, size = [], 0
    for each in texts:
        parts.append(each)
        size += len(each)
        if most is not None and size > most:
            return "".join(parts)[:most], False
    return "".join(parts), True


ENDPOINTS = (
    Endpoint(
        "GET",
        "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{task_try_number}",
        "get_log",
        "TaskInstance",
        "Show the log of a try",
        get_log,
        LOG,
        (
            Parameter("full_content", BOOLEAN),
            Parameter("map_index", INTEGER),
            Parameter("token", TEXT),
        ),
        media_types=(PLAIN,),
    ),
)
