"""Each process dies in the midst of many tasks, one after the other: no try's code runs twice."""

from __future__ import annotations

import os
import signal

SLOTS = 2


def test_worker_host_task_and_scheduler_are_killed_in_the_midst_of_many_tasks(home, workers, many):
    run = many()
    one, two = (workers.start(name, "-c", str(SLOTS)) for name in ("one", "two"))
    with home.scheduler("CeleryExecutor", expect_exit=None) as first:
        run.wait_for(50)
        one.kill()
        one.wait(60)
        run.mended("a worker was killed")
        run.wait_for(100)
        os.kill(workers.host_of(two), signal.SIGKILL)
        run.mended("a task host was killed")
        workers.start("three", "-c", str(SLOTS))
        run.wait_for(200)
        first.kill()
    run.mended("the scheduler was killed")
    with home.scheduler("CeleryExecutor") as second:
        run.wait_for_gate()
        os.kill(run.waiting[0], signal.SIGKILL)
        run.mended("a task was killed")
        run.open()
        run.finish(most_lost=SLOTS + 1)
    for output in (second.output(), workers.output()):
        assert "Traceback" not in output
