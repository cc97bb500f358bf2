"""The programs that this package runs as processes of their own, by the module of each.

`worker.in_process.orphan_guard` is none of them: it is run by its path, without this package.
"""

from __future__ import annotations

import sys
from enum import StrEnum

#: Exit code of a callback that was not begun: the metadata database could not be used.
NOT_BEGUN = 75
#: Exit code of the process of triggers where one of them blocked all others.
BLOCKED = 76


class Program(StrEnum):
    """A module that is run by `python -P -m`; it stands in the command line of its process."""

    TASK_HOST = "airflow_lite.worker.host.main"
    BASE_ZYGOTE = "airflow_lite.worker.zygote.base"
    PARSE_SERVER = "airflow_lite.parsing.server"
    CALLBACK = "airflow_lite.worker.in_process.callback"
    TRIGGER_RUNNER = "airflow_lite.triggerer.runner"
    LOG_PUMP = "airflow_lite.worker.task_log.pump"
    LOG_SERVER = "airflow_lite.logs.serving.server"
    #: Is not run by `-m`: `plugins.probing.probe` has to set `sys.path` before anything of it.
    PROBE_CHILD = "airflow_lite.plugins.probing.probe_child"

    def command(self, *arguments: str) -> list[str]:
        """Return the words that run it by this Python; -P: what lies in the folder is not ours."""
        return [sys.executable, "-P", "-m", self.value, *arguments]
