"""Which file has a zygote, how fresh it is, and what is heard of its end."""

from __future__ import annotations

import signal
import subprocess

import pytest

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive
from airflow_lite.processes.timers import Timers
from airflow_lite.worker.host import zygote_pool
from airflow_lite.worker.host.zygote_pool import FRESH_S, MOST_IDLE, ZygotePool
from airflow_lite.worker.messages import (
    TO_BASE,
    ChildEnded,
    FileParsed,
    PickledDag,
    ZygoteEnded,
    ZygoteForked,
)
from fixtures.waits import DEADLINE_S

PATH = "/dags/f.py"
#: A number that no process has.
NOBODY = 2**22 + 1


def is_as_before(_path, _fingerprint):
    return False


def has_changed(_path, _fingerprint):
    return True


class Loop:
    """Calls what is watched, as the host's loop does; keeps what the pool reports."""

    def __init__(self):
        self._watched = {}
        self.events = []
        self.now = 0.0
        self.timers = Timers()

    def watch(self, channel, act):
        self._watched[channel] = act

    def unwatch(self, channel):
        self._watched.pop(channel, None)

    def after(self, delay_s, act):
        self.timers.at(self.now + delay_s, act)

    def pass_time(self, seconds):
        """Let so many seconds pass, each timer called at its time."""
        end = self.now + seconds
        while (due := self.timers.next_at()) is not None and due <= end:
            self.now = due
            self.timers.run_due(due)
        self.now = end

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
    pool = ZygotePool(base.of_host, state.settings, loop, loop.on_message, loop.on_gone)
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


def test_why_an_import_failed_is_heard_though_the_base_tells_of_its_end_first(pool, base, loop):
    handle = pool.get(PATH, is_as_before, 0.0)
    base.send(ZygoteEnded(handle.number, 0))
    (zygote,) = base.new_zygotes()
    zygote.parse(error="SyntaxError")
    zygote.die()
    loop.turn()

    assert handle.error == "SyntaxError"
    assert loop.events[-1] == (handle.number, 0)


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
    monkeypatch.setattr(
        zygote_pool, "execute_base", lambda end, _limit: ends.append(end) or Ended()
    )
    lives, zygote = parsed("/lives.py")
    base.send(ZygoteForked(lives.number, NOBODY))
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

    pid = NOBODY

    def poll(self):
        return 0

    def wait(self, timeout=None):
        return 0


def test_junk_from_a_zygote_is_ignored(pool, loop, parsed):
    handle, zygote = parsed()
    loop.events.clear()

    zygote.channel.send(["ChildEnded", {"no": "token"}, "0"])
    zygote.channel.send("junk")
    zygote.send(ChildEnded("a", 0))
    loop.turn()

    assert loop.events == [(handle.number, ChildEnded("a", 0))]


def test_a_line_without_an_end_is_the_fault_of_its_file_alone(
    pool, base, loop, sleeper, monkeypatch
):
    monkeypatch.setattr(zygote_pool, "_LONGEST_LINE", 1000)
    endless, other = (pool.get(path, is_as_before, 0.0) for path in ("/endless.py", "/other.py"))
    ends = base.new_zygotes()
    base.send(ZygoteForked(endless.number, sleeper.pid))
    loop.turn()
    ends[0].channel.send("x" * 2000)
    ends[1].parse()
    loop.turn()

    assert sleeper.wait(DEADLINE_S) == -signal.SIGKILL
    assert endless.error == "/endless.py: its import wrote to what is not its own"
    assert (endless.number, None) in loop.events
    assert other.is_ready


def test_closing_the_pool_ends_every_zygote(state, base, loop):
    pool = ZygotePool(base.of_host, state.settings, loop, loop.on_message, loop.on_gone)
    pool.get(PATH, is_as_before, 0.0)
    (zygote,) = base.new_zygotes()

    pool.close()

    assert zygote.is_told_to_end
    base.channel.receive()
    assert base.channel.is_closed


@pytest.fixture
def new_bases(monkeypatch):
    """The ends of bases that are started in place of the first one."""
    ends = []
    monkeypatch.setattr(
        zygote_pool, "execute_base", lambda end, _limit: ends.append(Channel(end)) or Ended()
    )
    yield ends
    for end in ends:
        end.close()


@pytest.fixture
def sleeper():
    """A process that stands for a zygote."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def test_a_base_that_hangs_is_replaced_and_what_it_forked_goes_on(
    pool, state, base, loop, parsed, new_bases
):
    lives, zygote = parsed("/lives.py")
    base.send(ZygoteForked(lives.number, NOBODY))
    loop.turn()
    ordered = pool.get("/ordered.py", is_as_before, 0.0)
    loop.events.clear()

    loop.pass_time(state.settings.beat_timeout_s - 0.1)
    assert not new_bases
    loop.pass_time(0.1)

    assert loop.events == [(ordered.number, None)]
    assert not zygote.is_told_to_end
    pool.get("/next.py", is_as_before, 0.0)
    (new,) = new_bases
    assert [order.path for order in receive(new, TO_BASE)] == ["/next.py"]


def test_a_base_that_is_slow_but_says_something_is_waited_for(
    pool, state, base, loop, parsed, new_bases
):
    first, _ = parsed()
    base.send(ZygoteForked(first.number, NOBODY))
    loop.turn()
    late = pool.get("/late.py", is_as_before, 0.0)
    for _ in range(5):
        loop.pass_time(state.settings.beat_timeout_s * 0.4)
        base.send(ZygoteForked(first.number, NOBODY))
        loop.turn()
    assert not new_bases
    base.send(ZygoteForked(late.number, NOBODY))
    loop.turn()
    loop.pass_time(1000)
    assert not new_bases


def test_the_end_of_an_import_that_a_hung_base_does_not_tell_of_is_found(
    pool, state, base, loop, new_bases
):
    zygote = pool.get(PATH, is_as_before, 0.0)
    base.send(ZygoteForked(zygote.number, NOBODY))
    loop.turn()
    (other_end,) = base.new_zygotes()
    other_end.die()
    loop.turn()
    assert loop.events == []

    loop.pass_time(state.settings.beat_timeout_s)
    assert loop.events == [(zygote.number, None)]


def test_a_base_that_cannot_be_started_now_is_started_later(
    pool, base, loop, new_bases, monkeypatch
):
    monkeypatch.setattr(zygote_pool, "execute_base", no_process)
    base.channel.close()
    loop.turn()
    pool.get(PATH, is_as_before, 0.0)
    assert not new_bases

    monkeypatch.undo()
    monkeypatch.setattr(
        zygote_pool, "execute_base", lambda end, _limit: new_bases.append(Channel(end)) or Ended()
    )
    loop.pass_time(zygote_pool._RETRY_S)
    (new,) = new_bases
    assert [order.path for order in receive(new, TO_BASE)] == [PATH]


def no_process(_end, _limit):
    raise BlockingIOError("no process more")


def test_a_zygote_that_is_to_be_killed_is_once_its_process_is_known(pool, base, loop, sleeper):
    zygote = pool.get(PATH, is_as_before, 0.0)
    pool.kill(zygote)
    base.send(ZygoteForked(zygote.number, sleeper.pid))
    loop.turn()
    assert sleeper.wait(DEADLINE_S) == -signal.SIGKILL


def test_a_retired_zygote_that_is_stopped_is_killed(pool, state, base, loop, parsed, sleeper):
    zygote, _ = parsed()
    base.send(ZygoteForked(zygote.number, sleeper.pid))
    loop.turn()
    sleeper.send_signal(signal.SIGSTOP)
    pool.retire(zygote)
    loop.pass_time(state.settings.beat_timeout_s)
    assert sleeper.wait(DEADLINE_S) == -signal.SIGKILL


def test_a_retired_zygote_whose_end_was_told_of_is_left_alone(
    pool, state, base, loop, parsed, sleeper
):
    zygote, _ = parsed()
    base.send(ZygoteForked(zygote.number, sleeper.pid))
    loop.turn()
    pool.retire(zygote)
    base.send(ZygoteEnded(zygote.number, 0))
    loop.turn()
    loop.pass_time(state.settings.beat_timeout_s)
    assert sleeper.poll() is None


def test_zygotes_that_are_stopped_at_the_end_are_continued_and_killed_at_last(
    state, base, loop, sleeper, monkeypatch
):
    monkeypatch.setattr(zygote_pool, "_END_S", 0.1)
    pool = ZygotePool(base.of_host, state.settings, loop, loop.on_message, loop.on_gone)
    zygote = pool.get(PATH, is_as_before, 0.0)
    base.send(ZygoteForked(zygote.number, sleeper.pid))
    loop.turn()
    sleeper.send_signal(signal.SIGSTOP)
    pool.close()
    assert sleeper.wait(DEADLINE_S) == -signal.SIGKILL
