"""Wrong in how the command becomes a process."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from airflow_lite.keys import RunCommand
from airflow_lite_testing.bench import SECRET
from airflow_lite_testing.mutants.base import Mutant

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey


class _Spawning(Mutant):
    """Starts what `words` makes of the command."""

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Start the attempt's process."""
        self.children[key] = subprocess.Popen(
            self.words(command), stdin=subprocess.DEVNULL, start_new_session=True
        )

    def words(self, command: list[str]) -> list[str]:
        """Return the words to start."""
        return command


class LosesAWord(_Spawning):
    """Passes the command on without its last option."""

    caught_by = "basic.command.word-for-word"

    def words(self, command: list[str]) -> list[str]:
        """Return all but the last two words."""
        return command[:-2]


class ThroughAShell(_Spawning):
    """Hands the command to a shell, its words between quotes that one of them ends."""

    caught_by = "basic.command.no-shell"

    def words(self, command: list[str]) -> list[str]:
        """Return a shell and a line for it."""
        return ["/bin/sh", "-c", " ".join(f'"{word}"' for word in command)]


class LosesThePickle(_Spawning):
    """Makes the command anew, without the pickled DAG that it names."""

    caught_by = "optional.pickling.runs-without-the-file"

    def words(self, command: list[str]) -> list[str]:
        """Return the command for a worker that has the DAG file."""
        return RunCommand.parse(command)._replace(pickle_id=None).words()


class TriesAgainByItself(Mutant):
    """Runs a command that failed once more before it reports."""

    caught_by = "basic.command.runs-once"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands: dict[TaskInstanceKey, list[str]] = {}

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Start the attempt's process and keep its command."""
        super().execute_async(key, command, queue, executor_config)
        self.commands[key] = command

    def sync(self) -> None:
        """Start what failed again, once."""
        for key, child in list(self.children.items()):
            if child.poll() and key in self.commands:
                self.children[key] = subprocess.Popen(
                    self.commands.pop(key), stdin=subprocess.DEVNULL, start_new_session=True
                )
        super().sync()


class SecretInArgv(_Spawning):
    """Passes a secret on as an argument."""

    caught_by = "faults.secrets.not-in-argv"

    def words(self, command: list[str]) -> list[str]:
        """Return a wrapper with the secret, and the command."""
        code = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[2:]))"
        return [sys.executable, "-c", code, SECRET, *command]


class SecretInLog(_Spawning):
    """Logs the environment of what it starts."""

    caught_by = "faults.secrets.not-in-logs"

    def words(self, command: list[str]) -> list[str]:
        """Log, and return the command as it is."""
        import logging
        import os

        logging.getLogger(__name__).debug("starting %s in %s", command, dict(os.environ))
        return command
