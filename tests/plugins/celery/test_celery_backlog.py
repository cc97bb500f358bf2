"""Which attempts are where, and which messages are sent again."""

from __future__ import annotations

from airflow_lite.executors import RunCommand, TaskInstanceKey
from airflow_lite_celery_executor.app import broker_priority
from airflow_lite_celery_executor.backlog import FIRST_REPEAT_S, Backlog
from airflow_lite_celery_executor.fleet import SILENT_S
from airflow_lite_celery_executor.messages import RunMessage
from airflow_lite_celery_executor.publisher import Letter


def key(number):
    return TaskInstanceKey("dag", f"t{number}", "run", 1, -1, f"{number:032x}")


def letter(number):
    return Letter(RunMessage(RunCommand(key(number)).words()), "default", 1)


def sent(*numbers):
    """Return a backlog of attempts that the broker took at the moment 0."""
    backlog = Backlog()
    for number in numbers:
        backlog.add(key(number), letter(number), 0.0)
        backlog.published(key(number).attempt, 0.0)
    return backlog


def due(backlog, now):
    return [each.message.token for each in backlog.take_due(now)]


def test_what_no_worker_tells_of_is_sent_again_after_ever_longer():
    backlog, token = sent(1), key(1).attempt
    assert due(backlog, FIRST_REPEAT_S - 1) == []
    assert due(backlog, FIRST_REPEAT_S) == [token]
    assert due(backlog, FIRST_REPEAT_S * 9) == []  # it is on its way
    backlog.published(token, 100.0)
    assert due(backlog, 100.0 + FIRST_REPEAT_S) == []
    assert due(backlog, 100.0 + FIRST_REPEAT_S * 2) == [token]


def test_what_runs_or_waits_at_a_worker_is_not_sent_again():
    backlog = sent(1, 2, 3)
    backlog.runs(key(1).attempt, "one", 1.0)
    assert backlog.present("one", [key(1).attempt, key(2).attempt], 2.0) == []
    assert due(backlog, 1e6) == [key(3).attempt]


def test_an_end_that_was_not_heard_shows_when_the_worker_tells_what_it_has():
    backlog = sent(1, 2)
    backlog.runs(key(1).attempt, "one", 1.0)
    backlog.runs(key(2).attempt, "two", 1.0)
    assert backlog.present("one", [], 2.0) == [key(1)]
    assert backlog.present("one", [], 3.0) == []


def test_what_a_worker_has_given_back_has_not_ended_and_is_sent_again_should_nobody_take_it():
    backlog = sent(1, 2)
    backlog.present("one", [key(1).attempt, key(2).attempt], 5.0)
    assert backlog.present("one", [key(1).attempt], 9.0) == []
    assert due(backlog, 9.0 + FIRST_REPEAT_S - 1) == []
    assert due(backlog, 9.0 + FIRST_REPEAT_S) == [key(2).attempt]


def test_a_worker_that_falls_silent_loses_what_ran_and_what_waited_is_sent_again():
    backlog = sent(1, 2)
    backlog.present("one", [key(1).attempt, key(2).attempt], 5.0)
    backlog.runs(key(1).attempt, "one", 5.0)
    assert backlog.take_silent(5.0 + SILENT_S - 1, since=0.0) == []
    (silence,) = backlog.take_silent(5.0 + SILENT_S, since=0.0)
    assert silence == ("one", [key(1)])
    assert due(backlog, 5.0 + SILENT_S) == [key(2).attempt]
    assert backlog.take_silent(1e6, since=0.0) == []


def test_attempts_are_counted_by_their_queues_while_they_are_here():
    backlog = sent(1, 2, 3)
    assert (backlog.count({"default"}), backlog.count({"gpu"})) == (3, 0)
    assert backlog.oldest_s(7.0) == 7.0
    backlog.remove(key(1).attempt)
    backlog.present("one", [key(2).attempt], 5.0)
    backlog.runs(key(2).attempt, "one", 5.0)
    assert backlog.count({"default", "gpu"}) == 2
    backlog.take_silent(5.0 + SILENT_S, since=0.0)
    assert backlog.count({"default"}) == 1
    backlog.clear()
    assert (backlog.count({"default"}), backlog.oldest_s(7.0)) == (0, 0.0)


def test_silence_does_not_count_while_nobody_listened():
    backlog = sent(1)
    backlog.runs(key(1).attempt, "one", 5.0)
    assert backlog.take_silent(100.0, since=99.0) == []
    assert backlog.take_silent(99.0 + SILENT_S, since=99.0) != []


def test_higher_weights_go_first_with_both_brokers():
    weights = [-5, 0, 1, 2, 3, 8, 100, 2**31 - 1]
    rabbitmq = [broker_priority(weight, is_redis=False) for weight in weights]
    assert rabbitmq == [0, 0, 1, 2, 2, 4, 7, 9]
    assert [9 - broker_priority(weight, is_redis=True) for weight in weights] == rabbitmq
