"""How a deferred task goes on where what it waited for failed, in Airflow's words."""

from __future__ import annotations

import json

#: Stands in place of the method that the task goes on with: it fails, as its arguments say.
FAIL = "__fail__"
#: The reasons, in the argument `error`: the time for it is over; the trigger failed.
TIMEOUT = "Trigger/execution timeout"
FAILURE = "Trigger failure"


def timeout_kwargs() -> str:
    """Return the arguments of `FAIL` after the time was over, as JSON text."""
    return json.dumps({"error": TIMEOUT})


def failure_kwargs(traceback: list[str]) -> str:
    """Return the arguments of `FAIL` after the trigger failed, as JSON text."""
    return json.dumps({"error": FAILURE, "traceback": traceback})
