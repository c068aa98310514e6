"""All that the store knows, as plain mutable values."""

from dataclasses import dataclass, field
from typing import Final

from headrace.core import topics
from headrace.core.commands import Added, WorkerRecord
from headrace.core.jobs import STATES, Bond, Failure, JobRecord, JobRef, Keep, NewJob, Options, Parent, State
from headrace.core.limits import NONE, Limits, Starts
from headrace.core.log import Entry
from headrace.core.schedules import ScheduleRecord
from headrace.storage.memory.ordered import Key, Ordered

NUMBER_BITS: Final = 40  # the low bits of a serial are the number of the job in its queue


@dataclass(slots=True, eq=False)
class Job:
    """A job. `serial` grows with each job added to a queue, is never used twice, and settles every tie of order."""

    ref: JobRef
    serial: int
    new: NewJob
    data: str
    priority: int
    added_at: int
    parent: Parent | None
    state: State = "waiting"
    key: Key = (0, 0)  # its place among the jobs of its queue in its state
    attempts_made: int = 0
    attempts_started: int = 0
    stalls: int = 0
    ready_at: int = 0  # when it last took its place among the ready
    due_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    token: str | None = None
    expires_at: int | None = None
    worker: str | None = None
    is_cancel_requested: bool = False
    progress: str | None = None
    notes: str | None = None
    result: str | None = None
    failure: Failure | None = None  # deferred, until the job is finished
    failures: tuple[Failure, ...] = ()
    lines: list[str] = field(default_factory=list)  # the last LINES_MAX
    lines_count: int = 0  # all there ever were
    children: dict[int, tuple[JobRef, str]] = field(default_factory=dict)  # by serial; not those removed while pending
    pending: set[int] = field(default_factory=set)  # those it waits for
    values: dict[int, str | None] = field(default_factory=dict)  # results that completed children left
    ignored: dict[int, str] = field(default_factory=dict)  # reasons of failed children that it went on without
    followed: set[int] = field(default_factory=set)  # those of `children` that it follows: they are not below it
    followers: "dict[Job, Bond]" = field(default_factory=dict)  # who follows it
    dropped: dict[int, JobRef] = field(default_factory=dict)  # children no more; they still name it
    is_hurried: bool = False  # active: a child that failed meanwhile says that it need not wait for the others

    @property
    def options(self) -> Options:
        return self.new.options

    @property
    def parent_ref(self) -> JobRef | None:
        return JobRef(self.parent.queue, self.parent.id) if self.parent else None


@dataclass(slots=True, eq=False)
class Sums:
    """A tally that still grows; see `TallyRecord`."""

    completed: int
    failed: int
    waits: list[int]
    runs: list[int]


@dataclass(slots=True, eq=False)
class Taken:
    """A dedup key that is taken: the serial and identity of the job that has it, which may be gone or elsewhere now."""

    owner: int
    ref: JobRef
    expires_at: int | None
    is_forever: bool
    kept: NewJob | None = None  # to be added when the owner has finished

    @property
    def is_until_finished(self) -> bool:
        return self.expires_at is None and not self.is_forever

    def is_over(self, now: int) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True, eq=False)
class Queue:
    """A queue, its jobs by id in the order in which they were added, and the order of each state."""

    name: str
    is_paused: bool = False
    resting_until: int = 0
    keep: dict[State, Keep] = field(default_factory=dict)  # what was set for the queue
    limits: Limits = NONE
    starts: Starts = ()  # while there is a rate
    turns: dict[str | None, int] = field(default_factory=dict)  # the place that a key got with its last turn
    back: int = 0  # the last position given at the back of a class
    front: int = 0  # the last position given at the front of a class
    jobs: dict[str, Job] = field(default_factory=dict)
    orders: dict[State, Ordered[Job]] = field(default_factory=lambda: {state: Ordered() for state in STATES})
    tallies: dict[int, dict[str, Sums]] = field(default_factory=dict)  # by minute, then name
    dedups: dict[str, Taken] = field(default_factory=dict)

    def counts(self) -> dict[State, int]:
        return {state: len(order) for state, order in self.orders.items()}


@dataclass(slots=True, eq=False)
class Log:
    """The entries of a channel that are kept; `last` is the position of the last one ever appended."""

    entries: list[Entry] = field(default_factory=list)
    last: int = 0

    @property
    def first(self) -> int:
        return self.last - len(self.entries) + 1


@dataclass(slots=True, eq=False)
class Lock:
    """One owner's hold of a lock."""

    owner: str
    fence: int
    taken_at: int
    expires_at: int


@dataclass(slots=True, eq=False)
class World:
    """Everything. `moves` counts how often each topic moved. Numbers outlive their queue."""

    queues: dict[str, Queue] = field(default_factory=dict)
    queue_numbers: dict[str, int] = field(default_factory=dict)  # in the order in which the queues were made
    job_numbers: dict[str, int] = field(default_factory=dict)  # the last number given to a job of each queue
    requests: dict[str, tuple[int, Added]] = field(default_factory=dict)  # when an Add was answered, and what
    logs: dict[str, Log] = field(default_factory=dict)
    readers: dict[tuple[str, str], int] = field(default_factory=dict)
    locks: dict[str, list[Lock]] = field(default_factory=dict)  # who holds it, by name, in the order of taking
    fence: int = 0  # the last one given, of whatever lock
    workers: dict[str, WorkerRecord] = field(default_factory=dict)
    schedules: dict[str, ScheduleRecord] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)
    deadlines: list[tuple[int, int, JobRef]] = field(default_factory=list)  # sorted; with the serial of the job

    def job(self, ref: JobRef) -> Job | None:
        queue = self.queues.get(ref.queue)
        return queue.jobs.get(ref.id) if queue else None

    def queue(self, name: str) -> Queue:
        """The queue of this name; it and the channel of its events are made if need be."""
        if name not in self.queues:
            self.queues[name] = Queue(name)
            self.queue_numbers.setdefault(name, len(self.queue_numbers) + 1)
            self.logs.setdefault(topics.job_events(name), Log())
        return self.queues[name]

    def serial(self, queue: str, number: int) -> int:
        """The serial of the job that has this number in its queue."""
        return (self.queue_numbers[queue] << NUMBER_BITS) + number

    def wake(self, topic: str) -> None:
        self.moves[topic] = self.moves.get(topic, 0) + 1


def record(job: Job) -> JobRecord:
    return JobRecord(
        queue=job.ref.queue,
        id=job.ref.id,
        name=job.new.name,
        state=job.state,
        data=job.data,
        options=job.options,
        priority=job.priority,
        added_at=job.added_at,
        attempts_made=job.attempts_made,
        attempts_started=job.attempts_started,
        stalls=job.stalls,
        due_at=job.due_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        worker=job.worker,
        is_cancel_requested=job.is_cancel_requested,
        progress=job.progress,
        notes=job.notes,
        result=job.result,
        failure=job.failure,
        failures=job.failures,
        parent=job.parent,
        children_pending=len(job.pending),
        children=len(job.children),
    )
