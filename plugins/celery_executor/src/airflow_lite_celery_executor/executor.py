"""CeleryExecutor: attempts on Celery workers, run by a task host beside each."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import (
    AttemptRefused,
    BaseExecutor,
    Pace,
    RunCommand,
    TaskInstanceState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.executors import TaskInstance, TaskInstanceKey
    from airflow_lite_celery_executor.backlog import Backlog
    from airflow_lite_celery_executor.fleet import Fleet
    from airflow_lite_celery_executor.link import HintListener
    from airflow_lite_celery_executor.messages import Hint
    from airflow_lite_celery_executor.publisher import Letter, Publisher
    from airflow_lite_celery_executor.settings import CelerySettings

#: Seconds that `terminate` gives the broker to take the order.
KILL_S = 3.0

logger = logging.getLogger(__name__)


class CeleryExecutor(BaseExecutor):
    """Hands attempts to the broker, one message each, named by its token.

    Workers tell of ends by the broker, too; that is only a reason to look at the row. A message
    that is lost is sent again under the same token, and one that comes twice loses the claim.
    """

    supports_sentry = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings: CelerySettings | None = None
        self._publisher: Publisher | None = None
        self._listener: HintListener | None = None
        self._priorities: dict[TaskInstanceKey, int] = {}
        self._told: dict[str, str] = {}  # of each queue, why tasks wait in it
        self._twins: set[str] = set()  # names that were told to be those of two workers
        self._pace = Pace()
        from airflow_lite_celery_executor.backlog import Backlog
        from airflow_lite_celery_executor.fleet import Fleet

        self._backlog: Backlog = Backlog()
        self._fleet: Fleet = Fleet()

    def start(self) -> None:
        """Start the threads that reach the broker, whenever it can be reached."""
        from airflow_lite.worker import shared_key
        from airflow_lite_celery_executor.app import make_app
        from airflow_lite_celery_executor.link import HintListener
        from airflow_lite_celery_executor.publisher import Publisher
        from airflow_lite_celery_executor.settings import KEY, CelerySettings

        self._settings = settings = CelerySettings.read(self.config)
        key = shared_key(self.config, *KEY, is_made=True)
        app = make_app(settings, key)
        self._listener = listener = HintListener(app, key, self._hear, self.clock.monotonic)
        self._publisher = Publisher(
            app,
            key,
            settings.operation_timeout_s,
            listens=listener.listens,
            on_published=self._published,
            on_refused=self._refused,
        )
        self._listener.start()
        self._publisher.start()

    def end(self) -> None:
        """Wait for running attempts, at most `shutdown_grace_s`, then leave the broker."""
        if self._publisher is not None:
            super().end()
            self._close()

    def terminate(self) -> None:
        """Have everything killed, and leave the broker."""
        super().terminate()
        tokens = self._backlog.clear()
        publisher = self._publisher
        if publisher is not None and tokens:
            publisher.stop_attempts(tokens, 0.0)
            publisher.flush(KILL_S)
        self._close()

    def _close(self) -> None:
        links = (self._publisher, self._listener)
        self._publisher = self._listener = None
        self._backlog.clear()
        for link in links:
            if link is not None:
                link.close()

    def queue_command(
        self,
        task_instance: TaskInstance,
        command: list[str],
        priority: int = 1,
        queue: str | None = None,
    ) -> None:
        """Queue an attempt; its priority will be the message's."""
        super().queue_command(task_instance, command, priority, queue)
        self._priorities[task_instance.key] = priority

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Have the attempt's message sent soon."""
        from airflow_lite_celery_executor.app import why_no_queue

        priority = self._priorities.pop(key, 1)
        if executor_config:
            raise AttemptRefused(
                f"executor_config is {executor_config!r:.200}. CeleryExecutor takes none: leave it"
                " out, and choose workers by the task's queue."
            )
        if (why := why_no_queue(queue or "")) is not None:
            raise AttemptRefused(f"queue is {queue!r:.100}: {why}.")
        letter = self._letter(command, queue, priority)
        self._backlog.add(key, letter, self.clock.monotonic())
        self._require_publisher().send([letter])

    def _letter(self, command: list[str], queue: str | None, priority: int) -> Any:
        from airflow_lite_celery_executor.app import broker_priority
        from airflow_lite_celery_executor.messages import RunMessage
        from airflow_lite_celery_executor.publisher import Letter

        self._require_publisher()
        settings = self._settings
        assert settings is not None  # it is started
        return Letter(
            RunMessage(command),
            queue or settings.default_queue,
            broker_priority(priority, is_redis=settings.is_redis),
        )

    def _require_publisher(self) -> Publisher:
        if self._publisher is None:
            raise RuntimeError(f"{self} is not started. Call start() first.")
        return self._publisher

    def sync(self) -> None:
        """Send again what no worker has, and give up on workers that are silent."""
        publisher, listener = self._publisher, self._listener
        if publisher is None or listener is None:
            return
        now = self.clock.monotonic()
        since = listener.listens_since
        if since is not None:
            for silence in self._backlog.take_silent(now, since):
                for key in silence.running:
                    self.fail(key, f"Celery worker {silence.worker} tells nothing any more")
        due: dict[str, list[Letter]] = defaultdict(list)
        for letter in self._backlog.take_due(now):
            due[letter.queue].append(letter)
        heard = self._fleet.queues(now)
        for queue, letters in due.items():
            self._tell_waiting(queue, len(letters), now)
            if queue in heard:
                publisher.send(letters)
            else:
                publisher.send_if_lost(letters, self._backlog.count({queue}))

    def _tell_waiting(self, queue: str, count: int, now: float) -> None:
        """Say once of a queue why no worker has what was sent to it a while ago."""
        why = self._fleet.why_waiting(queue, now)
        if self._told.get(queue) != why:
            self._told[queue] = why
            tasks = f"{count} tasks wait" if count > 1 else "1 task waits"
            own = self.name or type(self).__name__
            logger.warning("%s: %s for long in queue %r: %s", own, tasks, queue, why)

    @property
    def slots_available(self) -> int:
        """How many attempts more could be queued: no more than the workers have slots for.

        While all are over quickly some more, so that no slot waits for the next one; behind long
        ones they would wait at the broker until they counted as stuck. What waits in queues that
        no worker serves takes no slot from others; without any worker, there is no such limit.
        """
        now = self.clock.monotonic()
        available = (self.parallelism or sys.maxsize) - self.slots_occupied
        slots = self._fleet.slots(now)
        if not slots:
            return available
        room = self._pace.room(slots, self._backlog.oldest_s(now))
        taken = self._backlog.count(self._fleet.queues(now)) + len(self.queued_tasks)
        return min(available, room - taken)

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Take an attempt back, and have it stopped wherever it runs."""
        self._forget(ti.key)
        self._priorities.pop(ti.key, None)
        was_here = self._backlog.remove(ti.attempt) is not None
        if self._publisher is not None and ti.attempt and was_here:
            self._publisher.stop_attempts([ti.attempt])

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Take over the attempts that a dead scheduler had queued, under the same tokens."""
        return [ti for ti in tis if not self._adopt(ti)]

    def _adopt(self, ti: TaskInstance) -> bool:
        if ti.state != TaskInstanceState.QUEUED or not ti.attempt or ti.executor_config:
            return False
        from airflow_lite_celery_executor.backlog import FIRST_REPEAT_S

        command = RunCommand(ti.key, pool=ti.pool, pickle_id=ti.pickle_id).words()
        letter = self._letter(command, ti.queue, ti.priority_weight)
        is_there = ti.external_executor_id == ti.attempt  # the broker has taken its message
        due = self.clock.monotonic() + FIRST_REPEAT_S if is_there else None
        self._backlog.add(ti.key, letter, self.clock.monotonic(), due)
        if not is_there:
            self._require_publisher().send([letter])
        self.running.add(ti.key)
        return True

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return the workers' lines of the attempt, each with the worker's name."""
        from airflow_lite_celery_executor.looking import task_lines

        return task_lines(self.config, ti), []

    def check_store(self, url: str) -> str | None:
        """Return why SQLite cannot serve: workers may be on other machines; None if it can."""
        from airflow_lite_celery_executor.settings import is_loopback

        if not url.startswith("sqlite") or is_loopback(self.config.get("celery", "broker_url")):
            return None
        return super().check_store(url)

    def _published(self, tokens: list[str]) -> None:
        for token in tokens:
            key = self._backlog.published(token, self.clock.monotonic())
            if key is not None:
                self.queued(key, token)

    def _refused(self, token: str, reason: str) -> None:
        sent = self._backlog.remove(token)
        if sent is not None:
            self.fail(sent.key, f"the broker refused its message: {reason}")

    def _hear(self, hint: Hint) -> None:
        now = self.clock.monotonic()
        for token in hint.running:
            if (key := self._backlog.runs(token, hint.worker, now)) is not None:
                self.running_state(key)
        for token in hint.ended:
            if (sent := self._backlog.remove(token)) is not None:
                self._pace.ended(now - sent.since)
                self._told.pop(sent.letter.queue, None)
                self.success(sent.key)
        for token in hint.not_claimed:
            if (sent := self._backlog.remove(token)) is not None:
                self.fail(sent.key, f"Celery worker {hint.worker} did not claim it: {_NOT_QUEUED}")
        if self._fleet.note(hint, now) and hint.worker not in self._twins:
            self._twins.add(hint.worker)
            logger.warning(
                "two workers are named %s, and each takes commands for the other. Give each a name"
                " of its own with --celery-hostname, or leave that out",
                hint.worker,
            )
        if hint.beat is not None:
            for key in self._backlog.present(hint.worker, hint.beat.present, now):
                self.success(key)


_NOT_QUEUED = "in the database that it sees, the attempt is not queued (any more)"
