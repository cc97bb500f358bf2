"""Every message that crosses a boundary of processes: scheduler, task host, zygotes, child.

Each is a NamedTuple; how it is written is in `processes.packing`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, NamedTuple

from airflow_lite.processes.packing import Kinds
from airflow_lite.worker.dag_questions import TaskQuestion

#: What is called back for a try that failed, by the state that follows.
CALLBACK_OF = {"failed": "on_failure", "up_for_retry": "on_retry"}


class AttemptRequest(NamedTuple):
    """One attempt, as the host sends it to a zygote. Moments are microseconds, key a list."""

    key: tuple[str, str, str, int, int, str]
    run: dict[str, Any]
    max_tries: int = 0
    start_us: int | None = None
    try_started_us: int | None = None
    queued_us: int | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    queue: str = "default"
    priority_weight: int = 1
    hostname: str = ""
    max_xcom_bytes: int = 1 << 20
    max_log_bytes: int = 256 << 20
    log_level: str = "INFO"
    test_mode: bool = False
    reschedules_sensors: bool | None = False  # no sensor may poke; None: a sensor asks its host
    next_method: str | None = None  # what a task that was deferred goes on with
    next_kwargs: str | None = None  # of that method, as JSON text
    passed_s: float = 0.0  # of the execution_timeout, before the task was deferred and since
    notices: tuple[str, ...] = ()  # lines for the log, before all else

    @property
    def token(self) -> str:
        """The attempt's token."""
        return self.key[5]


class Outcome(NamedTuple):
    """How the code of an attempt ended: success, failed, skipped, up_for_reschedule, deferred."""

    state: str
    cause: str | None = None
    force_fail: bool = False  # failed, and no retry may help
    next_at_us: int | None = None  # of up_for_reschedule; of deferred, when it waits no longer
    skip_decision: dict[str, list[str]] | None = None
    max_rss_kb: int | None = None
    cpu_us: int | None = None
    exit_code: int | None = None
    log_error: str | None = None  # why something could not be written into the log
    is_reported: bool = True  # by the child, which then calls back; False: it vanished
    map_length: int | None = None  # of its result, for tasks that are mapped over it
    rendered_map_index: str | None = None
    changes: list[list[Any]] | None = None  # of datasets: URI, extra as JSON text, aliases
    # Of deferred: `worker.task.deferral`.
    trigger_spec: str | None = None
    next_method: str | None = None
    next_kwargs: str | None = None


class RetryPolicy(NamedTuple):
    """What of a task decides how long it may run and what follows a failure."""

    execution_timeout_s: float | None = None
    retries: int = 0
    retry_delay_s: float = 300.0
    retry_exponential_backoff: bool = False
    max_retry_delay_s: float | None = None
    callbacks: tuple[str, ...] = ()  # of on_failure, on_retry: what the task has

    @classmethod
    def of(cls, task: Any) -> RetryPolicy:
        """Read it from an operator."""
        return cls(
            _seconds(task.execution_timeout),
            int(task.retries or 0),
            _seconds(task.retry_delay) or 0.0,
            bool(task.retry_exponential_backoff),
            _seconds(task.max_retry_delay),
            tuple(
                name for name in CALLBACK_OF.values() if task.callbacks_on(name.removeprefix("on_"))
            ),
        )


def _seconds(duration: Any) -> float | None:
    if duration is None:
        return None
    return float(getattr(duration, "total_seconds", lambda: duration)())


# From the scheduler to its task host.


class RunAttempts(NamedTuple):
    """Claim and run the attempts of these run commands."""

    commands: list[list[str]]


class CancelAttempt(NamedTuple):
    """Stop one attempt: SIGTERM, and SIGKILL after `grace_s`; None: after the usual time."""

    token: str
    grace_s: float | None = None


class ReleaseAttempts(NamedTuple):
    """Let go of those of these attempts that are not claimed yet."""

    tokens: list[str]


class LimitAttempts(NamedTuple):
    """Run no more than `most` at once from now on; what runs goes on."""

    most: int


class Drain(NamedTuple):
    """Claim no more, and end once nothing runs."""


class Terminate(NamedTuple):
    """Stop all that runs, and end."""

    grace_s: float


SchedulerMessage = RunAttempts | CancelAttempt | ReleaseAttempts | LimitAttempts | Drain | Terminate


# From the task host to its scheduler.


class StoreTrouble(NamedTuple):
    """Why attempts cannot be claimed now; None: they can."""

    reason: str | None


class HostBeat(NamedTuple):
    """The host is well; told again and again while it has attempts."""


class AttemptsRunning(NamedTuple):
    """These attempts have run for a while."""

    tokens: list[str]


class AttemptsEnded(NamedTuple):
    """The ends of these attempts are recorded."""

    tokens: list[str]


class AttemptsDropped(NamedTuple):
    """These attempts are not, or not any more, this host's to claim."""

    tokens: list[str]


HostMessage = StoreTrouble | HostBeat | AttemptsRunning | AttemptsEnded | AttemptsDropped


# From the task host to the base zygote, and back.


class ForkZygote(NamedTuple):
    """Fork a zygote for a file, or for the pickled DAG that goes by that name.

    Its channel's end comes along. `is_alone`: it runs a single attempt in itself. `sentry` is what
    `SentrySettings` is made of, and each of `authoring` an `AuthoringHook`.
    """

    number: int
    path: str
    folder: str
    is_alone: bool = False
    sentry: tuple[str, str] | None = None
    is_pickled: bool = False
    authoring: tuple[tuple[str, str], ...] = ()


class ZygoteForked(NamedTuple):
    """The process of a zygote."""

    number: int
    pid: int


class ZygoteEnded(NamedTuple):
    """How a zygote ended: its exit code, or why there is no process of it; as in `ForkFailed`."""

    number: int
    code: int | None
    error: str | None = None
    is_shortage: bool = False


BaseMessage = ZygoteForked | ZygoteEnded


# From the task host to a file's zygote, and back.


class PickledDag(NamedTuple):
    """The pickled DAG that a zygote takes in place of its file, in base 64."""

    text: str

    @classmethod
    def of(cls, payload: bytes) -> PickledDag:
        """Make one of the pickle."""
        return cls(b64encode(payload).decode())

    @property
    def payload(self) -> bytes:
        """The pickle."""
        return b64decode(self.text)


class ForkAttempt(NamedTuple):
    """Fork a child for an attempt; its line, its output and its log come along.

    The child begins once `Begin` comes over its line.
    """

    request: AttemptRequest


class ChildOrder(NamedTuple):
    """What a child is forked for, and the monotonic time then; descriptors as `ForkAttempt`'s."""

    request: AttemptRequest
    forked_at: float


class FileParsed(NamedTuple):
    """A zygote has imported its file, or could not: `error`.

    `threads` and `descriptors` are the names of what it has started and left open.
    `is_settling`: the file, or one that the error is in, was changed just now.
    """

    error: str | None
    fingerprint: str
    threads: list[str]
    descriptors: list[str]
    is_settling: bool = False


class AttemptForked(NamedTuple):
    """The process of an attempt."""

    token: str
    pid: int
    policy: RetryPolicy


class TaskMissing(NamedTuple):
    """The file has no such task."""

    token: str


class ForkFailed(NamedTuple):
    """No process could be made for an attempt; `is_shortage`: later one may."""

    token: str
    error: str
    is_shortage: bool = False


class ChildEnded(NamedTuple):
    """The exit code of an attempt's process; negative: the signal that killed it."""

    token: str
    code: int


class Ask(NamedTuple):
    """A question to the store, packed, with a number that the `Answer` bears, too."""

    number: int
    question: list[Any]


class Answer(NamedTuple):
    """The answer to a question, or why there is none."""

    number: int
    value: Any = None
    error: str | None = None


#: A zygote asks while it imports its file, a child from then on.
ZygoteMessage = FileParsed | AttemptForked | TaskMissing | ForkFailed | ChildEnded | Ask
ZygoteOrder = PickledDag | ForkAttempt | Answer


# From a child to the task host, and back.


class PushXCom(NamedTuple):
    """Write an XCom of the task instance; `value` is JSON text."""

    key: str
    value: str


class SaveRendered(NamedTuple):
    """Save the rendered fields, as JSON text."""

    fields: str


class ReportOutcome(NamedTuple):
    """How the task's code ended; `has_more`: callbacks follow, and then `CallbacksDone`."""

    outcome: Outcome
    policy: RetryPolicy
    has_more: bool


class CallbacksDone(NamedTuple):
    """Nothing more comes from this attempt."""


class AcceptLines(NamedTuple):
    """Processes that the task forks hand in lines of their own at the socket that comes along."""


class NewLine(NamedTuple):
    """The line of a process that the task forked comes along."""


class Begin(NamedTuple):
    """The attempt is claimed, at this monotonic time: run its code. First of all to a child."""

    at: float


class HideSecrets(NamedTuple):
    """Mask these texts in what the task's processes print; answered as an `Ask` of the number is.

    It takes no store, and what they print after the answer has them masked.
    """

    number: int
    secrets: list[str]


class AskMode(NamedTuple):
    """Whether sensors are rescheduled rather than poke; answered as an `Ask` of the number is."""

    number: int


ForkedMessage = PushXCom | Ask | HideSecrets
ChildMessage = ForkedMessage | SaveRendered | ReportOutcome | CallbacksDone | AcceptLines | AskMode


# What a task may ask of the store: what each asks for.


class PullXComs(NamedTuple):
    """The XComs of a query; the fields are those of `store.xcoms.XComQuery`."""

    dag_id: str
    run_id: str
    logical_us: int
    key: str | None
    task_ids: list[str] | None = None
    map_indexes: list[int] | None = None
    include_prior_dates: bool = False
    is_single: bool = False


class PreviousRun(NamedTuple):
    """The newest run before this one, in `state` if one is given, or one of the schedule."""

    state: str | None
    of_schedule: bool = False


class FinishedTasks(NamedTuple):
    """The tasks of this run that have ended, in the order of their ends."""


class TaskInstances(NamedTuple):
    """The task instances of a run, as their rows are now."""

    run_row_id: int


class FirstReschedule(NamedTuple):
    """The moment at which a try first started that was rescheduled."""

    try_number: int


class InstanceCount(NamedTuple):
    """How many instances the task of the attempt that asks has, if it is mapped."""


class StatesOfDag(NamedTuple):
    """The states of tasks of a DAG, or of its runs: see `store.lookup.states_of_dag`."""

    dag_id: str
    dates_us: list[int]
    task_ids: list[str] | None = None
    group_id: str | None = None
    must_exist: bool = False


class GivenState(NamedTuple):
    """The state that somebody gave the row of the attempt that asks."""


# What code of authors may ask of the store's Variables and Connections: `authoring.secrets`.


class GetVariable(NamedTuple):
    """The value of a Variable of the store, or None."""

    key: str


class SetVariable(NamedTuple):
    """Make a Variable, or change it and its description."""

    key: str
    value: str
    description: str | None = None


class UpdateVariable(NamedTuple):
    """Change a Variable's value; False if there is none of this key."""

    key: str
    value: str


class DeleteVariable(NamedTuple):
    """Delete a Variable; how many there were."""

    key: str


class GetConnection(NamedTuple):
    """The fields of a connection of the store, or None."""

    conn_id: str


SecretQuestion = GetVariable | SetVariable | UpdateVariable | DeleteVariable | GetConnection
Question = (
    PullXComs
    | PreviousRun
    | FinishedTasks
    | TaskInstances
    | FirstReschedule
    | InstanceCount
    | StatesOfDag
    | GivenState
    | TaskQuestion
)


# What each process may be sent, by who sends it. What user code can send, too, is looked at.

FROM_SCHEDULER: Kinds[SchedulerMessage] = Kinds(SchedulerMessage)
FROM_HOST: Kinds[HostMessage] = Kinds(HostMessage)
TO_BASE: Kinds[ForkZygote] = Kinds(ForkZygote)
FROM_BASE: Kinds[BaseMessage] = Kinds(BaseMessage)
TO_ZYGOTE: Kinds[ZygoteOrder] = Kinds(ZygoteOrder)
FROM_ZYGOTE: Kinds[ZygoteMessage] = Kinds(ZygoteMessage, is_checked=True)
TO_CHILD: Kinds[ChildOrder] = Kinds(ChildOrder)
FROM_CHILD: Kinds[ChildMessage] = Kinds(ChildMessage, is_checked=True)
FROM_FORKED: Kinds[ForkedMessage] = Kinds(ForkedMessage, is_checked=True)
AT_DOOR: Kinds[NewLine] = Kinds(NewLine, is_checked=True)
BEGIN: Kinds[Begin] = Kinds(Begin)
ANSWERS: Kinds[Answer] = Kinds(Answer)
QUESTIONS: Kinds[Question | SecretQuestion] = Kinds(Question | SecretQuestion, is_checked=True)
