"""Backfills that Airflow 2.10.5 and airflow-lite are both asked for: plain data, and no import."""

from __future__ import annotations

#: What a DAG of a case is made of unless it says otherwise: first, then second.
CHAIN = {"first": ["second"]}
#: Options of a backfill are named as the flags. `before`: runs that there are, by day of January:
#: (run type, state, the states of the tasks). `fails`: (task, day) pairs whose code raises.
CASES: dict[str, dict] = {
    "a fresh range": {"days": (1, 3)},
    "one date": {"days": (2, 2)},
    "no date of the schedule": {"days": (2, 2), "schedule": "@monthly"},
    "without a schedule": {"days": (1, 3), "schedule": None},
    "a task fails": {"days": (1, 3), "fails": [("first", 2)]},
    "a task fails, one run at a time": {
        "days": (1, 3), "fails": [("first", 2)], "max_active_runs": 1,
    },
    "a task fails, going on": {
        "days": (1, 3), "fails": [("first", 2)], "max_active_runs": 1,
        "options": {"continue_on_failures": True},
    },
    "a task fails in a run that succeeds": {
        "days": (1, 2), "fails": [("first", 1)], "max_active_runs": 1,
        "tasks": {"second": {"trigger_rule": "all_done"}},
    },
    "a run that failed": {
        "days": (1, 2), "before": {1: ("scheduled", "failed", ["failed", "upstream_failed"])},
    },
    "a run that failed, rerunning": {
        "days": (1, 2), "before": {1: ("scheduled", "failed", ["failed", "upstream_failed"])},
        "options": {"rerun_failed_tasks": True},
    },
    "a run that fails again, rerunning": {
        "days": (1, 1), "before": {1: ("scheduled", "failed", ["failed", "upstream_failed"])},
        "options": {"rerun_failed_tasks": True}, "fails": [("first", 1)],
        "tasks": {"first": {"retries": 1}},
    },
    "a run that failed, reset": {
        "days": (1, 2), "before": {1: ("scheduled", "failed", ["failed", "upstream_failed"])},
        "options": {"reset_dagruns": True},
    },
    "runs that succeeded, reset": {
        "days": (1, 1), "before": {1: ("backfill", "success", ["success", "success"])},
        "options": {"reset_dagruns": True},
    },
    "runs that succeeded": {
        "days": (1, 2),
        "before": {
            1: ("scheduled", "success", ["success", "success"]),
            2: ("manual", "success", ["success", "skipped"]),
        },
    },
    "a queued run": {"days": (1, 1), "before": {1: ("scheduled", "queued", [None, None])}},
    "a running scheduled run": {
        "days": (1, 2), "before": {1: ("scheduled", "running", ["success", None])},
    },
    "a run that a backfill began": {
        "days": (1, 2), "before": {1: ("backfill", "running", ["success", None])},
    },
    "tasks that match, and what they wait for": {
        "days": (1, 1), "options": {"task_regex": "^second$"}, "edges": {"first": ["second"], "second": ["third"]},
    },
    "tasks that match alone": {
        "days": (1, 1), "edges": {"first": ["second"], "second": ["third"]},
        "options": {"task_regex": "^second$", "ignore_dependencies": True},
    },
    "tasks that match in a run that there is": {
        "days": (1, 1), "options": {"task_regex": "first"},
        "before": {1: ("scheduled", "failed", [None, "failed"])},
    },
    "depends_on_past, the run before failed": {
        "days": (2, 3), "before": {1: ("scheduled", "failed", ["failed", "upstream_failed"])},
        "tasks": {"first": {"depends_on_past": True}},
    },
    "depends_on_past, a run in the midst fails": {
        "days": (1, 3), "fails": [("first", 2)], "tasks": {"first": {"depends_on_past": True}},
    },
    "depends_on_past, a run in the midst fails, going on": {
        "days": (1, 3), "fails": [("first", 2)], "tasks": {"first": {"depends_on_past": True}},
        "options": {"continue_on_failures": True},
    },
    "wait_for_downstream": {
        "days": (1, 3), "fails": [("second", 2)], "tasks": {"first": {"wait_for_downstream": True}},
    },
    "backwards": {"days": (1, 3), "fails": [("first", 2)], "max_active_runs": 1, "options": {"run_backwards": True}},
    "backwards with depends_on_past": {
        "days": (1, 3), "tasks": {"first": {"depends_on_past": True}},
        "options": {"run_backwards": True},
    },
    "marked success": {
        "days": (1, 2), "fails": [("first", 1)], "options": {"mark_success": True},
    },
    "of another pool": {"days": (1, 1), "options": {"pool": "other"}},
    "before the DAG's first date": {"days": (1, 3), "dag": {"start_date_day": 3}},
    "after the DAG's last date": {"days": (1, 3), "dag": {"end_date_day": 2}},
    "a task that begins later": {
        "days": (1, 2), "tasks": {"first": {"start_date_day": 2}, "second": {"end_date_day": 1}},
    },
}  # fmt: skip

#: Schedules and ranges: (schedule, the DAG's own dates, first, last).
RANGES: dict[str, dict] = {
    "daily": {"schedule": "@daily", "first": "2024-01-01", "last": "2024-01-03"},
    "between the dates": {
        "schedule": "@daily", "first": "2024-01-01T05:00", "last": "2024-01-03T05:00",
    },
    "monthly": {"schedule": "0 6 1 * *", "first": "2024-01-01", "last": "2024-04-01T06:00"},
    "a span": {"schedule": 5400, "first": "2024-01-01T00:10", "last": "2024-01-01T06:00"},
    "clocks go forward": {
        "schedule": "30 2 * * *", "timezone": "Europe/Berlin",
        "first": "2024-03-29", "last": "2024-04-02",
    },
    "clocks go back": {
        "schedule": "0 */6 * * *", "timezone": "Europe/Berlin",
        "first": "2024-10-26T20:00", "last": "2024-10-28",
    },
    "the DAG begins later": {
        "schedule": "@daily", "start_date": "2024-01-02T12:00",
        "first": "2024-01-01", "last": "2024-01-04",
    },
    "the DAG ends earlier": {
        "schedule": "@daily", "end_date": "2024-01-02", "first": "2024-01-01", "last": "2024-01-04",
    },
    "no catchup": {
        "schedule": "@daily", "catchup": False, "first": "2024-01-01", "last": "2024-01-03",
    },
    "once": {"schedule": "@once", "first": "2024-01-01T05:00", "last": "2024-01-03"},
    "none": {"schedule": None, "first": "2024-01-01", "last": "2024-01-03"},
    "continuous": {"schedule": "@continuous", "first": "2024-01-01", "last": "2024-01-03"},
    "moments of cron": {
        "trigger": "0 0 * * *", "first": "2024-01-01", "last": "2024-01-03",
    },
    "moments of cron that look back": {
        "trigger": "0 0 * * *", "interval_s": 3600, "first": "2024-01-01", "last": "2024-01-03",
    },
    "events": {
        "events": ["2024-01-01T01:00", "2024-01-02T02:00", "2024-01-05T00:00"],
        "first": "2024-01-01T01:00", "last": "2024-01-03",
    },
    "the last before the first": {"schedule": "@daily", "first": "2024-01-03", "last": "2024-01-01"},
}  # fmt: skip
