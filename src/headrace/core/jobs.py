"""What a job is: its states, its options, and the records in which stores hand jobs out."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.backoff import Backoff

State: TypeAlias = Literal["waiting", "prioritized", "delayed", "active", "waiting-children", "completed", "failed"]
STATES: Final[tuple[State, ...]] = (
    "waiting",
    "prioritized",
    "delayed",
    "active",
    "waiting-children",
    "completed",
    "failed",
)
FINISHED: Final[frozenset[State]] = frozenset({"completed", "failed"})

Policy: TypeAlias = Literal["fail_parent", "continue_parent", "ignore", "drop", "wait"]
"""What a child's final failure does to its parent.

`fail_parent` fails it too, `continue_parent` lets it run at once, `ignore` counts the child as done and keeps the
reason, `drop` forgets the child, `wait` lets the parent wait until the child is retried or removed.
"""
POLICIES: Final[tuple[Policy, ...]] = ("fail_parent", "continue_parent", "ignore", "drop", "wait")

Bond: TypeAlias = Literal["fail_parent", "continue_parent", "ignore", "drop", "wait", "finally", "on_failure"]
"""What the end of a job does to one that follows it.

A policy means what it means for a parent. `finally` is for a step that runs when the job and all below it have ended,
however they ended; what is added below it later counts too. `on_failure` is for a step that runs when the job has
failed for good, and is removed when it has completed or is removed.
"""

Cause: TypeAlias = Literal[
    "error", "unrecoverable", "timeout", "cancelled", "stalled", "child-failed", "invalid-data", "expired"
]

Siblings: TypeAlias = Literal["run", "cancel"]

PRIORITY_MAX: Final = 2**21 - 1
ATTEMPTS_MAX: Final = 1_000_000
HISTORY_MAX: Final = 20  # failed attempts remembered per job; older ones are forgotten first
LINES_MAX: Final = 1_000  # log lines kept per job


class JobRef(Struct, frozen=True, array_like=True, gc=False):
    """The identity of a job, written `queue/id` wherever people read it."""

    queue: str
    id: str

    def __str__(self) -> str:
        return f"{self.queue}/{self.id}"


class Parent(Struct, frozen=True):
    """The parent of a job, and what the job's final failure does to it."""

    queue: str
    id: str
    policy: Policy = "fail_parent"


class Follow(Struct, frozen=True):
    """A job that another one waits for without being its parent, and what its end does to the one that waits."""

    queue: str
    id: str
    bond: Bond = "fail_parent"


class Keep(Struct, frozen=True, omit_defaults=True):
    """How much of the finished jobs stays: the newest `count`, none older than `age_ms`; None is without bound."""

    count: int | None = None
    age_ms: int | None = None


class Dedup(Struct, frozen=True, omit_defaults=True):
    """The key of which a queue takes one job only, for how long, and what another job of the key does.

    The key is taken until its job has finished; with `ttl_ms` for that time from the add, whatever becomes of the job;
    with `is_forever` until somebody forgets it. A job whose key is taken is a duplicate and is not stored, but see
    `lifecycle.reception`; with `extends` it lets a key that was taken for a time last for `ttl_ms` from now.
    """

    key: str
    ttl_ms: int | None = None
    is_forever: bool = False
    extends: bool = False
    replaces: bool = False
    reschedules: bool = False
    keeps_last: bool = False

    @property
    def is_until_finished(self) -> bool:
        """Whether the end of the job ends it."""
        return self.ttl_ms is None and not self.is_forever


class Slot(Struct, frozen=True):
    """The instant at which a schedule added a job, or was to add it."""

    schedule: str
    at: int


class Options(Struct, frozen=True, omit_defaults=True):
    """How a job is to be run; written once when it is added."""

    attempts: int = 1
    backoff: Backoff | None = None
    timeout_ms: int | None = None
    max_stalled: int = 1
    lifo: bool = False
    keep_completed: Keep | None = None
    keep_failed: Keep | None = None
    dedup: Dedup | None = None
    slot: Slot | None = None  # of a schedule's job
    expires_ms: int | None = None  # from the add; what nobody has started by then fails
    siblings: Siblings = "run"  # what becomes of the other children when one has failed this job


DEFAULTS: Final = Options()


class Failure(Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an attempt, or a job, failed: text for people, `cause` for machines. Nothing in it is ever executed."""

    reason: str
    cause: Cause = "error"
    kind: str = ""  # the exception's class name
    trace: str = ""
    attempt: int = 0  # the number of the attempt, counted from 1; 0 when no attempt was made
    at: int = 0  # set by the store


class NewJob(Struct, frozen=True, omit_defaults=True, gc=False):
    """A job to be added. `data` is JSON text and is stored as it is, byte for byte.

    Without `id` the job takes the queue's next decimal number. `has_children` sends it to `waiting-children`; the
    children come behind it in the same `Add` and name it in `parent`. With `has_children` it may also follow jobs that
    are there already, or stand before it in the `Add`: it waits for them as for children.
    """

    queue: str
    name: str
    data: str = "{}"
    id: str | None = None
    priority: int = 0
    delay_ms: int = 0
    options: Options = DEFAULTS
    parent: Parent | None = None
    has_children: bool = False
    follows: tuple[Follow, ...] = ()


class Lease(Struct, frozen=True, gc=False):
    """A job in a worker's hands: what the worker needs to run it, and the token that lets it settle.

    `attempts_started` counts this run; `attempts_made` does not. A job with `deferred` must be settled as failed
    for that reason, without being run. `waited_ms` is how long it stood ready before this claim.
    """

    queue: str
    id: str
    token: str
    name: str
    data: str
    options: Options
    priority: int
    added_at: int
    attempts_made: int
    attempts_started: int
    stalls: int
    deferred: Failure | None = None
    parent: JobRef | None = None
    waited_ms: int = 0


class JobRecord(Struct, frozen=True):
    """Everything a store knows of a job at one moment. `data`, `result`, `progress` and `notes` are JSON text."""

    queue: str
    id: str
    name: str
    state: State
    data: str
    options: Options
    priority: int
    added_at: int
    attempts_made: int = 0
    attempts_started: int = 0
    stalls: int = 0
    due_at: int | None = None  # delayed: when it may run
    started_at: int | None = None  # active and finished: the start of the last run
    finished_at: int | None = None
    expires_at: int | None = None  # active: the end of the lease
    worker: str | None = None  # active: who runs it
    is_cancel_requested: bool = False
    progress: str | None = None
    notes: str | None = None
    result: str | None = None
    failure: Failure | None = None  # failed: why. Otherwise: the deferred failure that its next claim will settle
    failures: tuple[Failure, ...] = ()  # the attempts that failed, oldest first, the last HISTORY_MAX
    parent: Parent | None = None
    children_pending: int = 0
    children: int = 0
