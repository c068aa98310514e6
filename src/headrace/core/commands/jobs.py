"""Commands about jobs: add, claim, settle, renew, recover, move, remove, annotate."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.errors import Refused
from headrace.core.jobs import Failure, JobRef, Keep, Lease, NewJob, State
from headrace.core.query import Query

ADD_MAX: Final = 10_000  # jobs in one Add
CLAIM_MAX: Final = 1_000  # jobs in one Claim
SETTLE_MAX: Final = 1_000  # settlements in one Settle
PAGE_MAX: Final = 1_000  # jobs touched by one Recover, Move or Remove
FAMILY_MAX: Final = 10_000  # jobs below one that is removed with its children; as many as one Add can add

ByHand: TypeAlias = Literal["retry", "promote", "delay", "prioritise", "cancel", "move"]
Target: TypeAlias = Literal["completed", "failed", "waiting", "delayed", "waiting-children"]


class Added(Struct, frozen=True):
    """The identity of each job, in the order of the `Add`; `existing` lists the positions whose id was there before."""

    jobs: tuple[JobRef, ...]
    existing: tuple[int, ...] = ()


class Add(Command[Added], frozen=True):
    """Store new jobs and whole flows: all of them or, when refused, none.

    A job whose custom id exists already is not stored again; its ref is the existing job's and its position stands in
    `existing`. A node of a flow (it has a parent, or children) must be new: `DuplicateId`. A parent that does not
    exist, in the store or earlier in this command: `NoSuchParent`; one that is finished: `WrongState`. A child added
    to a parent that is in the store makes that parent wait for it, if the parent is `waiting-children` or `active`;
    a parent in another state: `WrongState`. With `token` only while that lease on every such parent holds:
    `LeaseLost`.

    A job that follows others waits for them as for children, and they know nothing of it. One that has completed leaves
    its result at once, one that has failed acts at once by its bond, one that does not exist is `NoSuchJob`; a
    `finally` is for a job of the same Add. Whoever follows others stands below no parent that is in the store: the
    others may wait for that one, and then all would wait for ever (`CannotFollow`). So jobs only ever wait for older
    ones, or for new ones that do not wait for older ones: there are no cycles.

    Repeating an Add with the same `request_id` within some minutes changes nothing and gives the same answer.
    """

    jobs: tuple[NewJob, ...]
    request_id: str | None = None
    token: str | None = None


class Source(Struct, frozen=True):
    """A queue to claim from, and the task names that the worker serves there (None: whatever the name)."""

    queue: str
    names: tuple[str, ...] | None = None


class Claimed(Struct, frozen=True):
    """The jobs handed out.

    With fewer than asked for, `wait_ms` is the time until the next delayed job is due or a resting queue may be asked
    again; None when only a new arrival (topic `ready/…`) makes asking again worth while.
    """

    leases: tuple[Lease, ...]
    wait_ms: int | None = None


class Claim(Command[Claimed], frozen=True):
    """Hand out up to `limit` ready jobs, each leased to `worker` under `token` for `lease_ms`.

    Sources are served in the order given. Delayed jobs that are due are promoted first (at the back of their class).
    A paused or resting queue gives none. Jobs come unprioritised first, in order of arrival, then by priority and
    arrival. A job with a deferred failure is handed out whatever its name: it needs no handler.
    """

    sources: tuple[Source, ...]
    limit: int
    token: str
    lease_ms: int
    worker: str = ""


UNTOLD: Final = Failure("failed")
"""Why a job has failed whose settlement does not say."""


class Settlement(Struct, frozen=True, gc=False):
    """What became of one leased job; made by `lifecycle.settle`.

    `delay_ms` counts from now, for `to="delayed"`; with `to="waiting-children"` it is the delay of a job that has
    nothing to wait for. `rest_ms` rests the whole queue. `keep` is the job's own retention, applied when it finishes:
    `Keep(count=0)` removes it at once. A job that fails without a `failure` has failed for `UNTOLD`. `name` and
    `waited_ms` are those of the lease: a job that finishes is counted by them, and the store need not look them up
    again.
    """

    queue: str
    id: str
    token: str
    to: Target
    is_counted: bool = False
    delay_ms: int = 0
    rest_ms: int = 0
    is_front: bool = False
    result: str | None = None
    failure: Failure | None = None
    keep: Keep | None = None
    name: str = ""
    waited_ms: int = 0


class Settled(Struct, frozen=True):
    """A refusal (`LeaseLost`) or None for each settlement, in order."""

    refusals: tuple[Refused | None, ...]


class Settle(Command[Settled], frozen=True):
    """Record outcomes. Each settlement is guarded by its lease token and stands or falls alone.

    A job settled `waiting` goes to the back of its class, or to the front with `is_front`. A finished job with a
    parent tells it: a completed child's result is kept with the parent even when the child is removed; the last child
    done releases the parent, to the front of `waiting` (to `delayed` if it was added with a delay, to its place if
    it has a priority). A failed child acts by its policy:

    * `fail_parent` gives the parent, unless it is finished, a deferred failure `lifecycle.child_failed` and releases it
      if it waits for children or is delayed.
    * `continue_parent` counts as done, leaves its reason with the parent and releases it although others are pending;
      a parent that runs just now is released when it is settled `waiting-children`.
    * `ignore` counts as done and leaves its reason; `drop` counts as done and is no child any more.
    * `wait` leaves the parent waiting.

    A parent with the option `siblings="cancel"` that is failed by a child, and has not ended, needs the others no more:
    these, and all below them, are cancelled, in the order of `Tree`.

    Jobs that follow a finished one hear of it like its parent, and after it, in the order in which they were added.

    The failure of each attempt is added to the job's history, the last HISTORY_MAX stay. `to="waiting-children"` with
    no child pending releases the job at once, or after `delay_ms`.
    With `to="failed"`, `failure` becomes the job's failure too. With `keep`, finished jobs of the same queue and state
    beyond its bounds are removed, oldest first, up to PAGE_MAX. What finishes is counted; see `Tally`.
    """

    settlements: tuple[Settlement, ...]


class Hold(Struct, frozen=True, array_like=True):
    """A lease as its holder names it."""

    queue: str
    id: str
    token: str


class Renewed(Struct, frozen=True):
    """The leases that are lost, and those whose job somebody asked to cancel, each with the reason; the others hold."""

    lost: tuple[JobRef, ...] = ()
    cancelled: tuple[JobRef, ...] = ()
    reasons: tuple[str, ...] = ()


class Renew(Command[Renewed], frozen=True):
    """Extend leases to `lease_ms` from now. A lease that has ended but was not yet recovered is extended too."""

    leases: tuple[Hold, ...]
    lease_ms: int


class Recovered(Struct, frozen=True):
    """The jobs that were given back after their lease had ended. As many as the limit: there may be more."""

    jobs: tuple[JobRef, ...] = ()


class Recover(Command[Recovered], frozen=True):
    """Give back jobs whose lease ended, longest overdue first, to the front of their class, and count a stall for each.

    A job that stalled more than its `max_stalled` comes back with the deferred failure of `lifecycle.revive`.
    Answers to `Add` requests and tallies that have grown old are forgotten here too, some at a time.
    """

    limit: int = PAGE_MAX


class Moved(Struct, frozen=True):
    """A refusal (`NoSuchJob`, `NoMatch`, `WrongState`, `InFlow`, `DuplicateId`) or None for each job, in order.

    `requested` lists the positions of active jobs whose worker was asked to cancel; `jobs` has, for `move`, the
    identity of each job now. With `with_children`, `jobs` has the members that were moved, in that order, and `asked`
    those whose worker was asked.
    """

    refusals: tuple[Refused | None, ...]
    requested: tuple[int, ...] = ()
    jobs: tuple[JobRef, ...] = ()
    asked: tuple[JobRef, ...] = ()


class Move(Command[Moved], frozen=True):
    """Move jobs by hand; `lifecycle.STARTS[action]` says from which states. Each job stands or falls alone.

    * `retry`: finished → back of its class, with all its attempts again (attempts made and stalls become 0; attempts
      started and the history stay). Result and failure are cleared. A job with children that are pending, or that
      failed it and have not completed since, goes to `waiting-children` instead and waits for them. A parent that
      still waits for children waits for this one again; a parent that went on is not pulled back.
    * `promote`: delayed → back of its class, now.
    * `delay`: → delayed, due `delay_ms` from now.
    * `prioritise`: priority becomes `priority`; a waiting job moves to the back of its new class.
    * `cancel`: → failed with `failure` (cause `cancelled`), as if settled so; an active job's worker is asked instead.
    * `move`: → the queue `to`, with all that is known of the job and in the same state; a ready job goes to the back.
      A custom id stays, `DuplicateId` if it is taken there; other jobs take the next number of that queue. A job with
      a parent or children is refused: `InFlow`.

    With `with_children`, `cancel` and `retry` go for the job and all below it, in one step: `lifecycle.FAMILY_STARTS`
    says for which members, the others are left alone. A cancel begins with the job itself, so that nothing above a
    member goes on because of it. A retry begins with the leaves; a parent that is retried too waits for each of its
    retried children, also for one that it was to go on without. No such member: `WrongState`, with the job's own
    state; more than FAMILY_MAX below it: `FamilyTooLarge`.

    A job that does not fit `where` when the command begins is refused: `NoMatch`.
    """

    jobs: tuple[JobRef, ...]
    action: ByHand
    delay_ms: int = 0
    priority: int = 0
    failure: Failure | None = None
    to: str = ""
    where: Query | None = None
    with_children: bool = False  # of `cancel` and `retry`


class Removed(Struct, frozen=True):
    """The jobs that are gone, and a refusal or None for each job that was named."""

    jobs: tuple[JobRef, ...] = ()
    refusals: tuple[Refused | None, ...] = ()


class Remove(Command[Removed], frozen=True):
    """Remove the named `jobs`, or a page of what `queue`, `states`, `older_ms` and `keep_count` describe.

    An active job is refused (`WrongState`). A removed child no longer counts for its parent, which is released if it
    was the last; the result that a completed child left with its parent stays. Children of a removed job go on
    without a parent; with `with_children` they go too, and theirs, in one step: if one of them is active, none goes and
    `WrongState` names it; more than FAMILY_MAX below it are `FamilyTooLarge`.

    By description: finished jobs by the time they finished, others by the time they were added; oldest first, the
    newest `keep_count` of each state stay, at most `limit` go. With `spares_kept`, finished jobs that brought their own
    `keep_completed` or `keep_failed` stay too: their own settlements see to them.

    A named job that does not fit `where` when the command begins is refused: `NoMatch`. With `is_forced` named jobs
    that are active go too, and their workers' leases with them.
    """

    jobs: tuple[JobRef, ...] = ()
    queue: str | None = None
    states: tuple[State, ...] = ()
    older_ms: int = 0
    keep_count: int = 0
    spares_kept: bool = False
    limit: int = PAGE_MAX
    with_children: bool = False  # of the named jobs
    where: Query | None = None
    is_forced: bool = False


class Annotated(Struct, frozen=True):
    """Done."""


class Annotate(Command[Annotated], frozen=True):
    """Attach progress, log lines, notes or new data to a job, in whatever state it is.

    With `token` only while that lease holds (`LeaseLost`). `progress` and `data` replace (JSON text); `lines` are
    appended, the last LINES_MAX stay; `notes` (a JSON object) is merged into the notes, a null removes its key, and so
    is `patch` into the data, new or old: `NotAnObject` if that is none. New progress is an event.

    A job that does not fit `where` is refused: `NoMatch`.
    """

    job: JobRef
    token: str | None = None
    progress: str | None = None
    lines: tuple[str, ...] = ()
    notes: str | None = None
    data: str | None = None
    patch: str | None = None
    where: Query | None = None
