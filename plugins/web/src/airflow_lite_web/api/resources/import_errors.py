"""DAG files that could not be imported."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.store import dags
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, Endpoint
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Field, Listing, Record, moment, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.resources.files import path_of
from airflow_lite_web.api.types import ID

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

ERROR = Record(
    "ImportError",
    {
        "import_error_id": Field(ID, is_nullable=False),
        "timestamp": moment("parsed_us"),
        "filename": text(is_nullable=False),
        "stack_trace": text(is_nullable=False),
    },
)
ERRORS = Listing("ImportErrorCollection", "import_errors", ERROR)
#: What errors can be ordered by -> the column of their rows.
ORDER = {
    "import_error_id": "import_error_id",
    "timestamp": "parsed_us",
    "filename": "filename",
    "stack_trace": "stack_trace",
}


def _id_of(path: str) -> int:
    """Return the number of a file that cannot be imported: the same for every error of it."""
    return int.from_bytes(sha256(path.encode()).digest()[:6])


def _rows(call: Call) -> list[dict[str, Any]]:
    with call.store.read() as connection:
        files = dags.import_errors(connection)
    return [
        {
            "import_error_id": _id_of(file.path),
            "parsed_us": file.parsed_us,
            "filename": path_of(call.config, file.path),
            "stack_trace": secrets_masker().text(file.error or ""),
        }
        for file in files
    ]


def get_import_errors(call: Call) -> Page:
    """Return a page of the files that could not be imported."""
    order = in_order(call["order_by"] or "import_error_id", ORDER)
    column = ORDER[order.removeprefix("-")]
    rows = sorted(_rows(call), key=lambda row: row[column], reverse=order.startswith("-"))
    return Page(rows[call["offset"] :][: call["limit"]], len(rows))


def get_import_error(call: Call) -> dict[str, Any]:
    """Return one file that could not be imported."""
    number = call["import_error_id"]
    found = next((row for row in _rows(call) if row["import_error_id"] == number), None)
    if found is None:
        raise NotFound(f"There is no import error {number}.", "Import error not found")
    return found


ENDPOINTS = (
    Endpoint(
        "GET",
        "/importErrors",
        "get_import_errors",
        "ImportError",
        "List the DAG files that could not be imported",
        get_import_errors,
        ERRORS,
        (*PAGE, ORDER_BY),
    ),
    Endpoint(
        "GET",
        "/importErrors/{import_error_id}",
        "get_import_error",
        "ImportError",
        "Show why a DAG file could not be imported",
        get_import_error,
        ERROR,
    ),
)
