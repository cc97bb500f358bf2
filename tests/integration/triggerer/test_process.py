"""The process of triggers: what it is given runs there, whatever one of them or its own death does."""

from __future__ import annotations

import os
import signal

import pytest

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.processes.waker import Waker
from airflow_lite.triggerer import process as process_module
from airflow_lite.triggerer.messages import StartTrigger, TaskEnded, TriggerFailed, TriggerFired
from airflow_lite.triggerer.process import TriggerProcess
from airflow_lite.worker.messages import Answer
from airflow_lite.worker.task.xcom import from_json, written

TRIGGERS = '''
import asyncio, os, pathlib, time
from airflow_lite import (
    BaseTrigger, Connection, TaskFailedEvent, TaskSuccessEvent, TriggerEvent, Variable,
)
from airflow_lite.authoring.triggers.external_task import sleep_beside_others

class Own(BaseTrigger):
    """Does what its word says."""

    begun = []

    def __init__(self, word, folder="."):
        super().__init__()
        self.word, self.folder = word, pathlib.Path(folder)

    def serialize(self):
        return "own_triggers.Own", {"word": self.word, "folder": str(self.folder)}

    async def run(self):
        self.note("begins")
        match self.word:
            case "wait":
                while not (self.folder / "go").exists():
                    await asyncio.sleep(0.01)
            case "for ever":
                await asyncio.sleep(3600)
            case "block":
                time.sleep(3600)
            case "block in a task of its own":
                await asyncio.create_task(asyncio.to_thread(asyncio.run, asyncio.sleep(0)))
                await asyncio.create_task(self.block())
            case "die":
                os._exit(3)
            case "raise":
                raise ValueError("no")
            case "return":
                return
            case "yield text":
                yield "text"
            case "yield an object":
                yield TriggerEvent(object())
            case "success":
                yield TaskSuccessEvent(xcoms={"a": [1]})
            case "failure":
                yield TaskFailedEvent()
            case "variable":
                yield TriggerEvent(Variable.get("v"))
            case "variable on a thread":
                yield TriggerEvent(await asyncio.to_thread(Variable.get, "v"))
            case "five in a row":
                for at in range(5):
                    await self.task_instance.await_states_of_dag(f"d{at}", [])
            case "ask now and then":
                await self.begin_one_after_the_other()
                for at in range(3):
                    await sleep_beside_others(0.5)
                    await self.task_instance.await_states_of_dag("d", [at])
            case "who":
                ti = self.task_instance
                yield TriggerEvent([ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number])
        yield TriggerEvent(self.word)

    async def begin_one_after_the_other(self):
        self.begun.append(self)
        place = len(self.begun)
        while len(self.begun) < 20:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.005 * place)

    async def block(self):
        time.sleep(3600)

    async def cleanup(self):
        self.note("ends")

    def note(self, what):
        with (self.folder / f"{self.word}.notes").open("a") as notes:
            notes.write(what + "\\n")

class Plain(Own):
    def run(self):
        return None

NO_TRIGGER = 5
'''
PATH = "own_triggers.Own"
HOUR_S = 3600.0


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "own_triggers.py").write_text(TRIGGERS)
    return tmp_path


@pytest.fixture
def triggers(folder, wait_until):
    """Run triggers by their words, and take what they tell."""
    made = Triggers(folder, wait_until)
    yield made
    made.process.close()
    made.waker.close()


class Triggers:
    def __init__(self, folder, wait_until):
        self.folder = folder
        self.wait_until = wait_until
        self.told = {}
        self.asked = []  # questions, as they were answered together
        self.is_away = False
        self.waker = Waker()
        self.make()

    def make(self, **options):
        environ = {
            f"AIRFLOW_LITE__TRIGGERER__{name.upper()}": str(options[name]) for name in options
        }
        config = Config.load({"AIRFLOW_LITE_HOME": str(self.folder), **os.environ, **environ})
        self.process = TriggerProcess(config, SystemClock(), self.waker, self.answer)

    def answer(self, asks):
        if self.is_away:
            raise OSError("the store is away")
        self.asked.append([ask.question for ask in asks])
        for ask in asks:
            yield Answer(ask.number, f"answer to {ask.question}")

    def start(self, *words, path=PATH):
        rows = {word: len(self.process.keys) + len(self.told) + at for at, word in enumerate(words)}
        self.words = {**getattr(self, "words", {}), **{row: word for word, row in rows.items()}}
        self.process.start(
            StartTrigger(
                row,
                "x" * 32,
                written(
                    "", {"class": path, "kwargs": {"word": word, "folder": str(self.folder)}}, 999
                ),
                ("d", "t", "r", 2, -1),
            )
            for word, row in rows.items()
        )

    def poll(self):
        self.waker.wait(min(self.process.wait_s() or HOUR_S, 0.05))
        for report in self.process.poll():
            self.told[self.words[report.row]] = report

    def wait_for(self, *words):
        """Wait until all of these have told something; return it."""

        def have_told():
            self.poll()
            return self.told.keys() >= {*words}

        self.wait_until(have_told, f"{words} to tell")
        return [self.told[word] for word in words]

    def notes(self, word):
        path = self.folder / f"{word}.notes"
        return path.read_text().split() if path.exists() else []

    def wait_for_notes(self, word, *notes):
        def is_noted():
            self.poll()
            return self.notes(word) == [*notes]

        self.wait_until(is_noted, f"{word!r} to note {notes}")


def payload(report):
    assert isinstance(report, TriggerFired), report
    return from_json(report.payload)


def test_a_trigger_fires_with_its_payload_and_is_cleaned_up(triggers):
    triggers.start("who", "ping")
    who, ping = triggers.wait_for("who", "ping")

    assert payload(ping) == "ping"
    assert payload(who) == ["d", "t", "r", -1, 2]
    triggers.wait_for_notes("ping", "begins", "ends")
    assert triggers.process.keys == set()


def test_a_trigger_may_end_its_task(triggers):
    triggers.start("success", "failure")
    success, failure = triggers.wait_for("success", "failure")

    assert success == TaskEnded(success.row, "x" * 32, "success", {"a": "[1]"})
    assert failure.state == "failed"


@pytest.mark.parametrize("word", ["variable", "variable on a thread"])
def test_a_trigger_asks_the_store_for_what_it_needs(triggers, word):
    triggers.start(word)
    (told,) = triggers.wait_for(word)
    assert payload(told) == "answer to ['GetVariable', 'v']"


def test_questions_are_answered_by_who_waits_without_an_end_of_the_wait(triggers):
    """Only the trigger's start and its end are anything to a pass of the scheduler."""
    triggers.start("five in a row")
    triggers.wait_for_notes("five in a row", "begins")
    waits = 0
    while "five in a row" not in triggers.told:
        triggers.waker.wait(HOUR_S)
        waits += 1
        triggers.told.update((triggers.words[at.row], at) for at in triggers.process.poll())

    assert triggers.asked == [[["StatesOfDag", f"d{at}", [], None, None, False]] for at in range(5)]
    assert waits <= 2


def test_those_that_ask_now_and_then_ask_together_whenever_they_began(triggers):
    many = 20  # as many as wait for one another
    triggers.start("ping")  # its start is no matter of what is counted
    triggers.wait_for("ping")
    for at in range(many):
        triggers.start("ask now and then")
        triggers.wait_until(
            lambda at=at: triggers.poll() or len(triggers.notes("ask now and then")) > at, "it"
        )
    triggers.wait_until(lambda: triggers.poll() or not triggers.process.keys, "all to end")

    assert sum(map(len, triggers.asked)) == 3 * many
    assert len(triggers.asked) <= many


def test_what_cannot_be_answered_now_is_answered_by_a_later_look(triggers):
    triggers.is_away = True
    triggers.start("variable on a thread")
    with pytest.raises(OSError, match="the store is away"):
        triggers.wait_for("variable on a thread")
    triggers.is_away = False

    assert payload(triggers.wait_for("variable on a thread")[0]) == "answer to ['GetVariable', 'v']"


def test_those_that_fail_tell_why_and_keep_no_other_from_anything(triggers):
    reasons = {
        "raise": "ValueError: no",
        "return": "The trigger ended without an event. Yield a TriggerEvent.",
        "yield text": "The trigger yielded a str. Yield a TriggerEvent.",
        "yield an object": "a object is not JSON",
    }
    triggers.start(*reasons, "ping")
    *failures, ping = triggers.wait_for(*reasons, "ping")

    assert payload(ping) == "ping"
    for word, failed in zip(reasons, failures, strict=True):
        assert isinstance(failed, TriggerFailed)
        assert reasons[word] in failed.traceback[-1]
        triggers.wait_for_notes(word, "begins", "ends")
    (log,) = (triggers.folder / "logs").rglob("attempt=2.log")
    assert "ERROR - the trigger of d.t of r failed: no" in log.read_text()


def test_a_class_that_cannot_be_run_fails_by_that(triggers):
    reasons = {
        "own_triggers.Gone": "Module 'own_triggers' has no 'Gone'. Check the spelling.",
        "gone.Trigger": "'gone'",
        "own_triggers.NO_TRIGGER": "own_triggers.NO_TRIGGER is no trigger.",
        "own_triggers.Plain": "run() of Plain yields no events. Write `async def run(self)`",
        "no path": "'no path' is not a module path. Write package.module.Name.",
    }
    for path in reasons:
        triggers.start(path, path=path)
    failures = triggers.wait_for(*reasons)
    for path, failed in zip(reasons, failures, strict=True):
        assert reasons[path] in failed.traceback[-1]


def test_what_is_stopped_is_cleaned_up_and_tells_nothing(triggers):
    triggers.start("for ever")
    triggers.wait_for_notes("for ever", "begins")
    triggers.process.stop(triggers.process.keys)

    triggers.wait_for_notes("for ever", "begins", "ends")
    assert triggers.told == {}


def test_after_kill_9_another_process_runs_all_that_waits(triggers):
    triggers.start("wait", "for ever")
    triggers.wait_for_notes("wait", "begins")
    triggers.wait_for_notes("for ever", "begins")
    first = triggers.process.pid
    os.kill(first, signal.SIGKILL)

    triggers.wait_for_notes("wait", "begins", "begins")
    assert triggers.process.pid != first
    (triggers.folder / "go").touch()
    assert payload(triggers.wait_for("wait")[0]) == "wait"


@pytest.mark.parametrize("word", ["block", "block in a task of its own"])
def test_one_that_blocks_is_told_of_and_fails_and_the_others_go_on(triggers, word, capfd):
    triggers.make(block_notice_s=0.1, block_timeout_s=0.3)
    triggers.start("wait", word)
    (failed,) = triggers.wait_for(word)

    assert failed.traceback == [
        "The trigger blocked all others for 0.3 s. Let it await what it waits for, as by"
        " `await asyncio.sleep(…)` or `await asyncio.to_thread(…)`."
    ]
    (triggers.folder / "go").touch()
    assert payload(triggers.wait_for("wait")[0]) == "wait"
    assert (
        "the trigger of d.t of r blocks all triggers: it does not await what it waits for."
        " It fails after 0.3 s." in capfd.readouterr().err
    )


def test_one_that_ends_the_process_as_it_begins_is_found_among_the_others(triggers):
    triggers.start("wait", "die", "for ever")
    (failed,) = triggers.wait_for("die")

    assert failed.traceback == ["The trigger ended the process of triggers with exit code 3."]
    (triggers.folder / "go").touch()
    assert payload(triggers.wait_for("wait")[0]) == "wait"


def test_the_process_ends_when_nothing_waits_and_another_is_started_for_what_comes(
    triggers, monkeypatch, wait_until
):
    monkeypatch.setattr(process_module, "_IDLE_S", 0.01)
    triggers.start("ping")
    triggers.wait_for("ping")
    wait_until(lambda: triggers.poll() or triggers.process.pid is None, "the process to end")

    triggers.start("pong")
    assert payload(triggers.wait_for("pong")[0]) == "pong"
