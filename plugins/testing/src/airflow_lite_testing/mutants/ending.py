"""Wrong in how it ends, and in what it leaves."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite_testing.mutants.base import Mutant
from airflow_lite_testing.processes import kill

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey


class EndKills(Mutant):
    """Kills what runs instead of waiting for it."""

    caught_by = "faults.end.waits-for-what-runs"

    def end(self) -> None:
        """Kill what runs."""
        self.terminate()


class EndForEver(Mutant):
    """Waits for what runs without a bound."""

    caught_by = "faults.end.bounded"

    def end(self) -> None:
        """Wait for each process."""
        for child in self.children.values():
            child.wait(30)
        self.sync()


class EndOnce(Mutant):
    """Cannot be ended twice."""

    caught_by = "faults.end.may-come-again"
    ended = False

    def end(self) -> None:
        """End, once."""
        if self.ended:
            raise RuntimeError("It has ended already.")
        self.ended = True
        super().end()


class EndTakesItsTime(Mutant):
    """Waits for a while also where nothing runs."""

    caught_by = "faults.end.without-work-is-quick"

    def end(self) -> None:
        """Wait, then end."""
        time.sleep(8)
        super().end()


class TerminateWaits(Mutant):
    """Waits for what runs when it is to stop."""

    caught_by = "faults.terminate.bounded"

    def terminate(self) -> None:
        """Wait for each process."""
        for child in self.children.values():
            child.wait(30)


class HeartbeatWaits(Mutant):
    """Waits for each process in turn, as Airflow's SequentialExecutor does."""

    caught_by = "faults.heartbeat.within-its-budget"

    def sync(self) -> None:
        """Give each process a second to end."""
        for child in self.children.values():
            try:
                child.wait(1)
            except subprocess.TimeoutExpired:
                continue
        super().sync()


class BlindToSignals(Mutant):
    """Takes a killed process for one that still runs."""

    caught_by = "faults.kill.attempt-is-told-as-failed"

    def sync(self) -> None:
        """Tell the ends of those that exited."""
        killed = {key: child for key, child in self.children.items() if (child.poll() or 0) < 0}
        for key in killed:
            del self.children[key]
        super().sync()
        self.children.update(killed)


class LeavesThread(Mutant):
    """Starts a thread that it never stops."""

    caught_by = "faults.leaks.threads"

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()


class LeavesProcess(Mutant):
    """Starts a process that it never stops."""

    caught_by = "faults.leaks.processes"
    #: Kept, as a subprocess that is let go of while it runs is a warning.
    left: ClassVar[list[subprocess.Popen[bytes]]] = []

    def start(self) -> None:
        """Start the process."""
        self.left.append(subprocess.Popen(["sleep", "30"], stdin=subprocess.DEVNULL))


class LeavesDescriptor(Mutant):
    """Opens a pipe that it never closes."""

    caught_by = "faults.leaks.descriptors"

    def start(self) -> None:
        """Open the pipe."""
        os.pipe()


class KeepsZombies(Mutant):
    """Sees that a process has ended, and never waits for it."""

    caught_by = "faults.zombies.none-while-it-lives"
    kept: ClassVar[list[int]] = []

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Start the attempt's process without keeping hold of it."""
        pid = os.posix_spawnp(command[0], command, os.environ)
        self.kept.append(pid)
        self.pids[key] = pid

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pids: dict[TaskInstanceKey, int] = {}

    def sync(self) -> None:
        """Look at the processes without waiting for them."""
        for key, pid in list(self.pids.items()):
            status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if status is not None:
                del self.pids[key]
                self.success(key)


class KillsItsForerunner(Mutant):
    """Kills at its start what another executor had started."""

    caught_by = "faults.restart.new-executor-beside-the-old"
    everyones: ClassVar[list[int]] = []

    def start(self) -> None:
        """Kill what is known of earlier ones."""
        while self.everyones:
            kill(self.everyones.pop())

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Start the attempt's process."""
        super().execute_async(key, command, queue, executor_config)
        self.everyones.append(self.children[key].pid)
