"""`airflow-lite jobs …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import LISTING, command
from airflow_lite.cli.types import positive_int

_TYPES = ("SchedulerJob", "TriggererJob", "BackfillJob")

COMMANDS = (
    command(
        "list",
        "jobs.list_jobs",
        "List the schedulers, what each owns and how busy it is",
        Arg("--job-type", "Only jobs of this type", choices=_TYPES),
        Arg(
            "--state",
            "Only jobs in this state (default: running)",
            choices=("running", "success", "failed"),
            default="running",
        ),
        Arg(
            "--limit",
            "Show no more than this many, the latest first; 0 is all (default: 25)",
            type=positive_int(allow_zero=True),
            default=25,
        ),
        *LISTING,
        epilog="example: airflow-lite jobs list -o json",
    ),
    command(
        "check",
        "jobs.check",
        "Exit with 0 if a scheduler is alive, else with 1",
        Arg("--job-type", "Only jobs of this type", choices=_TYPES),
        Arg("--hostname", "Only jobs on this machine"),
        switch("--local", "Only jobs on the machine we are on"),
        Arg(
            "--limit",
            "Look at no more than this many; 0 is all (default: 1)",
            type=positive_int(allow_zero=True),
            default=1,
        ),
        switch("--allow-multiple", "More than one is fine; needs a --limit above 1"),
        epilog="examples:\n"
        "  airflow-lite jobs check --job-type SchedulerJob --local\n"
        "  airflow-lite jobs check --allow-multiple --limit 100",
    ),
)
