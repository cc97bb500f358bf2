"""Which file has a zygote, how fresh it is, and what is heard of its end."""

from __future__ import annotations

import pytest

from airflow_lite.processes.channel import Channel
from airflow_lite.worker.host import zygote_pool
from airflow_lite.worker.host.zygote_pool import FRESH_S, MOST_IDLE, ZygotePool
from airflow_lite.worker.messages import (
    TO_BASE,
    ChildEnded,
    FileParsed,
    PickledDag,
    ZygoteEnded,
    ZygoteForked,
    receive,
)

PATH = "/dags/f.py"


def is_as_before(_path, _fingerprint):
    return False


def has_changed(_path, _fingerprint):
    return True


class Loop:
    """Calls what is watched, as the host's loop does; keeps what the pool reports."""

    def __init__(self):
        self._watched = {}
        self.events = []

    def watch(self, channel, act):
        self._watched[channel] = act

    def unwatch(self, channel):
        self._watched.pop(channel, None)

    def turn(self):
        for act in list(self._watched.values()):
            act()

    def on_message(self, zygote, message):
        self.events.append((zygote.number, message))

    def on_gone(self, zygote, code):
        self.events.append((zygote.number, code))


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def pool(state, base, loop):
    pool = ZygotePool(base.host_end, state.settings, loop, loop.on_message, loop.on_gone)
    yield pool
    pool.close()


@pytest.fixture
def parsed(pool, base, loop):
    """Order a zygote for a path; return the pool's handle and the other end, its file parsed."""

    def make(path=PATH, now=0.0, load=lambda: None):
        handle = pool.get(path, is_as_before, now, load)
        (zygote,) = base.new_zygotes()
        zygote.parse()
        loop.turn()
        return handle, zygote

    return make


def test_one_zygote_serves_all_that_ask_for_a_file(pool, base):
    first, second = (pool.get(PATH, is_as_before, 0.0) for _ in range(2))

    assert first is second
    (zygote,) = base.new_zygotes()
    assert (zygote.order.path, zygote.order.is_alone) == (PATH, False)


def test_a_zygote_is_forked_from_once_its_file_is_parsed_well(pool, base, loop):
    handles = [pool.get(path, is_as_before, 0.0) for path in ("/good.py", "/bad.py")]
    assert not any(handle.is_ready for handle in handles)

    good, bad = base.new_zygotes()
    good.send(FileParsed(None, "1-2", ["t"], []))
    bad.parse(error="SyntaxError")
    loop.turn()

    assert [handle.is_ready for handle in handles] == [True, False]
    assert (handles[0].fingerprint, handles[0].threads) == ("1-2", ["t"])
    assert handles[1].error == "SyntaxError"
    assert (1, FileParsed(None, "1-2", ["t"], [])) in loop.events


def test_a_zygote_of_a_file_that_changed_is_replaced_and_ends(pool, base, parsed):
    old, zygote = parsed()

    new = pool.get(PATH, has_changed, 1.0)

    assert new is not old
    assert not old.is_ready
    assert zygote.is_told_to_end
    assert len(base.new_zygotes()) == 1


def test_a_zygote_that_still_parses_is_waited_for_though_its_file_changed(pool):
    first = pool.get(PATH, has_changed, 0.0)

    assert pool.get(PATH, has_changed, FRESH_S + 1) is first


def test_a_zygote_is_replaced_once_what_it_imported_may_be_old(pool, parsed):
    old, _ = parsed(now=0.0)

    assert pool.get(PATH, is_as_before, FRESH_S) is old
    assert pool.get(PATH, is_as_before, FRESH_S + 0.1) is not old


def test_a_pickled_dag_is_sent_first_and_is_compared_with_no_file(pool, parsed):
    handle, zygote = parsed("pickled DAG 3", load=lambda: b"\0pickle")

    assert zygote.order.is_pickled
    (message,) = zygote.heard()
    assert isinstance(message, PickledDag)
    assert message.payload == b"\0pickle"
    assert pool.get("pickled DAG 3", has_changed, 1.0) is handle


def test_a_retired_zygote_ends_after_the_last_child_that_it_watches(pool, parsed):
    handle, zygote = parsed()
    handle.tokens.add("a")

    pool.retire(handle)
    assert not zygote.is_told_to_end

    handle.tokens.clear()
    pool.close_if_idle(handle)
    assert zygote.is_told_to_end
    assert handle.number not in pool.all


def test_of_idle_zygotes_those_used_last_are_kept(pool, parsed):
    zygotes = [parsed(f"/{number}.py", now=float(number))[1] for number in range(MOST_IDLE + 2)]

    pool.trim()

    ended = [zygote.order.path for zygote in zygotes if zygote.is_told_to_end]
    assert ended == ["/0.py", "/1.py"]


def test_a_zygote_that_runs_something_is_not_idle(pool, parsed):
    busy, zygote = parsed("/busy.py")
    busy.tokens.add("a")
    for number in range(MOST_IDLE):
        parsed(f"/{number}.py", now=1.0)

    pool.trim()

    assert not zygote.is_told_to_end


def test_what_a_zygote_said_last_is_heard_before_its_end(pool, loop, parsed):
    handle, zygote = parsed()
    loop.events.clear()

    zygote.send(ChildEnded("a", 0))
    zygote.die()
    loop.turn()

    assert loop.events == [(handle.number, ChildEnded("a", 0)), (handle.number, None)]
    assert pool.get(PATH, is_as_before, 1.0) is not handle


def test_the_end_of_an_import_is_told_by_the_base_with_its_code(pool, base, loop):
    handle = pool.get(PATH, is_as_before, 0.0)
    (zygote,) = base.new_zygotes()
    zygote.die()
    loop.turn()
    assert loop.events == []  # its channel alone does not say how

    base.send(ZygoteEnded(handle.number, -9))
    loop.turn()

    assert loop.events == [(handle.number, -9)]


def test_the_end_of_a_zygote_is_told_once(pool, base, loop, parsed):
    handle, zygote = parsed()
    loop.events.clear()

    zygote.die()
    loop.turn()
    base.send(ZygoteEnded(handle.number, 0))
    loop.turn()

    assert loop.events == [(handle.number, None)]


def test_a_zygote_that_could_not_be_forked_has_the_reason(pool, base, loop):
    handle = pool.get(PATH, is_as_before, 0.0)
    base.send(ZygoteEnded(handle.number, None, "no process more"))
    loop.turn()

    assert handle.error == "no process more"
    assert loop.events == [(handle.number, None)]


def test_a_base_that_died_is_replaced_and_only_what_it_would_have_told_of_is_lost(
    pool, base, loop, parsed, monkeypatch
):
    ends = []
    monkeypatch.setattr(zygote_pool, "execute_base", lambda end: ends.append(end) or Ended())
    lives, zygote = parsed("/lives.py")
    base.send(ZygoteForked(lives.number, 123))
    ordered = pool.get("/ordered.py", is_as_before, 0.0)
    loop.turn()
    loop.events.clear()

    base.channel.close()
    loop.turn()

    assert loop.events == [(ordered.number, None)]
    assert not zygote.is_told_to_end
    pool.get("/next.py", is_as_before, 0.0)
    (end,) = ends
    new_base = Channel(end)
    (order,) = receive(new_base, TO_BASE)
    assert order.path == "/next.py"
    new_base.close()


class Ended:
    """The process of a base that is gone."""

    def poll(self):
        return 0

    def wait(self):
        return 0


def test_junk_from_a_zygote_is_ignored(pool, loop, parsed):
    handle, zygote = parsed()
    loop.events.clear()

    zygote.channel.send(["ChildEnded", {"no": "token"}, "0"])
    zygote.channel.send("junk")
    zygote.send(ChildEnded("a", 0))
    loop.turn()

    assert loop.events == [(handle.number, ChildEnded("a", 0))]


def test_closing_the_pool_ends_every_zygote(state, base, loop):
    pool = ZygotePool(base.host_end, state.settings, loop, loop.on_message, loop.on_gone)
    pool.get(PATH, is_as_before, 0.0)
    (zygote,) = base.new_zygotes()

    pool.close()

    assert zygote.is_told_to_end
    base.channel.receive()
    assert base.channel.is_closed
