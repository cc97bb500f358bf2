"""rest-api.md: the calls of the REST API, from the tables that it is routed by."""

from __future__ import annotations

from airflow_lite_web.api.missing import MISSING
from airflow_lite_web.api.routing import ENDPOINTS

HEAD = """\
# REST API

[`airflow-lite web`](../how-to/use-the-rest-api.md) answers Airflow 2.10's stable REST API below `/api/v1`: its paths, fields,
filters, ordering, paging and errors, so that what speaks to Airflow, such as its official clients, works as it is.
`/api/v1/openapi.json` describes it for programs.

A caller is a [user](commands.md) with a token: by Basic authentication with name and token, or `Authorization: Bearer TOKEN`.
`/health` and `/version` are answered to anybody. Each call needs a role, and who has a later one of viewer, operator and admin may do
what the earlier may.

A page has `limit` rows, at most `[api] maximum_page_limit`, from `offset` on. `order_by=-NAME` begins with the largest.
Lists in a query are parted by commas, or the parameter is repeated. Moments need a time zone.

An error is `application/problem+json`: `status`, `title`, `detail` with what to do, and a `type` that leads to the OpenAPI document.
400 is a request that makes no sense, 401 no user, 403 a user without the role, 404 no such thing, 409 one that is there already or in
use, 413 a body of more than a megabyte or that does not come, 429 an address that showed five wrong tokens within a minute, 501 what airflow-lite does not offer, 503 a database or setting that cannot be used now.
"""
DIFFERENCES = """\

## What differs from Airflow

| what | here |
|---|---|
| passwords, and what goes by the name of a secret in Variables, extras, settings, XComs, conf and rendered fields | never told: `***`, or left out |
| `GET /config` | for admins, with secrets masked; Airflow refuses it unless it is switched on |
| `DELETE` of a run | 409 while its tasks are queued or running |
| `POST …/clear` and marks | act as the commands do; below a task that is marked as a success, what had failed runs again |
| `include_future` and `include_past` of marks | all later or earlier runs, those made by hand too |
| `executor` of a task instance | the one that ran it |
| `unixname`, `last_scheduling_decision` of runs | not noted: empty, null |
| `updated_at` of runs | when a run was last queued, began or ended; a note changes nothing of it |
| `trigger` of a task instance | its `id` is that of the task instance; `triggerer_job` is null where the scheduler runs the trigger itself |
| extra links | to the run that a task triggered and the DAG that a sensor waits for, at pages of this server; those of an author's operators are not known |
| DAG warnings | `non-existent pool` as in Airflow, for as long as it is so; and `import warning`, a line that importing the file warned with |
| testing a connection | 403 unless `[core] test_connection` is `Enabled`, as in Airflow; then by the hook of a provider that is installed, else by reaching its port |
| users and roles | those of the users' file, which keeps a name and a role: `email` is the name, and the rest is empty or null |
| rights of roles | by what calls are about, such as `can_create` of `DAGRun`; there are none for single DAGs |
| `priority_weight` and `weight_rule` of a task | the effective weight, so `absolute` |
| `class_ref.module_path`, `ui_color` of a task | not stored: empty, white |
| next run of a DAG | null until a scheduler has planned it, which it does not for a paused DAG |
| `import_error_id` | a number of the file's path: it stays the same for the next error of the file |
| event logs | every change of a task instance, `event` being its new state or `cleared`; what a user did beside these is an `action`, told in `extra` |
| dependencies | all that holds a task instance back, also what Airflow's scheduler would not ask |
| moments of a dataset's tasks and DAGs | those of the dataset; `updated_at` is when its extra changed |
| a queue of changes | a line for each DAG and dataset, with the first change; taking it out takes out all of them |
| `deserialize` of an XCom | makes no difference, each is JSON |
| plugins | airflow-lite's own, with their executors |
| `triggerer` of the health | null where none runs beside the scheduler |
"""


def page() -> str:
    """Return the page."""
    lines = [HEAD, "## What is answered", "", "| call | what it does | role |", "|---|---|---|"]
    for each in sorted(ENDPOINTS, key=lambda each: (each.tag, each.path, each.method)):
        role = "anybody" if each.is_open else each.role.title
        call = f"`{each.method} {each.path.replace(':path', '')}`"
        lines.append(f"| {call} | {each.summary} | {role} |")
    lines += ["", "## What answers 501", "", "| call | why |", "|---|---|"]
    for gap in MISSING:
        lines.append(f"| `{gap.method} {gap.path.replace(':path', '')}` | {gap.reason} |")
    return "\n".join(lines) + "\n" + DIFFERENCES
