"""The conformance kit: every rule of the executor contract as a test, for any executor.

    from airflow_lite.testing import ExecutorConformance


    class TestMyExecutor(ExecutorConformance):
        executor = "my_package.executor:MyExecutor"

The class's flags and the methods that it defines decide which cases apply. One that does not
passes, with the reason among the properties of its report; `airflow-lite executors certify` lists
it as "not applicable".
"""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from airflow_lite.imports import import_string
from airflow_lite_testing.bench import Bench
from airflow_lite_testing.case import CASE_PROPERTY
from airflow_lite_testing.cases.cli import CliCases
from airflow_lite_testing.cases.commands import CommandCases
from airflow_lite_testing.cases.contract import ContractCases
from airflow_lite_testing.cases.ending import EndingCases
from airflow_lite_testing.cases.engines import EngineCases
from airflow_lite_testing.cases.events import EventCases
from airflow_lite_testing.cases.imports import ImportCases
from airflow_lite_testing.cases.optional import OptionalCases
from airflow_lite_testing.cases.scheduling import SchedulingCases
from airflow_lite_testing.cases.secrets import SecretCases
from airflow_lite_testing.cases.slots import SlotCases
from airflow_lite_testing.cases.submit import SubmitCases
from airflow_lite_testing.engine import Engine, installed_engine
from airflow_lite_testing.experience import Experience, deadline
from airflow_lite_testing.rig import Rig
from airflow_lite_testing.subject import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


#: Seconds that tidying up after a case has, though the time for all cases is over.
_TIDY_S = 5.0


class Kit(NamedTuple):
    """What all cases of a class share."""

    subject: Any
    bench: Bench
    extra: dict[str, str]
    experience: Experience


class ExecutorConformance(
    ContractCases,
    ImportCases,
    CliCases,
    CommandCases,
    SlotCases,
    EventCases,
    OptionalCases,
    SubmitCases,
    EndingCases,
    EngineCases,
    SecretCases,
    SchedulingCases,
):
    """Subclass it under a name that begins with `Test`, and set `executor`.

    `executor` is an entry-point name, "module:Class", a class, or a factory without arguments.
    `engine` is an `Engine`, what makes one, or the path of that; None asks the group
    `airflow_lite.testing.v1`.
    `deadline_s` is how long a case waits for what must come, such as the start of an attempt.
    """

    executor: Any = None
    engine: Any = None
    deadline_s: float = 30.0
    #: Seconds that all cases may take together; None: as many as they need.
    within_s: float | None = None

    @pytest.fixture(scope="class")
    @classmethod
    def kit(cls) -> Iterator[Kit]:
        """Make one bench, and start the engine if there is one, for all cases of the class."""
        experience = Experience(cls.within_s)
        executor = inspect.getattr_static(cls, "executor")
        engine = _engine_of(inspect.getattr_static(cls, "engine"), executor)
        bench = Bench(Path(tempfile.mkdtemp(prefix="airflow-lite-kit-")))
        bench.make()
        try:
            with bench.enter():
                extra = dict(engine.start(bench.environ())) if engine else {}
            with bench.enter(extra):
                subject = subject_of(executor, engine)
            yield Kit(subject, bench, extra, experience)
        finally:
            bench.release_all()
            if engine is not None:
                engine.stop()
            bench.close()

    @pytest.fixture(autouse=True)
    def kit_case(
        self,
        request: pytest.FixtureRequest,
        kit: Kit,
        record_property: Callable[[str, object], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[None]:
        """Give the case its subject and bench, and close the rigs that it made."""
        self.subject, self.bench, self.extra, self.experience = kit
        if self.experience.left_s <= 0:
            request.session.shouldstop = "the time for all cases is over"
        self.note = record_property
        self.monkeypatch = monkeypatch
        self.rigs: list[Rig] = []
        marked = getattr(request.function, "case", None)
        if marked is not None:
            record_property(CASE_PROPERTY, marked.id)
            self.experience.case = marked.id
        with self.bench.enter(self.extra):
            try:
                yield
            finally:
                with deadline(min(self.deadline_s, max(self.experience.left_s, _TIDY_S))):
                    for rig in self.rigs:
                        rig.close()

    def rig(self, *, parallelism: int | None = None) -> Rig:
        """Make an executor that the case can drive; not started."""
        rig = Rig(
            self.subject,
            self.bench,
            self.experience,
            deadline_s=self.deadline_s,
            parallelism=parallelism,
        )
        self.rigs.append(rig)
        return rig


def _engine_of(engine: Any, executor: Any) -> Engine | None:
    if isinstance(engine, staticmethod):
        engine = engine.__func__
    if engine is None:
        name = executor if isinstance(executor, str) else getattr(executor, "__name__", "")
        return installed_engine(name.rpartition(":")[2].rpartition(".")[2])
    if isinstance(engine, str):
        engine = import_string(engine)
    is_factory = inspect.isclass(engine) or (callable(engine) and not isinstance(engine, Engine))
    made: Engine = engine() if is_factory else engine
    return made
