"""Commands about jobs: add, claim, settle, renew, recover. What people do to them is in `changes.py`."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.errors import Refused
from headrace.core.jobs import Failure, JobRef, Keep, Lease, NewJob

ADD_MAX: Final = 10_000  # jobs in one Add
CLAIM_MAX: Final = 1_000  # jobs in one Claim
REQUEST_DIGITS: Final = 12  # at the end of a request id: a hexadecimal number, which a client counts up
SETTLE_MAX: Final = 1_000  # settlements in one Settle
PAGE_MAX: Final = 1_000  # jobs touched by one Recover, Move or Remove

Target: TypeAlias = Literal["completed", "failed", "waiting", "delayed", "waiting-children"]


class Added(Struct, frozen=True):
    """The identity of each job, in the order of the `Add`; `existing` lists the positions whose id was there before.

    `duplicates` lists the positions of jobs that were not stored because their dedup key is taken, and of all that
    stand below such a job; their ref is that of the job that took the key, which may be gone. `kept` lists those of
    them that are kept for the end of that job; of several with one key only the last is still kept. `replaced` has the
    position of each job that took the place of another, and the identity which that had.
    """

    jobs: tuple[JobRef, ...]
    existing: tuple[int, ...] = ()
    duplicates: tuple[int, ...] = ()
    replaced: tuple[tuple[int, JobRef], ...] = ()
    kept: tuple[int, ...] = ()


class Add(Command[Added], frozen=True):
    """Store new jobs and whole flows: all of them or, when refused, none.

    A job whose custom id exists already is not stored again; its ref is the existing job's and its position stands in
    `existing`. A node of a flow (it has a parent, or children) must be new: `DuplicateId`. A parent that does not
    exist, in the store or earlier in this command: `NoSuchParent`; one that is finished: `WrongState`. A child added
    to a parent that is in the store makes that parent wait for it, if the parent is `waiting-children` or `active`;
    a parent in another state: `WrongState`. With `token` only while that lease on every such parent holds:
    `LeaseLost`. More jobs than a queue, or one key of it, may have waiting: `QueueFull`.

    A job with a `dedup` whose key is taken in its queue is a duplicate: `lifecycle.reception` says what becomes of it.
    An id that is there already comes before the key. A duplicate with children is dropped with all that stand below.

    A job that follows others waits for them as for children, and they know nothing of it. One that has completed leaves
    its result at once, one that has failed acts at once by its bond, one that does not exist is `NoSuchJob`; a
    `finally` is for a job of the same Add. Whoever follows others stands below no parent that is in the store: the
    others may wait for that one, and then all would wait for ever (`CannotFollow`). So jobs only ever wait for older
    ones, or for new ones that do not wait for older ones: there are no cycles.

    Repeating an Add with the same `request_id` within some minutes changes nothing and gives the same answer. Any text
    will do; where it ends in REQUEST_DIGITS that are counted up, a store may remember many in a row as one.
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

    With fewer than asked for, `wait_ms` is the time until the next delayed job is due, or a resting queue or one that
    has used up its rate may be asked again; None when only news (topic `ready/…`) make asking again worth while: a new
    arrival, or the end of a job where a limit was in the way.
    """

    leases: tuple[Lease, ...]
    wait_ms: int | None = None


class Claim(Command[Claimed], frozen=True):
    """Hand out up to `limit` ready jobs, each leased to `worker` under `token` for `lease_ms`.

    Sources are served in the order given. Delayed jobs that are due are promoted first (at the back of their class).
    A paused or resting queue gives none, one with limits no more than these leave. Jobs come unprioritised first, in
    order of arrival, then by priority and arrival; with limits per key, keys take turns among jobs of equal priority.
    A job with a deferred failure is handed out whatever its name: it needs no handler. One that is past its deadline
    gets its deferred failure now.
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
    again. `has_dedup` says that the job was added with a dedup key.
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
    has_dedup: bool = False


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
    beyond its bounds are removed, oldest first, up to PAGE_MAX. What finishes is counted; see `Tally`. A dedup key that
    was taken until the job has finished is free again, and the job that was kept for it is added.
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
    """The jobs that were given back after their lease had ended. As many as the limit: there may be more.

    `expired` are the jobs that have failed because nobody had started them in time; `is_more` says that as many
    deadlines as the limit were looked at, or that there may be more of what else is done here.
    """

    jobs: tuple[JobRef, ...] = ()
    expired: tuple[JobRef, ...] = ()
    is_more: bool = False


class Recover(Command[Recovered], frozen=True):
    """Give back jobs whose lease ended, longest overdue first, to the front of their class, and count a stall for each.

    A job that stalled more than its `max_stalled` comes back with the deferred failure of `lifecycle.revive`.
    Jobs that nobody has started by their deadline, and that are not to fail anyhow, fail with `lifecycle.expiry`, as if
    they had been claimed and settled so; `limit` deadlines are looked at, the first ones first. Answers to `Add`
    requests and tallies that have grown old are forgotten here too, some at a time.
    """

    limit: int = PAGE_MAX
