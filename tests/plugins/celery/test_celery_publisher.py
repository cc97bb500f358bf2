"""The scheduler's messages: many at once, and of each it is known whether the broker has it."""

from __future__ import annotations

import threading
import uuid
from collections import Counter, defaultdict
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_lite.executors import RunCommand, TaskInstanceKey
from airflow_lite_celery_executor.app import make_app
from airflow_lite_celery_executor.messages import RunMessage
from airflow_lite_celery_executor.publisher import Confirms, Letter, Publisher
from airflow_lite_celery_executor.settings import CelerySettings
from airflow_lite_testing.proxy import LOOPBACK, Proxy

KEY = b"k" * 32
MANY = 1500
END_S = 60.0


class Sending:
    """A publisher, what it told, and the queue that it sends to."""

    def __init__(self, app, queue):
        self.app, self.queue = app, queue
        self.published: Counter[str] = Counter()
        self.refused: dict[str, str] = {}
        self.is_first_out = threading.Event()
        listens = threading.Event()
        listens.set()
        self.publisher = Publisher(
            app,
            KEY,
            5.0,
            listens=listens,
            on_published=self._note,
            on_refused=self.refused.__setitem__,
        )

    def _note(self, tokens):
        self.published.update(tokens)
        self.is_first_out.set()

    def send(self, count, queue=None):
        """Send so many messages; return their tokens."""
        return self.send_tokens([uuid.uuid4().hex for _ in range(count)], queue)

    def send_tokens(self, tokens, queue=None):
        """Send a message for each of these attempts."""
        for token in tokens:
            command = RunCommand(TaskInstanceKey("d", "t", "r", 1, -1, token)).words()
            self.publisher.send([Letter(RunMessage(command), queue or self.queue, 1)])
        return tokens

    def send_if_lost(self, tokens):
        """Send a message for each of these attempts, unless the queue has as many."""
        commands = [RunCommand(TaskInstanceKey("d", "t", "r", 1, -1, token)) for token in tokens]
        letters = [Letter(RunMessage(each.words()), self.queue, 1) for each in commands]
        self.publisher.send_if_lost(letters, len(tokens))
        assert self.publisher.flush(END_S)

    def take(self, broker, count):
        """Take so many messages from the queue, or all there are; return how often each came."""
        found: Counter[str] = Counter()
        with broker.connect() as connection:
            queue = broker.queue(self.queue)(connection.default_channel)
            while len(found) < count and (message := queue.get(no_ack=True)) is not None:
                found[message.headers["id"]] += 1
        return found


@pytest.fixture
def make(celery_config, broker):
    made = []

    def make(url=None):
        celery_config.environ = {**broker.environ(), "AIRFLOW_LITE__CELERY__BROKER_URL": url}
        app = make_app(CelerySettings.read(celery_config), KEY)
        made.append(Sending(app, broker.name))
        made[-1].publisher.start()
        return made[-1]

    yield lambda url=broker.url: make(url)
    for sending in made:
        sending.publisher.close()


def test_all_of_many_messages_are_at_the_broker_once_that_is_told(make, broker):
    sending = make()
    tokens = sending.send(MANY)
    assert sending.publisher.flush(END_S)
    assert sending.published == Counter(tokens) == sending.take(broker, MANY)


def test_what_is_at_the_broker_is_sent_again_only_once_it_is_lost(make, broker):
    sending = make()
    tokens = sending.send(3)
    assert sending.publisher.flush(END_S)

    sending.send_if_lost(tokens)
    assert sending.published == Counter(dict.fromkeys(tokens, 2))  # as if it were sent
    assert sending.take(broker, MANY) == Counter(tokens)

    sending.send_if_lost(tokens)
    assert sending.published == Counter(dict.fromkeys(tokens, 3))
    assert sending.take(broker, MANY) == Counter(tokens)


def test_what_was_on_its_way_when_the_connection_broke_is_sent_again(make, broker):
    parts = urlsplit(broker.url)
    proxy = Proxy(parts.port)
    try:
        user = parts.netloc.rpartition("@")[0]
        netloc = f"{user}@{LOOPBACK}:{proxy.port}"
        sending = make(parts._replace(netloc=netloc).geturl())
        tokens = sending.send(MANY)
        assert sending.is_first_out.wait(END_S)
        proxy.cut()
        proxy.open()
        tokens += sending.send(1)
        assert sending.publisher.flush(END_S)
    finally:
        proxy.close()
    assert sending.published == Counter(tokens)
    assert sending.take(broker, len(tokens)).keys() == set(tokens)


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_queue_that_is_removed_while_the_scheduler_runs_is_made_again(make, broker):
    sending = make()
    sending.send(2)
    assert sending.publisher.flush(END_S)
    broker.clean()
    tokens = sending.send(3)
    assert sending.publisher.flush(END_S)
    assert sending.take(broker, 3).keys() == set(tokens)


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_queue_that_is_refused_takes_no_other_queues_messages_with_it(make, broker):
    broker.is_quorum = True
    with broker.connect() as connection:
        broker.queue(broker.gpu)(connection.default_channel).declare()
    broker.is_quorum = False
    sending = make()
    wrong = sending.send(2, broker.gpu)
    tokens = sending.send(3)
    assert sending.publisher.flush(END_S)
    assert sending.refused.keys() == set(wrong)
    assert all("inequivalent arg" in reason for reason in sending.refused.values())
    assert sending.published == Counter(tokens) == sending.take(broker, 3)
    broker.clean(broker.gpu)


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_a_message_that_closes_the_channel_is_found_and_the_others_go(make, broker, monkeypatch):
    publish = Publisher._publish
    wrong = uuid.uuid4().hex

    def publish_wrongly(self, producer, letter):
        if letter.message.token == wrong:
            producer.publish("", exchange="no-such-exchange", routing_key=letter.queue)
        else:
            publish(self, producer, letter)

    monkeypatch.setattr(Publisher, "_publish", publish_wrongly)
    sending = make()
    tokens = [uuid.uuid4().hex for _ in range(20)]
    sending.send_tokens([*tokens[:5], wrong, *tokens[5:]])
    assert sending.publisher.flush(END_S)
    assert sending.refused.keys() == {wrong}
    assert sending.published == Counter(tokens)
    assert sending.take(broker, len(tokens)).keys() == set(tokens)


class Channel:
    """A channel on which RabbitMQ answers what a test says: the names of events with numbers."""

    def __init__(self, *answers):
        self.events = defaultdict(set)
        self._answers = iter(answers)
        self.confirm_select = lambda: None

    def drain_events(self, timeout):
        assert timeout == 5.0
        name, *values = next(self._answers)
        for callback in self.events[name]:
            callback(*values)


def expecting(channel):
    """Return what expects the messages a, b and c to be confirmed."""
    confirms: Any = Confirms(channel)
    for name in "abc":
        confirms.expect(name)
    return confirms


@pytest.mark.parametrize(
    ("answers", "settled"),
    [
        ([("basic_ack", 3, False), ("basic_ack", 1, False), ("basic_ack", 2, False)], "cab"),
        ([("basic_ack", 2, True), ("basic_ack", 3, True)], "abc"),
        ([("basic_ack", 3, True), ("basic_ack", 3, False)], "abc"),
        ([("basic_ack", 2, False), ("basic_ack", 9, False), ("basic_ack", 3, True)], "bac"),
    ],
)
def test_confirmations_come_in_any_order_and_for_several_at_once(answers, settled):
    channel = Channel(*answers)
    confirms = expecting(channel)
    confirms.wait(channel, 5.0)
    assert "".join(confirms.take()) == settled
    assert confirms.take() == []


def test_what_was_confirmed_before_a_loss_is_known():
    channel = Channel(("basic_ack", 2, False), ("basic_return", None, "", "gone", None))
    confirms = expecting(channel)
    with pytest.raises(ConnectionResetError, match="queue 'gone' is gone, and is made again"):
        confirms.wait(channel, 5.0)
    assert confirms.take() == ["b"]


def test_messages_for_which_a_queue_has_no_room_are_told_and_hold_nothing_up(caplog):
    channel = Channel(("basic_nack", 2, True), ("basic_ack", 3, False))
    confirms = expecting(channel)
    confirms.wait(channel, 5.0)
    assert confirms.take() == ["a", "b", "c"]
    (record,) = caplog.records
    assert record.getMessage() == (
        "RabbitMQ did not take 2 messages, as if a queue were full; they are sent again"
    )
