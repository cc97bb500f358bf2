"""The line of questions at the triggers' end: at once if alone, together if others wait."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from airflow_lite.errors import AirflowException
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send_all
from airflow_lite.triggerer.messages import ASKED
from airflow_lite.triggerer.question_line import QuestionLine
from airflow_lite.worker.messages import Answer, GetVariable


class Store:
    """Whoever has the store: answers what has come in one go, as often as it is told to."""

    def __init__(self, end):
        self.channel = Channel(end)
        self.asked = []

    def answer(self, error=None):
        asks = receive(self.channel, ASKED)
        self.asked.append([ask.question[1] for ask in asks])
        told = [Answer(ask.number, ask.question[1].upper(), error) for ask in asks]
        send_all(self.channel, told)

    async def answer_soon(self, **said):
        """Answer once there is something, as the process does in its wait."""
        loop, there = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.channel.fileno(), there.set)
        await there.wait()
        loop.remove_reader(self.channel.fileno())
        self.answer(**said)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    store = Store(theirs)
    yield QuestionLine(ours), store
    store.channel.close()
    ours.close()


def test_those_that_ask_in_one_turn_are_one_sending(ends):
    line, store = ends

    async def ask():
        line.attach(asyncio.get_running_loop())
        asked = [line.asked(GetVariable(name)) for name in "abc"]
        return (await asyncio.gather(*asked, store.answer_soon()))[:3]

    assert asyncio.run(ask()) == ["A", "B", "C"]
    assert store.asked == [["a", "b", "c"]]


def test_what_is_asked_while_others_wait_goes_together_after_their_answers(ends):
    line, store = ends

    async def ask():
        line.attach(asyncio.get_running_loop())
        first = asyncio.create_task(line.asked(GetVariable("a")))
        await asyncio.sleep(0)
        later = []
        for name in "bcd":
            later.append(asyncio.create_task(line.asked(GetVariable(name))))
            await asyncio.sleep(0)
        await store.answer_soon()
        await first
        await store.answer_soon()
        return await asyncio.gather(*later)

    assert asyncio.run(ask()) == ["B", "C", "D"]
    assert store.asked == [["a"], ["b", "c", "d"]]


def test_one_that_blocks_the_loop_waits_for_no_others(ends):
    line, store = ends

    async def ask():
        line.attach(asyncio.get_running_loop())
        other = asyncio.create_task(line.asked(GetVariable("a")))
        await asyncio.sleep(0)
        thread = threading.Thread(target=answer_two)
        thread.start()
        value = line.ask(GetVariable("b"))
        thread.join()
        return value, await other

    def answer_two():
        while sum(map(len, store.asked)) < 2:
            store.answer()

    assert asyncio.run(ask()) == ("B", "A")


@pytest.mark.parametrize("is_thread", [True, False])
def test_an_error_is_raised_where_it_was_asked(ends, is_thread):
    line, store = ends

    async def ask():
        line.attach(asyncio.get_running_loop())
        question = GetVariable("a")
        asked = asyncio.to_thread(line.ask, question) if is_thread else line.asked(question)
        await asyncio.gather(asked, store.answer_soon(error="no"))

    with pytest.raises(AirflowException, match="^no$"):
        asyncio.run(ask())


def test_it_is_used_before_the_loop_turns(ends):
    line, store = ends
    thread = threading.Thread(target=lambda: [store.answer() for _ in range(1) if wait(store)])
    thread.start()
    assert line.ask(GetVariable("a")) == "A"
    thread.join()


def wait(store):
    import select

    poll = select.poll()
    poll.register(store.channel, select.POLLIN)
    return poll.poll()


def test_who_waits_is_told_that_nobody_is_there(ends):
    line, store = ends

    async def ask():
        line.attach(asyncio.get_running_loop())
        asked = asyncio.create_task(line.asked(GetVariable("a")))
        await asyncio.sleep(0)
        store.channel.close()
        with pytest.raises(EOFError, match="went away"):
            await asked
        with pytest.raises(EOFError, match="went away"):
            await line.asked(GetVariable("b"))

    asyncio.run(ask())


def test_what_is_not_answered_in_time_is_an_error():
    ours, theirs = socket.socketpair()
    line = QuestionLine(ours, timeout_s=0.01)

    async def ask():
        line.attach(asyncio.get_running_loop())
        for asked in (line.asked, lambda it: asyncio.to_thread(line.ask, it)):
            with pytest.raises(AirflowException, match=r"did not answer within 0\.01 s"):
                await asked(GetVariable("a"))
        with pytest.raises(AirflowException, match=r"did not answer within 0\.01 s"):
            line.ask(GetVariable("a"))

    asyncio.run(ask())
    ours.close()
    theirs.close()
