"""What is wrong with DAGs that can be imported: pools that are not there, and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.store.rest import dag_warnings as pages
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, Endpoint, Parameter
from airflow_lite_web.api.records import Listing, Record, moment, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import TEXT

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

#: As Airflow has it; and one of ours.
NO_POOL, OF_IMPORT = "non-existent pool", "import warning"
WARNING = Record(
    "DagWarning",
    {
        "dag_id": text(is_nullable=False),
        "warning_type": text(is_nullable=False),
        "message": text(is_nullable=False),
        "timestamp": moment("parsed_us"),
    },
)
WARNINGS = Listing("DagWarningCollection", "dag_warnings", WARNING)
#: What warnings can be ordered by -> the columns of their rows.
ORDER = {
    "dag_id": "dag_id",
    "warning_type": "warning_type",
    "message": "message",
    "timestamp": "parsed_us",
}


def get_dag_warnings(call: Call) -> Page:
    """Return a page of warnings."""
    order = in_order(call["order_by"] or "dag_id", ORDER)
    column, wanted = ORDER[order.removeprefix("-")], call["warning_type"]
    rows = [row for row in _rows(call) if wanted in {None, row["warning_type"]}]
    rows.sort(key=lambda row: row[column], reverse=order.startswith("-"))
    return Page(rows[call["offset"] :][: call["limit"]], len(rows))


def _rows(call: Call) -> list[dict[str, Any]]:
    with call.store.read() as connection:
        pools = pages.missing_pools(connection, call["dag_id"])
        lines = pages.import_warnings(connection, call["dag_id"])
    return [
        *(
            {
                "dag_id": row.dag_id,
                "warning_type": NO_POOL,
                "message": f"Dag '{row.dag_id}' references non-existent pools: {[*row.pools]!r}",
                "parsed_us": row.parsed_us,
            }
            for row in pools
        ),
        *(
            {
                "dag_id": row.dag_id,
                "warning_type": OF_IMPORT,
                "message": secrets_masker().text(row.line),
                "parsed_us": row.parsed_us,
            }
            for row in lines
        ),
    ]


ENDPOINTS = (
    Endpoint(
        "GET",
        "/dagWarnings",
        "get_dag_warnings",
        "DagWarning",
        "List what is wrong with DAGs that can be imported",
        get_dag_warnings,
        WARNINGS,
        (Parameter("dag_id", TEXT), Parameter("warning_type", TEXT), *PAGE, ORDER_BY),
    ),
)
