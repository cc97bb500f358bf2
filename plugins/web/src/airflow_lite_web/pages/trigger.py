"""*Trigger*: a form for a new run, filled in from the address, which forgets nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_lite.clock import SystemClock, to_us
from airflow_lite.errors import DagNotFound, ParamValidationError, UserError
from airflow_lite.keys import check_run_id
from airflow_lite.store import edits, listing
from airflow_lite.store.triggering import WantedRun, trigger
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages import param_form
from airflow_lite_web.pages.acting import Act, action_route
from airflow_lite_web.pages.dag import Head, head
from airflow_lite_web.pages.page import Ask, Page, page_routes
from airflow_lite_web.pages.shown import path_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from airflow_lite.spec.model import DagSpec

_FIELDS = ("run_id", "logical_date", "note", "conf")


def form(ask: Ask) -> Page:
    """Show the form; what the address names is filled in."""
    with ask.site.store.read() as connection:
        about, spec = active_dag(ask, connection)
    words = dict(ask.request.query_params)
    conf = _conf_of_address(words.get("conf", ""))
    given = {name: param_form.text_of(conf[name]) for name in spec.params if name in conf}
    given |= {name: words[name] for name in spec.params if name in words}
    rest = {name: value for name, value in conf.items() if name not in spec.params}
    texts = {name: words.get(name, "") for name in _FIELDS} | {"conf": _text(rest)}
    return _page(about, spec, given, texts)


def _page(
    about: dict[str, Any],
    spec: DagSpec,
    given: Mapping[str, str],
    texts: Mapping[str, str],
    message: str = "",
) -> Page:
    data = {
        "dag": about,
        "fields": param_form.fields(spec.params, given),
        "texts": dict(texts),
        "message": message,
        "command": f"airflow-lite dags trigger {about['dag_id']}",
    }
    title = f"{about['dag_id']} · trigger"
    return Page("trigger.html", title, data, section="DAGs", status=400 if message else 200)


def _text(conf: dict[str, Any]) -> str:
    return json.dumps(conf, ensure_ascii=False, indent=1) if conf else ""


def _conf_of_address(text: str) -> dict[str, Any]:
    try:
        conf = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return conf if isinstance(conf, dict) else {}


def active_dag(ask: Ask, connection: sa.Connection) -> Head:
    """Return a DAG that its file has; raise `DagNotFound`."""
    found = head(ask, connection)
    if not found.about["is_active"] or found.about["version_id"] is None:
        name, file = found.about["dag_id"], found.about["fileloc"]
        raise DagNotFound(f"DAG {name!r} is not in {file} any more.")
    return found


def make_run(act: Act) -> Response | Page:
    """Make the run; show the form again, with what is wrong, where it cannot be made."""
    form_fields: dict[str, list[str]] = act.request.scope["form"]
    texts = {name: values[0] for name, values in form_fields.items()}
    now_us = SystemClock().now_us()
    with act.site.store.read() as connection:
        about, spec = active_dag(act, connection)
    try:
        with act.site.store.begin() as connection:
            wanted = _wanted(spec, texts)
            run_row_id = trigger(connection, spec, about["version_id"], wanted, now_us=now_us)
            edits.note_action(
                connection, act.actor, "triggered the run", now_us=now_us, dag_run_id=run_row_id
            )
            run_id = listing.run_by_id(connection, run_row_id)["run_id"]
    except (UserError, ParamValidationError) as error:
        given = {name: texts.get(param_form.PREFIX + name, "") for name in spec.params}
        return _page(
            about, spec, given, {name: texts.get(name, "") for name in _FIELDS}, str(error)
        )
    path = f"/dags/{path_part(about['dag_id'])}/runs/{path_part(run_id)}/gantt"
    return RedirectResponse(f"{path}?notice=Triggered.", 303)


def _wanted(spec: DagSpec, texts: Mapping[str, str]) -> WantedRun:
    """Return the run that the form asks for; raise `UserError`."""
    run_id, note = texts.get("run_id", "").strip(), texts.get("note", "").strip()
    return WantedRun(
        conf={**param_form.values(spec.params, texts), **checked_conf(texts.get("conf", ""))},
        run_id=check_run_id(run_id) if run_id else None,
        logical_us=moment_of(texts.get("logical_date", "").strip()),
        note=note[:1000] or None,
    )


def checked_conf(text: str) -> dict[str, Any]:
    """Return a conf that somebody wrote as JSON; raise `ParamValidationError`."""
    try:
        conf = json.loads(text.strip() or "{}")
        json.dumps(conf, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ParamValidationError(f"The conf is not JSON: {error}.") from None
    if not isinstance(conf, dict):
        raise ParamValidationError('The conf is not a JSON object. Write {"key": "value"}.')
    return conf


def moment_of(text: str) -> int | None:
    """Return a date in UTC unless it says otherwise; raise `UserError`."""
    if not text:
        return None
    try:
        date = datetime.fromisoformat(text)
        return to_us(date if date.tzinfo else date.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise UserError(
            f"{text[:60]!r} is no date. Write it as 2024-01-31T00:00, in UTC."
        ) from None


_PATH = "/dags/{dag_id}/trigger"
ROUTES: list[Route] = [
    *page_routes(_PATH, form, role=Role.OPERATOR),
    action_route(_PATH, make_run, Role.OPERATOR),
]
