"""*Datasets*: which tasks make them, which DAGs wait for them, and when they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.clock import iso
from airflow_lite.secrets_masker import redact
from airflow_lite.store import dataset_listing
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from airflow_lite.store.dataset_listing import StoredDataset

#: Rows on one page.
_MOST = 200


def datasets(ask: Ask) -> Page:
    """Show the datasets by their URIs; `q` is a part of these, `after` the last one seen."""
    text, after = ask.word("q")[:250], ask.word("after")
    with ask.site.store.read() as connection:
        every = dataset_listing.datasets(connection)
    rows = [row for row in every if row.uri > after and text.lower() in row.uri.lower()]
    data = {
        "datasets": [_dataset(row) for row in rows[:_MOST]],
        "count": len(every),
        "text": text,
        "after": after,
        "next": rows[_MOST - 1].uri if len(rows) > _MOST else None,
    }
    return Page("datasets.html", "Datasets", data, "datasets", section="Datasets", is_live="dag=")


def _dataset(row: StoredDataset) -> dict[str, Any]:
    return {
        "uri": redact(row.uri),
        "events": row.event_count,
        "last_event": iso(row.last_event_us),
        "made_by": [{"dag_id": dag_id, "task_id": task_id} for dag_id, task_id in row.producing],
        "awaited_by": row.consuming,
        "aliases": row.aliases,
    }


ROUTES = page_routes("/datasets", datasets)
