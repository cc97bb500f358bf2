"""Write api.json: what Airflow 2.10.5's stable REST API answers to a list of calls.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
with its bin folder first in PATH, and call
    AIRFLOW_HOME=$(mktemp -d) python api.py OUTPUT_FOLDER
A new database is made in AIRFLOW_HOME. It takes about five minutes.

"runs" and "calls": by call, its status, media type and answer. "operations": by method and path,
what Airflow's own OpenAPI document names. "log": of what form a log is.
The DAGs are those of `../api_dags.py`, beside a file that cannot be imported. First the runs of
`RUNS` are made and have ended, then the scheduler is stopped and the calls of `CALLS` are made in
their order: later ones need what earlier ones did.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
PORT = 18793
BASE = f"http://127.0.0.1:{PORT}/api/v1"
BROKEN_FILE = "from airflow import DAG\nimport no_such_module_here\n"
WITHIN_S = 1200

RUNS = (
    (
        "little",
        {"dag_run_id": "one", "logical_date": "2024-02-02T00:00:00+00:00", "conf": {"p": 2}},
    ),
    ("little", {"dag_run_id": "two", "logical_date": "2024-02-03T00:00:00+00:00", "note": "why"}),
    ("failing", {"dag_run_id": "bad", "logical_date": "2024-02-02T00:00:00+00:00"}),
    ("mapped", {"dag_run_id": "three", "logical_date": "2024-02-04T00:00:00+00:00"}),
    ("maker", {"dag_run_id": "made", "logical_date": "2024-02-05T00:00:00+00:00"}),
    ("caller", {"dag_run_id": "calling", "logical_date": "2024-02-05T00:00:00+00:00"}),
)
R, T = "/dags/little/dagRuns", "/dags/little/dagRuns/one/taskInstances"
M, F = "/dags/mapped/dagRuns/three/taskInstances", "/dags/failing/dagRuns/bad/taskInstances"
LIST_RUNS, LIST_TASKS = "/dags/~/dagRuns/list", "/dags/~/dagRuns/~/taskInstances/list"
MADE_URI, MADE = "s3://bucket/made", "s3%3A%2F%2Fbucket%2Fmade"
SET_STATE = {
    "dry_run": True, "task_id": "second", "dag_run_id": "one", "new_state": "failed",
    "include_upstream": False, "include_downstream": False, "include_future": False,
    "include_past": False,
}  # fmt: skip

#: Method, path and, where there is one, the body. A path with a user's name before it is that
#: user's call: `viewer` may read, `nobody` gives a wrong password, `anonymous` gives none.
#: `{token}` in a path is that of the file of the DAG little.
CALLS: tuple[tuple[object, ...], ...] = (
    # who
    ("GET", "anonymous /dags"), ("GET", "nobody /dags"), ("GET", "viewer /dags/little"),
    ("PATCH", "viewer /dags/little", {"is_paused": False}),
    ("POST", "viewer /dags/little/dagRuns", {}), ("DELETE", "viewer /dags/unused"),
    ("GET", "anonymous /health"), ("GET", "anonymous /version"),
    # DAGs
    ("GET", "/dags"), ("GET", "/dags?limit=2"), ("GET", "/dags?limit=2&offset=1&order_by=-dag_id"),
    ("GET", "/dags?order_by=owners"), ("GET", "/dags?limit=-1"), ("GET", "/dags?limit=0"),
    ("GET", "/dags?limit=x"), ("GET", "/dags?offset=-1"), ("GET", "/dags?offset=100"),
    ("GET", "/dags?tags=red&fields=dag_id"), ("GET", "/dags?tags=red&tags=blue&fields=dag_id"),
    ("GET", "/dags?tags=red,blue&fields=dag_id"), ("GET", "/dags?paused=true&fields=dag_id"),
    ("GET", "/dags?paused=false&fields=dag_id"), ("GET", "/dags?only_active=false&fields=dag_id"),
    ("GET", "/dags?dag_id_pattern=LI&fields=dag_id,is_paused"), ("GET", "/dags?fields=nope"),
    ("GET", "/dags?dag_id_pattern=%25i&fields=dag_id"), ("GET", "/dags?only_active=perhaps"),
    ("GET", "/dags?unknown=1&fields=dag_id"),
    ("GET", "/dags/little"), ("GET", "/dags/hourly"), ("GET", "/dags/unused"),
    ("GET", "/dags/nope"), ("GET", "/dags/little?fields=dag_id,owners"),
    ("GET", "/dags/little?fields=nope"),
    ("GET", "/dags/little/details"), ("GET", "/dags/hourly/details"), ("GET", "/dags/nope/details"),
    ("GET", "/dags/little/details?fields=dag_id,params"), ("GET", "/dags/mapped/details"),
    ("GET", "/dags/little/tasks"), ("GET", "/dags/little/tasks?order_by=-task_id"),
    ("GET", "/dags/little/tasks?order_by=nope"), ("GET", "/dags/nope/tasks"),
    ("GET", "/dags/little/tasks/second"), ("GET", "/dags/little/tasks/nope"),
    ("GET", "/dags/mapped/tasks/each"), ("GET", "/dags/nope/tasks/second"),
    ("PATCH", "/dags/little", {"is_paused": True}), ("PATCH", "/dags/nope", {"is_paused": True}),
    ("PATCH", "/dags/little?update_mask=is_paused", {"is_paused": False}),
    ("PATCH", "/dags/little?update_mask=description", {"is_paused": False}),
    ("PATCH", "/dags/little", {"is_paused": "perhaps"}), ("PATCH", "/dags/little", {"nope": 1}),
    ("PATCH", "/dags/little", [1]), ("PATCH", "/dags/little", "text"),
    ("PATCH", "/dags?dag_id_pattern=hour", {"is_paused": True}),
    ("PATCH", "/dags?dag_id_pattern=~&limit=2", {"is_paused": True}),
    ("PATCH", "/dags?dag_id_pattern=~&tags=red&update_mask=is_paused", {"is_paused": False}),
    ("GET", "/dagStats?dag_ids=little,failing"), ("GET", "/dagStats?dag_ids=nope"),
    ("GET", "/dagStats"), ("GET", "/dagWarnings"), ("GET", "/dagWarnings?dag_id=little"),
    ("GET", "/dagWarnings?warning_type=non-existent%20pool&order_by=-timestamp&limit=1"),
    ("GET", "/dagWarnings?order_by=nope"), ("GET", "/dagWarnings?warning_type=nope"),
    ("GET", "/dagSources/nope"), ("PUT", "/parseDagFile/nope"),
    ("PUT", "/parseDagFile/{token}"), ("PUT", "viewer /parseDagFile/{token}"),
    # runs
    ("GET", R), ("GET", f"{R}?order_by=-execution_date&limit=1"), ("GET", f"{R}?order_by=nope"),
    ("GET", f"{R}?order_by=-dag_run_id&fields=dag_run_id"), ("GET", f"{R}?offset=1&fields=state"),
    ("GET", f"{R}?state=success&fields=dag_run_id"), ("GET", f"{R}?state=failed"),
    ("GET", f"{R}?execution_date_gte=2024-02-03T00:00:00Z&fields=dag_run_id"),
    ("GET", f"{R}?execution_date_lte=2024-02-02T00:00:00%2B00:00&fields=dag_run_id"),
    ("GET", f"{R}?execution_date_lte=2024-02-02T02:00:00+02:00&fields=dag_run_id"),
    ("GET", f"{R}?start_date_gte=2099-01-01T00:00:00Z"),
    ("GET", f"{R}?end_date_lte=2099-01-01T00:00:00Z&fields=dag_run_id"),
    ("GET", f"{R}?updated_at_lte=2099-01-01T00:00:00Z&fields=dag_run_id"),
    ("GET", f"{R}?start_date_gte=yesterday"), ("GET", f"{R}?fields=nope"),
    ("GET", "/dags/nope/dagRuns"), ("GET", "/dags/~/dagRuns?order_by=dag_id&fields=dag_id"),
    ("GET", f"{R}/one"), ("GET", f"{R}/nope"), ("GET", "/dags/nope/dagRuns/one"),
    ("GET", f"{R}/two?fields=note,conf"), ("GET", f"{R}/two?fields=nope"),
    ("GET", "/dags/failing/dagRuns/bad"),
    ("POST", LIST_RUNS, {}), ("POST", LIST_RUNS, {"dag_ids": ["little"], "states": ["success"]}),
    ("POST", LIST_RUNS, {"order_by": "-execution_date", "page_limit": 1, "page_offset": 1}),
    ("POST", LIST_RUNS, {"page_limit": 0}), ("POST", LIST_RUNS, {"page_offset": -1}),
    ("POST", LIST_RUNS, {"nope": 1}), ("POST", LIST_RUNS, {"order_by": "nope"}),
    ("POST", LIST_RUNS, {"execution_date_gte": "2024-02-03T00:00:00"}),
    ("POST", LIST_RUNS, {"execution_date_gte": "2024-02-03T00:00:00Z"}),
    ("POST", R, {"dag_run_id": "four", "logical_date": "2024-02-05T00:00:00Z", "conf": {"p": 4},
                 "note": "a note"}),
    ("POST", R, {"dag_run_id": "five", "logical_date": "2024-02-06T00:00:00Z",
                 "data_interval_start": "2024-02-01T00:00:00Z",
                 "data_interval_end": "2024-02-02T00:00:00Z"}),
    ("POST", R, {"logical_date": "2024-02-07T01:02:03Z"}),
    ("POST", R, {"execution_date": "2024-02-08T01:02:03Z"}),
    ("POST", R, {"dag_run_id": "x", "execution_date": "2024-02-08T01:02:03Z",
                 "logical_date": "2024-02-09T01:02:03Z"}),
    ("POST", R, {"dag_run_id": "six", "data_interval_start": "2024-02-01T00:00:00Z"}),
    ("POST", R, {"dag_run_id": "one"}), ("POST", R, {"logical_date": "2024-02-02T00:00:00Z"}),
    ("POST", R, {"dag_run_id": "seven", "logical_date": "2024-03-02T00:00:00"}),
    ("POST", R, {"dag_run_id": "seven", "logical_date": "soon"}),
    ("POST", R, {"dag_run_id": "seven", "conf": "text"}), ("POST", R, {"conf": [1]}),
    ("POST", R, {"dag_run_id": "seven", "state": "failed"}), ("POST", R, {"nope": 1}),
    ("POST", "/dags/nope/dagRuns", {}), ("POST", R, None),
    ("PATCH", f"{R}/four", {"state": "success"}), ("PATCH", f"{R}/four", {"state": "running"}),
    ("PATCH", f"{R}/four", {"state": "queued"}), ("PATCH", f"{R}/four", {"state": "failed"}),
    ("PATCH", f"{R}/nope", {"state": "failed"}), ("PATCH", f"{R}/four", {}),
    ("PATCH", f"{R}/two/setNote", {"note": "another"}), ("PATCH", f"{R}/two/setNote", {"note": 1}),
    ("PATCH", f"{R}/nope/setNote", {"note": "another"}),
    ("PATCH", f"{R}/two/setNote", {"note": "x" * 1001}),
    ("POST", f"{R}/one/clear", {"dry_run": True}), ("POST", f"{R}/one/clear", {}),
    ("POST", f"{R}/four/clear", {"dry_run": False}), ("POST", f"{R}/nope/clear", {}),
    ("GET", f"{R}/one/upstreamDatasetEvents"),
    ("DELETE", f"{R}/five"), ("DELETE", f"{R}/five"), ("DELETE", "/dags/nope/dagRuns/five"),
    # task instances
    ("GET", T), ("GET", f"{T}?limit=1&offset=1"), ("GET", f"{T}?state=success&pool=nope"),
    ("GET", f"{T}?state=none"), ("GET", f"{T}?state=nope"), ("GET", f"{T}?queue=default&limit=1"),
    ("GET", f"{T}?duration_gte=1000"), ("GET", f"{T}?start_date_gte=2099-01-01T00:00:00Z"),
    ("GET", "/dags/~/dagRuns/~/taskInstances?limit=1"), ("GET", f"{R}/nope/taskInstances"),
    ("GET", f"{T}/first"), ("GET", f"{T}/second"), ("GET", f"{T}/third"), ("GET", f"{T}/nope"),
    ("GET", f"{M}/each"), ("GET", f"{M}/each/1"), ("GET", f"{M}/each/7"), ("GET", f"{M}/each/x"),
    ("GET", f"{M}/each/listMapped"), ("GET", f"{M}/each/listMapped?order_by=-map_index&limit=1"),
    ("GET", f"{M}/each/listMapped?order_by=nope"), ("GET", f"{M}/source/listMapped"),
    ("GET", f"{M}/nope/listMapped"), ("GET", f"{M}/each/listMapped?state=failed"),
    ("GET", f"{F}/fail"), ("GET", f"{F}/after"), ("GET", f"{F}/fail/tries"),
    ("GET", f"{F}/fail/tries/1"), ("GET", f"{F}/fail/tries/2"), ("GET", f"{F}/fail/tries/3"),
    ("GET", f"{M}/each/2/tries"), ("GET", f"{M}/each/2/tries/1"), ("GET", f"{M}/each/tries"),
    ("GET", f"{F}/fail/dependencies"), ("GET", f"{F}/nope/dependencies"),
    ("GET", f"{M}/each/0/dependencies"), ("GET", f"{F}/fail/links"), ("GET", f"{F}/nope/links"),
    ("GET", "/dags/caller/dagRuns/calling/taskInstances/calls/links"),
    ("GET", "/dags/caller/dagRuns/nope/taskInstances/calls/links"),
    ("GET", "/dags/nope/dagRuns/calling/taskInstances/calls/links"),
    ("POST", "/dags/hourly/dagRuns", {"dag_run_id": "h", "logical_date": "2024-02-01T00:00:00Z"}),
    ("GET", "/dags/hourly/dagRuns/h/taskInstances/waits/links"),
    ("DELETE", "/dags/hourly/dagRuns/h"),
    ("POST", LIST_TASKS, {"dag_ids": ["mapped"], "task_ids": ["source"]}),
    ("POST", LIST_TASKS, {"dag_run_ids": ["bad"], "state": ["failed"]}),
    ("POST", LIST_TASKS, {"page_limit": 1, "page_offset": 2}), ("POST", LIST_TASKS, {"nope": 1}),
    ("POST", LIST_TASKS, {"state": ["nope"]}),
    ("PATCH", f"{T}/second/setNote", {"note": "slow"}), ("PATCH", f"{T}/nope/setNote", {"note": ""}),
    ("PATCH", f"{M}/each/1/setNote", {"note": "one"}), ("PATCH", f"{T}/second/setNote", {}),
    ("PATCH", f"{T}/second", {"dry_run": True, "new_state": "failed"}),
    ("PATCH", f"{T}/second", {"dry_run": False, "new_state": "failed"}), ("GET", f"{T}/second"),
    ("PATCH", f"{T}/second", {"new_state": "running"}), ("PATCH", f"{T}/second", {}),
    ("PATCH", f"{T}/nope", {"new_state": "failed"}), ("PATCH", f"{M}/each/2", {
        "dry_run": False, "new_state": "skipped"}),
    ("POST", "/dags/little/updateTaskInstancesState", SET_STATE),
    ("POST", "/dags/little/updateTaskInstancesState", {**SET_STATE, "include_downstream": True}),
    ("POST", "/dags/little/updateTaskInstancesState", {**SET_STATE, "include_upstream": True,
                                                       "include_future": True}),
    ("POST", "/dags/little/updateTaskInstancesState", {**SET_STATE, "task_id": "nope"}),
    ("POST", "/dags/little/updateTaskInstancesState", {**SET_STATE, "dag_run_id": "nope"}),
    ("POST", "/dags/little/updateTaskInstancesState", {"task_id": "second"}),
    ("POST", "/dags/nope/updateTaskInstancesState", SET_STATE),
    ("POST", "/dags/failing/clearTaskInstances", {}),
    ("POST", "/dags/failing/clearTaskInstances", {"only_failed": False, "task_ids": ["fail"]}),
    ("POST", "/dags/failing/clearTaskInstances", {"only_failed": False, "task_ids": ["fail"],
                                                  "include_downstream": True}),
    ("POST", "/dags/failing/clearTaskInstances", {"dag_run_id": "nope"}),
    ("POST", "/dags/failing/clearTaskInstances", {"dag_run_id": "bad", "dry_run": False,
                                                  "task_ids": ["fail"], "reset_dag_runs": True}),
    ("POST", "/dags/failing/clearTaskInstances", {"only_failed": True, "only_running": True}),
    ("POST", "/dags/failing/clearTaskInstances", {"start_date": "2024-02-03T00:00:00Z",
                                                  "end_date": "2024-02-02T00:00:00Z"}),
    ("POST", "/dags/failing/clearTaskInstances", {"task_ids": []}),
    ("POST", "/dags/failing/clearTaskInstances", {"task_ids": ["nope"], "only_failed": False}),
    ("POST", "/dags/nope/clearTaskInstances", {}), ("GET", "/dags/failing/dagRuns/bad"),
    # logs
    ("GET", f"{F}/nope/logs/1"), ("GET", f"{T}/first/logs/1?token=bad"), ("GET", f"{T}/first/logs/x"),
    # XComs
    ("GET", f"{T}/first/xcomEntries"), ("GET", f"{T}/~/xcomEntries?limit=1"),
    ("GET", f"{M}/each/xcomEntries?map_index=1"), ("GET", f"{M}/each/xcomEntries?offset=1"),
    ("GET", f"{M}/each/xcomEntries?xcom_key=nope"), ("GET", f"{T}/first/xcomEntries/return_value"),
    ("GET", f"{T}/first/xcomEntries/return_value?stringify=false"),
    ("GET", f"{T}/first/xcomEntries/return_value?deserialize=true"),
    ("GET", f"{M}/each/xcomEntries/return_value?map_index=2"), ("GET", f"{T}/nope/xcomEntries"),
    ("GET", f"{T}/first/xcomEntries/nope"), ("GET", "/dags/~/dagRuns/~/taskInstances/~/xcomEntries"),
    # pools
    ("GET", "/pools"), ("POST", "/pools", {"name": "small", "slots": 3, "description": "d"}),
    ("POST", "/pools", {"name": "small", "slots": 3}), ("POST", "/pools", {"name": "x"}),
    ("POST", "/pools", {"name": "big", "slots": 3, "include_deferred": True}),
    ("POST", "/pools", {"slots": 1}), ("POST", "/pools", {"name": "x", "slots": 1, "nope": 1}),
    ("POST", "/pools", {"name": "x", "slots": "many"}),
    ("GET", "/pools?order_by=-name&limit=2"), ("GET", "/pools?order_by=nope"),
    ("GET", "/pools/small"), ("GET", "/pools/nope"),
    ("PATCH", "/pools/small", {"name": "small", "slots": 5}),
    ("PATCH", "/pools/small", {"slots": 6}), ("PATCH", "/pools/small", {"name": "little", "slots": 7}),
    ("PATCH", "/pools/little?update_mask=slots", {"slots": 8}), ("PATCH", "/pools/little", {}),
    ("PATCH", "/pools/little?update_mask=nope", {"slots": 8}), ("PATCH", "/pools/nope", {"slots": 8}),
    ("PATCH", "/pools/default_pool", {"name": "default_pool", "slots": 9}),
    ("PATCH", "/pools/default_pool?update_mask=slots", {"slots": 10}),
    ("DELETE", "/pools/little"), ("DELETE", "/pools/little"), ("DELETE", "/pools/default_pool"),
    # Variables
    ("GET", "/variables"), ("POST", "/variables", {"key": "city", "value": "Bern"}),
    ("POST", "/variables", {"key": "api_key", "value": "s3cret", "description": "of a service"}),
    ("POST", "/variables", {"key": "city", "value": "Basel"}), ("POST", "/variables", {"key": "x"}),
    ("POST", "/variables", {"value": "x"}), ("POST", "/variables", {"key": "n", "value": 1}),
    ("POST", "/variables", {"key": "x", "value": "y", "nope": 1}),
    ("GET", "/variables?order_by=-key"), ("GET", "/variables?order_by=nope"),
    ("GET", "/variables/city"), ("GET", "/variables/nope"), ("GET", "viewer /variables"),
    ("PATCH", "/variables/city", {"key": "city", "value": "Chur"}),
    ("PATCH", "/variables/city?update_mask=description", {"key": "city", "description": "where"}),
    ("PATCH", "/variables/city", {"key": "other", "value": "Chur"}), ("PATCH", "/variables/city", {}),
    ("PATCH", "/variables/nope", {"key": "nope", "value": "x"}),
    ("DELETE", "/variables/city"), ("DELETE", "/variables/city"), ("DELETE", "/variables/api_key"),
    # connections
    ("POST", "/connections", {"connection_id": "db", "conn_type": "postgres", "host": "h",
                              "login": "me", "password": "s3cret", "port": 5432, "schema": "s",
                              "extra": "{\"a\": 1}", "description": "d"}),
    ("POST", "/connections", {"connection_id": "db", "conn_type": "postgres"}),
    ("POST", "/connections", {"connection_id": "x"}), ("POST", "/connections", {"conn_type": "x"}),
    ("POST", "/connections", {"connection_id": "bad id!", "conn_type": "http"}),
    ("POST", "/connections", {"connection_id": "x", "conn_type": "http", "nope": 1}),
    ("POST", "/connections", {"connection_id": "x", "conn_type": "http", "port": "p"}),
    ("POST", "/connections", {"connection_id": "web", "conn_type": "http"}),
    ("GET", "/connections?order_by=-connection_id"), ("GET", "/connections?order_by=nope"),
    ("GET", "/connections?order_by=conn_type&limit=1"),
    ("GET", "/connections/db"), ("GET", "/connections/nope"), ("GET", "viewer /connections"),
    ("PATCH", "/connections/db", {"connection_id": "db", "conn_type": "mysql", "host": "g"}),
    ("PATCH", "/connections/db?update_mask=port", {"connection_id": "db", "conn_type": "x",
                                                  "port": 1}),
    ("PATCH", "/connections/db", {"connection_id": "other", "conn_type": "x"}),
    ("PATCH", "/connections/db?update_mask=nope", {"connection_id": "db", "conn_type": "x"}),
    ("PATCH", "/connections/nope", {"connection_id": "nope", "conn_type": "x"}),
    ("GET", "/connections/db"), ("DELETE", "/connections/web"), ("DELETE", "/connections/web"),
    ("POST", "/connections/test", {"connection_id": "x", "conn_type": "http"}),
    # users and roles
    ("GET", "/users?order_by=user_name"), ("GET", "/users?order_by=nope"), ("GET", "/users/admin"),
    ("GET", "/users?order_by=-user_name&limit=1"), ("GET", "/users/nope"), ("GET", "viewer /users"),
    ("POST", "/users", {"username": "x"}), ("DELETE", "/users/nope"), ("GET", "/roles?limit=1"),
    ("GET", "/roles?order_by=nope"), ("GET", "/roles/nope"), ("GET", "/roles/Op"),
    ("GET", "viewer /roles"), ("POST", "/roles", {"name": "x", "actions": []}),
    ("GET", "/permissions?limit=1"), ("GET", "viewer /permissions"),
    # the rest
    ("GET", "/importErrors"), ("GET", "/importErrors/1"), ("GET", "/importErrors/99"),
    ("GET", "/importErrors?order_by=nope"), ("GET", "/importErrors?order_by=-timestamp"),
    ("GET", "/eventLogs?event=post_dag_run&limit=1"), ("GET", "/eventLogs/999999"),
    ("GET", "/eventLogs?order_by=nope"), ("GET", "viewer /eventLogs?limit=1"),
    ("GET", "/config"), ("GET", "/config?section=core"), ("GET", "/config/section/core/option/x"),
    ("GET", "/plugins"), ("GET", "/plugins?limit=1"), ("GET", "/health"), ("GET", "/version"),
    ("GET", "/datasets"), ("GET", "/datasets/nope"), ("GET", "/datasets/events"),
    ("GET", "/datasets?order_by=nope"), ("GET", "/datasets?order_by=-uri&limit=1"),
    ("GET", "/datasets?uri_pattern=AWAIT"), ("GET", "/datasets?dag_ids=maker"),
    ("GET", f"/datasets/{MADE}"), ("GET", "/dags/taker/details"), ("GET", "/dags/taker"),
    ("GET", "/datasets/events?dataset_id=99"), ("GET", "/datasets/events?source_dag_id=maker"),
    ("GET", "/datasets/events?source_task_id=nope"), ("GET", "/datasets/events?order_by=nope"),
    ("GET", "/datasets/events?source_run_id=made&source_map_index=-1"),
    ("GET", "/dags/maker/dagRuns/made/upstreamDatasetEvents"),
    ("GET", "/dags/maker/dagRuns/nope/upstreamDatasetEvents"),
    ("GET", "/datasets/queuedEvent/nope"), ("GET", f"/datasets/queuedEvent/{MADE}"),
    ("GET", f"/datasets/queuedEvent/{MADE}?before=2020-01-01T00:00:00Z"),
    ("GET", "/dags/little/datasets/queuedEvent"), ("GET", "/dags/taker/datasets/queuedEvent"),
    ("GET", f"/dags/taker/datasets/queuedEvent/{MADE}"),
    ("GET", "/dags/taker/datasets/queuedEvent/nope"),
    ("POST", "/datasets/events", {"dataset_uri": "nope"}), ("POST", "/datasets/events", {}),
    ("POST", "/datasets/events", {"dataset_uri": MADE_URI, "extra": {"n": 1}}),
    ("POST", "/datasets/events", {"dataset_uri": MADE_URI, "extra": 1}),
    ("POST", "viewer /datasets/events", {"dataset_uri": MADE_URI}),
    ("DELETE", f"/dags/taker/datasets/queuedEvent/{MADE}"),
    ("DELETE", f"/dags/taker/datasets/queuedEvent/{MADE}"),
    ("DELETE", "/dags/taker/datasets/queuedEvent"), ("DELETE", f"/datasets/queuedEvent/{MADE}"),
    ("DELETE", "/dags/unused"), ("DELETE", "/dags/unused"), ("GET", "/dags/unused"),
    ("GET", "/nope"), ("PUT", "/dags"), ("DELETE", "/dags"),
)  # fmt: skip

USERS = {"admin": "admin", "viewer": "viewer", "nobody": "wrong"}


def call(method: str, path: str, body: object = None, *, accept: str = "application/json"):
    """Return the status, the content type and the answer, read where it is JSON."""
    user, _, rest = path.partition(" ") if " " in path.partition("/")[0] else ("admin", "", path)
    if "{token}" in rest:
        rest = rest.replace("{token}", call("GET", "/dags/little")[2]["file_token"])
    request = urllib.request.Request(BASE + rest, method=method, headers={"Accept": accept})
    if user in USERS:
        token = base64.b64encode(f"{user}:{USERS[user]}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, kind, text = answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        status, kind, text = error.code, error.headers["Content-Type"], error.read()
    is_json, is_page = "json" in (kind or "") and text, "html" in (kind or "") and text
    read = json.loads(text) if is_json else "(a page)" if is_page else text.decode()
    return status, (kind or "").partition(";")[0], read


def until(what: str, is_done) -> None:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        try:
            if is_done():
                return
        except OSError:
            pass
        time.sleep(1)
    raise SystemExit(f"not within {WITHIN_S} s: {what}")


def has_ended(dag_id: str, run_id: str) -> bool:
    return call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")[2]["state"] in {"success", "failed"}


def prepare(home: Path) -> None:
    dags = home / "dags"
    dags.mkdir(parents=True)
    shutil.copy(HERE.parent / "api_dags.py", dags)
    (dags / "broken.py").write_text(BROKEN_FILE)
    os.environ.update(
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__API__AUTH_BACKENDS="airflow.api.auth.backend.basic_auth",
        AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL="5",
        AIRFLOW__WEBSERVER__EXPOSE_CONFIG="False",
    )
    subprocess.run(["airflow", "db", "migrate"], check=True)
    subprocess.run(["airflow", "sync-perm"], check=True)  # makes the roles
    for name, role in (("admin", "Admin"), ("viewer", "Viewer")):
        subprocess.run(
            ["airflow", "users", "create", "-u", name, "-p", name, "-r", role]
            + ["-f", name, "-l", name, "-e", f"{name}@example.com"],
            check=True,
        )


def main(folder: Path) -> None:
    home = Path(os.environ["AIRFLOW_HOME"])
    prepare(home)
    log = (home / "servers.log").open("w")
    start = {"stdout": log, "stderr": log, "start_new_session": True}
    scheduler = subprocess.Popen(["airflow", "scheduler"], **start)
    server = subprocess.Popen(["airflow", "webserver", "-p", str(PORT), "-w", "1"], **start)
    try:
        until("the DAGs are there", lambda: call("GET", "/dags")[2]["total_entries"] == 9)
        until("the file is reported", lambda: call("GET", "/importErrors")[2]["total_entries"] == 1)
        call("PATCH", "/dags/little", {"is_paused": False})
        setup = [("POST", f"/dags/{dag_id}/dagRuns", body) for dag_id, body in RUNS]
        made = [record(one) for one in setup]
        for dag_id, body in RUNS:
            until(f"{body} has ended", lambda d=dag_id, b=body: has_ended(d, b["dag_run_id"]))
        scheduler.send_signal(signal.SIGTERM)
        scheduler.wait()
        answers = [record(one) for one in CALLS]
        text = call("GET", f"{T}/first/logs/1", accept="text/plain")[2]
        log_json = call("GET", f"{T}/first/logs/1")[2]
    finally:
        for process in (scheduler, server):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    shape = {"content": type(log_json["content"]).__name__, "keys": sorted(log_json)}
    result = {
        "runs": made,
        "calls": answers,
        "log": {**shape, "text_has_lines": "\n" in text},
        "operations": operations(),
    }
    written = json.dumps(result, indent=1, sort_keys=True).replace(str(home), "$AIRFLOW_HOME")
    written = re.sub(r'"file_token": "[^"]*"', '"file_token": "(a token)"', written)
    (folder / "api.json").write_text(written + "\n")


def operations() -> dict[str, object]:
    """Return the name of each operation, by its method and path, with those of its parameters."""
    import airflow
    import yaml

    path = Path(airflow.__file__).parent / "api_connexion/openapi/v1.yaml"
    document = yaml.safe_load(path.read_text())
    shared = document["components"]["parameters"]

    def name(parameter: dict[str, str]) -> str:
        if "$ref" in parameter:
            parameter = shared[parameter["$ref"].rpartition("/")[2]]
        return f"{parameter['in']} {parameter['name']}"

    found: dict[str, object] = {}
    for path, methods in document["paths"].items():
        common = methods.pop("parameters", [])
        for method, operation in methods.items():
            parameters = sorted(map(name, common + operation.get("parameters", [])))
            row = {"name": operation["operationId"], "parameters": parameters}
            found[f"{method.upper()} {path}"] = row
    return found


def record(one: tuple[object, ...]) -> dict[str, object]:
    method, path, *body = one
    status, kind, answer = call(method, path, *body)
    row: dict[str, object] = {"method": method, "path": path, "status": status, "type": kind}
    if body:
        row["body"] = body[0]
    return {**row, "answer": answer}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
