"""One attempt under a task host of its own in this very process: `airflow-lite tasks run`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.keys import RunCommand

#: Exit codes: the outcome is recorded, whatever it was; the attempt is not ours to run; neither.
RECORDED, NOT_RECORDED, NOT_MINE = 0, 1, 3


def run(command: RunCommand, config: Config) -> int:
    """Claim and run one attempt; return when its outcome is recorded, or 3 if it is not ours.

    SIGTERM stops the task as a cancel does; a second one kills it.
    """
    from airflow_lite.worker.host.main import make_host
    from airflow_lite.worker.zygote.start import fork_base

    codes: list[int] = []

    def end(_token: str, state: str | None) -> None:
        codes.append(NOT_MINE if state is None else RECORDED)
        host.drain()

    base = fork_base()
    host = make_host(config, base, "foreground", uuid.uuid4().hex, None, on_end=end)
    host.stop_on_signals(config.getfloat("core", "killed_task_cleanup_time"))
    host.accept(command)
    host.run()
    return codes[0] if codes else NOT_RECORDED
