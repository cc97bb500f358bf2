"""End to end: a real scheduler runs a DAG through the executor."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_lite_testing.case import NotApplicable, case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.end_to_end import EXPECTED, EndToEnd, error_in
from airflow_lite_testing.experience import END, START, returning
from airflow_lite_testing.needs import module_of_its_own, own_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A scheduler's own start, and its taking over from a dead one, come on top of the deadline.
EXTRA_S = 30.0


class SchedulingCases(Cases):
    """The whole way: DAG file, scheduler, executor, outcome."""

    @case("end-to-end.dag.ends-as-it-must", module_of_its_own)
    def test_dag_ends_as_it_must(self) -> None:
        """A DAG with success, failure, retry, skip and XCom ends as under any other executor."""
        with self._home() as home:
            home.open_gate()
            with home.scheduler() as scheduler:
                home.trigger()
                home.until_ended(scheduler)
                code = home.stop(scheduler)
            self._check(home)
            assert home.run_state() == "success", f"the run ended as {home.run_state()}"
            tries = [line.partition(" ")[0] for line in home.starts("flaky")]
            assert tries == ["1", "2"], f"the task that fails once had the tries {tries}"
            assert code == 0, f"the scheduler stopped with {code}: {error_in(home.output())}"

    @case("end-to-end.scheduler.killed", module_of_its_own, own_thread)
    def test_run_survives_the_schedulers_death(self) -> None:
        """A scheduler is killed while a task runs: its successor ends the run, no attempt twice."""
        with self._home() as home:
            with home.scheduler() as first:
                home.trigger()
                home.until(lambda: home.starts("waiting"), "a task to start", first)
                first.kill()
                first.wait()
            with home.scheduler() as second:
                home.open_gate()
                home.until_ended(second)
                code = home.stop(second)
            self._check(home)
            assert code == 0, f"the scheduler stopped with {code}: {error_in(home.output())}"

    def _check(self, home: EndToEnd) -> None:
        states = home.states()
        wrong = {name: states.get(name) for name in EXPECTED if states.get(name) != EXPECTED[name]}
        assert not wrong, f"these ended in another state than they must: {wrong}"
        for name in EXPECTED:
            starts = home.starts(name)
            assert len(starts) == len(set(starts)), f"an attempt of {name} ran twice: {starts}"
        for path in (home.notes / "wide").iterdir():
            times = len(path.read_text().splitlines())
            assert times == 1, f"wide_{path.name} ran {times} times"

    @contextmanager
    def _home(self) -> Iterator[EndToEnd]:
        """Make a home of its own; an engine is started anew in it, and as it was afterwards."""
        for what in (START, END, returning("start"), returning("heartbeat")):
            self.experience.need(what)
        engine, folder = self.subject.engine, self.bench.new_folder()
        home = EndToEnd(folder, self._name(), {}, self.deadline_s + EXTRA_S)
        if engine is not None:
            engine.stop()
            home.environ.update(engine.start(home.variables()))
        try:
            self._require_store(home)
            yield home
        finally:
            if engine is not None:
                engine.stop()
            home.kill_what_is_left()
            if engine is not None:
                self.extra.update(engine.start(self.bench.environ()))

    def _require_store(self, home: EndToEnd) -> None:
        """Let the case apply only where the executor can serve the store of the home."""
        if "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN" in home.environ:
            return  # the engine brought one
        reason = self.rig().executor.check_store(f"sqlite:///{home.folder}/airflow_lite.db")
        if reason is not None:
            raise NotApplicable(
                "it cannot serve SQLite, and its Engine brings no database "
                f"(AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN): {reason}"
            )

    def _name(self) -> str:
        """Return what `[core] executor` must be."""
        name, path = self.subject.name, self.subject.path or ""
        return name if self.subject.is_named else path.replace(":", ".")
