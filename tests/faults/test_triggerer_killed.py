"""kill -9 of what runs triggers: what waits for them goes on once, whoever runs them then."""

from __future__ import annotations

import os
import signal

from fixtures.processes import children_of, processes_of

WAITING = """
from airflow_lite import DAG, BaseOperator, FileTrigger
from datetime import datetime
from pathlib import Path

FOLDER = Path({folder!r})

class Waits(BaseOperator):
    def execute(self, context):
        self.note("begins", context)
        trigger = FileTrigger(str(FOLDER / "go"), poke_interval=0.05)
        self.defer(trigger=trigger, method_name="later")

    def later(self, context, event):
        self.note("goes on", context)

    def note(self, what, context):
        with (FOLDER / self.task_id).open("a") as notes:
            print(what, context["ti"].try_number, file=notes)

with DAG("waiting", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100):
    for number in range(5):
        Waits(task_id=f"t{number}", retries=1)
"""


def states_of(home):
    return {state for (state,) in home.execute("SELECT state FROM task_instance")}


def runner_of(scheduler):
    """Return the process of triggers that a scheduler has started, if there is one."""
    return next(iter(children_of(scheduler, "triggerer.runner")), None)


def test_what_waits_goes_on_once_after_the_death_of_the_triggerer_and_of_the_scheduler(
    home, wait_until, findings, tmp_path
):
    folder = tmp_path / "notes"
    folder.mkdir()
    home.dag("waiting", WAITING.replace("{folder!r}", repr(str(folder))))
    home.run("dags", "trigger", "waiting", "-r", "r")
    with home.scheduler() as first:
        wait_until(lambda: states_of(home) == {"deferred"}, "all tasks to be deferred")
        runner = wait_until(lambda: runner_of(first.pid), "the triggerer to start")
        os.kill(runner, signal.SIGKILL)
        wait_until(lambda: runner_of(first.pid) not in {None, runner}, "another triggerer")
        first.kill()
    with home.scheduler() as second:
        wait_until(lambda: runner_of(second.pid), "the triggerer of the next scheduler")
        (folder / "go").touch()
        wait_until(lambda: states_of(home) == {"success"}, "all tasks to end")

    assert findings() == []
    notes = {path.name: path.read_text().splitlines() for path in folder.glob("t*")}
    assert list(notes.values()) == [["begins 1", "goes on 1"]] * 5
    wait_until(lambda: not processes_of(home.folder), "every process to be gone")
