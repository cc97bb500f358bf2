"""What the processes of attempts ask the loop of their host, and what they write."""

from __future__ import annotations

import pytest

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import packed, receive
from airflow_lite.worker.messages import (
    ANSWERS,
    Answer,
    Ask,
    DeleteVariable,
    FinishedTasks,
    GetVariable,
    PullXComs,
    SetVariable,
)
from fixtures.host_loop import on_both, troubles


def test_a_question_is_answered_over_the_line_of_who_asked(hosted, loop, begin):
    child = begin()
    child.send(Ask(3, packed(FinishedTasks())))
    loop.turn()

    line = Channel(child.line)
    assert receive(line, ANSWERS) == [Answer(3, [])]


@pytest.mark.parametrize(
    "question", [["NoSuchQuestion"], ["TaskInstances", [1]], [], ["FirstReschedule"], [[]]], ids=str
)
def test_a_question_that_makes_no_sense_is_answered_with_an_error(loop, begin, question):
    child = begin()
    child.send(Ask(3, question))
    loop.turn()

    (answer,) = receive(Channel(child.line), ANSWERS)
    assert answer.number == 3
    assert str(answer.error).startswith("The metadata database cannot be asked that: no message: ")


@on_both
def test_a_question_that_the_database_refuses_keeps_no_other_from_its_answer(
    hosted, loop, scheduler, begin
):
    odd, other = begin("odd"), begin("other")
    odd.send(
        Ask(1, packed(PullXComs("hosted", "run", 2**80, "k", ["t"], include_prior_dates=True)))
    )
    other.send(Ask(2, packed(FinishedTasks())))
    loop.turn()
    loop.turn()

    (refused,) = receive(Channel(odd.line), ANSWERS)
    assert "The metadata database" in str(refused.error)
    assert receive(Channel(other.line), ANSWERS) == [Answer(2, [])]
    assert troubles(scheduler) == []


@on_both
def test_what_one_task_writes_is_written_when_it_is_answered(hosted, loop, begin):
    writer, reader = begin("writer"), begin("reader")
    writer.send(Ask(1, packed(SetVariable("region", "north", "where"))))
    writer.send(Ask(2, packed(GetVariable("region"))))
    writer.send(Ask(3, packed(SetVariable("k" * 251, "x"))))
    for _ in range(3):
        loop.turn()
    written = receive(Channel(writer.line), ANSWERS)

    assert [answer.value for answer in written] == [None, "north", None]
    assert [answer.error for answer in written[:2]] == [None, None]
    assert written[2].error == "A Variable's key has 1 to 250 characters, not 251."
    reader.send(Ask(7, packed(GetVariable("region"))))
    reader.send(Ask(8, packed(DeleteVariable("region"))))
    reader.send(Ask(9, packed(GetVariable("region"))))
    for _ in range(3):
        loop.turn()
    assert receive(Channel(reader.line), ANSWERS) == [
        Answer(7, "north"),
        Answer(8, 1),
        Answer(9, None),
    ]
