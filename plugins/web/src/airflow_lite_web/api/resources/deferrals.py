"""What a deferred task instance waits for, and which triggerer runs that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import redact
from airflow_lite.store.rest import task_instances as pages
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.api.records import Record, always, moment, nested, number, text
from airflow_lite_web.api.types import TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa


def _spec(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return class and arguments of a trigger; none of what cannot be read."""
    try:
        spec = json.loads(row["trigger_spec"])
    except ValueError:
        return {}
    return spec if isinstance(spec, dict) else {}


TRIGGER = Record(
    "Trigger",
    {
        "id": number(),  # that of the task instance: a trigger has no other
        "classpath": text(lambda row: _spec(row).get("class")),
        "kwargs": text(lambda row: str(redact(_spec(row).get("kwargs")))),
        "created_date": moment("changed_at_us"),
        "triggerer_id": number(),
    },
)
JOB = Record(
    "Job",
    {
        "id": number(),
        "dag_id": always(TEXT),
        "state": text(),
        "job_type": always(TEXT, "TriggererJob"),
        "start_date": moment("start_us"),
        "end_date": moment("end_us"),
        "latest_heartbeat": moment("latest_beat_us"),
        "executor_class": text("executor"),
        "hostname": text(),
        "unixname": always(TEXT, ""),
    },
)
FIELDS = {
    "trigger": nested(TRIGGER, lambda row: None if row["trigger_spec"] is None else row),
    "triggerer_job": nested(JOB),
}


def with_triggerers(connection: sa.Connection, found: Page) -> Page:
    """Return a page with the job of the triggerer that runs what each instance waits for."""
    jobs = pages.triggerers(connection, [row["triggerer_id"] for row in found.rows])
    return Page(
        [{**row, "triggerer_job": jobs.get(row["triggerer_id"])} for row in found.rows], found.total
    )
