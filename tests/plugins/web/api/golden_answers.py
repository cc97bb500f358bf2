"""What the REST API answers, beside what Airflow 2.10.5 answered to the same calls."""

from __future__ import annotations

import json
import re

from airflow_lite_web.api.missing import MISSING

MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
#: Fields whose values are of the machine, the moment or the program that runs.
OWN = {
    "dataset_id", "duration", "id", "file_token", "git_version", "hostname", "pid", "stack_trace", "unixname",
    "version", "import_error_id", "latest_scheduler_heartbeat",
}  # fmt: skip
#: Fields that have another value here, and why.
OTHER = {
    "executor": "here the one that ran it, there the one that was asked for",
    "last_scheduling_decision": "nothing notes it",
    "module_path": "only the class's name is stored",
    "priority_weight": "of a task it is the effective one, so that weight_rule is absolute",
    "timetable_description": "in the words of another library",
    "ui_color": "an operator has none",
    "weight_rule": "see priority_weight",
    "catchup": "a DAG without a schedule catches nothing up",
    **dict.fromkeys(
        (
            "next_dagrun",
            "next_dagrun_create_after",
            "next_dagrun_data_interval_end",
            "next_dagrun_data_interval_start",
        ),
        "planned once a scheduler goes through a DAG that is not paused",
    ),
}
NOT_OFFERED = {each.reason for each in MISSING}
_ANY_ORDER = "there in no order, here as they were made"
_OF_FILE = "users are those of the file, of which it keeps name and role alone"
_THREE = "there are three roles, and their rights are named by what calls are about"
_OWN_PAGES = "it leads to a page of ours"
_MASKED = "a value by the name of a secret is masked"
#: Calls that are answered otherwise, and why: by method, path and, if need be, part of the body.
OTHERWISE = {
    "GET /dags/little/dagRuns?execution_date_lte=2024-02-02T02:00:00+02:00": "a + may stay a +",
    "PATCH /dags/little/dagRuns/four {}": "it failed there",
    "GET /dags/little/dagRuns/one/taskInstances?state=nope": "it failed there",
    "GET /dags/~/dagRuns/~/taskInstances?limit=1": _ANY_ORDER,
    "POST /dags/~/dagRuns/~/taskInstances/list {'page_limit": _ANY_ORDER,
    "POST /dags/little/updateTaskInstancesState {'dag_run_id': 'one', 'dry_run': True,"
    " 'include_downstream': False, 'include_future': True": "here all later runs, there those of the schedule",
    "POST /dags/failing/clearTaskInstances {'include_downstream": _ANY_ORDER,
    "GET /dags/little/dagRuns/one/taskInstances/first/xcomEntries/return_value?deserialize": (
        "every XCom is JSON, there is nothing else to be read from it"
    ),
    "POST /variables {'description": _MASKED,
    "GET /variables?order_by=-key": _MASKED,
    "GET /importErrors/1": "numbers are of the file's path",
    "GET /config": "there switched off, here masked",
    "GET /plugins": "there are other plugins",
    "GET /dagStats?dag_ids=little,failing": _ANY_ORDER,
    "GET /dags/~/dagRuns/~/taskInstances/~/xcomEntries": (
        "there the outlets of a task are an XCom, too: its lineage"
    ),
    "GET /datasets?uri_pattern": "there the number is of all datasets",
    "GET /datasets?dag_ids": "there the number is of all datasets",
    "GET /dags/caller/dagRuns/calling/taskInstances/calls/links": _OWN_PAGES,
    "GET /dags/hourly/dagRuns/h/taskInstances/waits/links": _OWN_PAGES,
    "GET /users/admin": _OF_FILE,
    "GET /users?order_by=user_name": "it failed there",
    "GET /users?order_by=-user_name": "there nothing of a user can be ordered from its end",
    "GET /roles?limit": _THREE,
    "GET /roles/Op": _THREE,
    "GET /permissions?limit": _THREE,
    "GET /datasets ": "there numbered in the order of the file, here in that of their URIs",
}


def differences(theirs, ours, at=""):
    """Yield where an answer is not as Airflow's; more fields than Airflow has are none."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(set(theirs) - OWN):
            if name not in ours:
                yield f"{at}.{name}: is missing"
            elif name == "owners":  # of which Airflow's come in any order, and none in details
                if sorted(map(str.strip, theirs[name] or ours[name])) != sorted(ours[name]):
                    yield f"{at}.owners: {ours[name]}"
            elif name not in OTHER:
                yield from differences(theirs[name], ours[name], f"{at}.{name}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (their, our) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(their, our, f"{at}[{number}]")
    elif isinstance(theirs, str) and MOMENT.fullmatch(theirs) and theirs > "2025":
        if not isinstance(ours, str) or not MOMENT.fullmatch(ours):
            yield f"{at}: {ours!r} is no moment"
    elif theirs != ours:
        yield f"{at}: {theirs!r:.200} was, {ours!r:.200} is"


def different(home, call, answer):
    """Return a line for each difference of an answer to what Airflow answered."""
    name = f"{call['method']} {call['path']} {call.get('body', '')}"
    status, text = answer.status_code, answer.text.replace(str(home.folder), "$AIRFLOW_HOME")
    if status == 501 and answer.json()["detail"] in NOT_OFFERED:
        return []
    if any(name.startswith(known) for known in OTHERWISE):
        return []
    if status != call["status"]:
        return [f"{name}: {call['status']} was, {status} is: {text[:200]}"]
    if status >= 400:
        is_problem = answer.headers["content-type"] == "application/problem+json"
        return [] if is_problem else [f"{name}: {text[:200]} is no problem"]
    return [f"{name}: {line}" for line in differences(call["answer"], json.loads(text or '""'))]
