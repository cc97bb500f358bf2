"""Open pages are told when something of theirs changed, and of nothing else."""

from __future__ import annotations

import asyncio

import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.store import edits, schema
from airflow_lite.store.pages import changes
from airflow_lite.worker.task_log.paths import log_path
from airflow_lite_web import live
from airflow_lite_web.access.users import Role
from plugins.web.conftest import NOON_US, Web, chain

DEADLINE_S = 60
CHANGE = b"event: change\ndata: 1\n\n"


def look(web):
    with web.store.read() as connection:
        return changes.look(connection)


def changed(web, before, now):
    with web.store.read() as connection:
        return changes.changed_dags(connection, before, now)


def test_a_change_is_that_of_the_dag_whose_task_changed(web):
    (run,) = web.fill(chain("a", "t"))
    web.fill(chain("b", "t"))
    before = look(web)
    assert changed(web, before, look(web)) == set()

    web.set_state(run, "t", "running")

    assert changed(web, before, look(web)) == {"a"}


def test_a_run_that_is_made_or_ends_is_a_change_of_its_dag(web):
    web.fill(chain("a", "t"))
    before = look(web)
    with web.store.begin() as connection:
        connection.execute(schema.dag_run.update().values(state="success"))

    assert changed(web, before, look(web)) == {"a"}


def test_a_pause_may_concern_every_page(web):
    web.fill(chain("a", "t"))
    before = look(web)
    with web.store.begin() as connection:
        edits.set_paused(connection, ["a"], paused=True)

    assert changed(web, before, look(web)) is None


async def messages(stream, count):
    """Return that many messages of a stream, comments left out."""
    found = []
    async with asyncio.timeout(DEADLINE_S):
        async for message in stream:
            if message.startswith(b"event"):
                found.append(message)
            if len(found) == count:
                break
    await stream.aclose()
    return found


async def told_of(web, dag_id, change, log=None):
    """Return the first message that a page of a DAG gets once `change` was made."""
    watch = live.Watch(web.site)
    stream = watch.stream(dag_id, log)
    assert await anext(stream) == b"retry: 3000\n\n"
    assert await anext(stream) == CHANGE  # for what was before it began to look
    waiting = asyncio.create_task(messages(stream, 1))
    await asyncio.to_thread(change)
    found = await waiting
    assert watch._task is None  # the last stream ended, and the watch with it
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def watched(request, tmp_path):
    postgres = request.param == "postgresql"
    database = request.getfixturevalue("new_postgres")() if postgres else None
    web = Web(tmp_path / "home", database)
    yield web
    web.store.close()


def test_an_open_page_is_told_of_a_change(watched):
    (run,) = watched.fill(chain("a", "t"))

    found = asyncio.run(told_of(watched, "a", lambda: watched.set_state(run, "t", "running")))

    assert found == [CHANGE]


def test_a_page_is_not_told_of_other_dags(web):
    (mine,) = web.fill(chain("a", "t"))
    (other,) = web.fill(chain("b", "t"))

    async def both():
        watch = live.Watch(web.site)
        first, second = watch.stream("a", None), watch.stream("b", None)
        for stream in (first, second):
            assert [await anext(stream), await anext(stream)][1] == CHANGE
        tasks = [asyncio.create_task(messages(stream, 1)) for stream in (first, second)]
        await asyncio.to_thread(web.set_state, other, "t", "running")
        await tasks[1]
        assert not tasks[0].done()
        await asyncio.to_thread(web.set_state, mine, "t", "running")
        return await tasks[0]

    assert len(asyncio.run(both())) == 1


def test_the_page_of_a_log_is_told_when_it_grows(web):
    web.fill(chain("a", "t"))
    folder = web.config.getpath("logging", "base_log_folder")
    path = log_path(folder, TaskInstanceKey("a", "t", "r0", 1, -1))
    path.parent.mkdir(parents=True)

    assert len(asyncio.run(told_of(web, "a", lambda: path.write_text("line\n"), path))) == 1


def test_the_more_pages_are_open_the_more_seldom_each_is_told(web):
    watch = live.Watch(web.site)
    assert watch.pause_s == 1.0

    watch._streams = {asyncio.Event(): "" for _ in range(200)}

    assert watch.pause_s == 40.0


def test_a_server_that_bears_no_more_streams_says_so(web, monkeypatch):
    monkeypatch.setattr(live, "_MOST_STREAMS", 0)

    answer = web.client(Role.VIEWER).get("/events?dag=a")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_a_stream_is_for_users_alone(web):
    assert web.client().get("/events").status_code == 401


@pytest.mark.parametrize("task", ["../../x", "t"])
def test_a_log_is_followed_in_the_log_folder_alone(web, task):
    client = web.client(Role.VIEWER)
    parameters = {"dag": "a", "task": task, "run": "../r", "try": "1", "map_index": "-1"}

    assert client.get("/events", params=parameters).status_code == 404


def test_the_time_of_the_rows_is_no_change(web):
    web.fill(chain("a", "t"))
    before = look(web)
    with web.store.begin() as connection:
        connection.execute(schema.dag.update().values(last_parsed_us=NOON_US))

    assert look(web) == before
