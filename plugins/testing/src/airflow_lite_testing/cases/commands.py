"""Basic: the command of an attempt reaches the process as it was given, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases

if TYPE_CHECKING:
    from airflow_lite_testing.bench import Attempt, Start


class CommandCases(Cases):
    """What of the command can be seen from inside the attempt."""

    @case("basic.command.word-for-word")
    def test_command_arrives_word_for_word(self) -> None:
        """The attempt sees the words of its command, or as a task the ids that they name."""
        rig = self.rig().start()
        attempts = [self.bench.attempt() for _ in range(2)]
        rig.run(*attempts)
        for attempt in attempts:
            words = self._one_start(attempt).words
            assert words == _expected(attempt, self._one_start(attempt)), (
                f"the command {attempt.command} arrived as {words}"
            )

    @case("basic.command.no-shell")
    def test_command_passes_no_shell(self) -> None:
        """No shell reads the command: what is a program to a shell stays a word."""
        rig = self.rig().start()
        attempt = self.bench.attempt()
        rig.run(attempt)
        made = list(self.bench.folder.rglob("pwned*"))
        for path in made:
            path.unlink()
        assert not made, "a shell ran a word of the command"
        assert self._one_start(attempt).words == _expected(attempt, self._one_start(attempt))

    @case("basic.command.runs-once")
    def test_command_runs_once(self) -> None:
        """Each attempt's command is run once, however it ends."""
        rig = self.rig().start()
        attempts = [self.bench.attempt(exit_code=code) for code in (0, 1, 0, 3)]
        rig.run(*attempts)
        rig.for_a_while()
        for attempt in attempts:
            self._one_start(attempt)

    def _one_start(self, attempt: Attempt) -> Start:
        starts = self.bench.starts(attempt)
        assert len(starts) == 1, f"{attempt} started {len(starts)} times"
        return starts[0]


def _expected(attempt: Attempt, start: Start) -> list[str]:
    if start.by == "task":
        return [attempt.ti.dag_id, attempt.ti.task_id, attempt.ti.run_id]
    return attempt.command[1:]
