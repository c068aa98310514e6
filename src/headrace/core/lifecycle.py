"""The life of a job: which state follows which, and what each way of ending a run means.

A job is added `waiting` (`prioritized` if it has a priority), `delayed`, or `waiting-children`. A worker claims it
and it is `active` under a lease. The worker settles it: an outcome becomes a `Settlement`, which says the next state,
whether an attempt was used up, and what is to be recorded. A lease that ends unsettled is a *stall*: the janitor gives
the job back, at the front, and counts the stall; a job that stalled more than `max_stalled` times is given back with a
deferred failure, which its next claimer settles without running it. A child that fails for good fails its parent by
the same road: the parent goes to `waiting` with a deferred failure. So nearly every failure is recorded by the one
command that records outcomes, under a lease, once. Two are not, as nobody need come for them: a job that is cancelled,
or expires, while no worker has it fails where it stands.

Attempts are counted as BullMQ counts them: `attempts_started` at every claim, `attempts_made` when an outcome that
counts is recorded. Stalls, postponements and hand-backs use up no attempt.

Nothing here reads a clock or draws a number: the caller brings `chance`, the stores turn spans into instants.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.backoff import pause_ms
from headrace.core.commands.jobs import Settlement
from headrace.core.jobs import Failure, Keep, Lease, NewJob, Options, State
from headrace.core.outcomes import AwaitsChildren, Cancelled, Done, Failed, Outcome, Postponed, PutBack

Reception: TypeAlias = Literal["dropped", "replaces", "reschedules", "kept"]
Action: TypeAlias = Literal["retry", "promote", "cancel", "delay", "prioritise", "move", "remove", "obliterate"]


class Transition(Struct, frozen=True, array_like=True):
    """One edge of the life of a job: from where (None: it is new), to where (None: it is gone), and what did it."""

    before: State | None
    after: State | None
    trigger: str
    is_counted: bool = False


TRANSITIONS: Final[tuple[Transition, ...]] = (
    Transition(None, "waiting", "add"),
    Transition(None, "prioritized", "add with priority"),
    Transition(None, "delayed", "add with delay"),
    Transition(None, "waiting-children", "add with children"),
    Transition("delayed", "waiting", "due, or promote, or a child failed it"),
    Transition("delayed", "prioritized", "due, or promote, or a child failed it, with priority"),
    Transition("waiting", "active", "claim"),
    Transition("prioritized", "active", "claim"),
    Transition("active", "completed", "settle: done", is_counted=True),
    Transition("active", "failed", "settle: failed for good, cancelled or deferred", is_counted=True),
    Transition("active", "delayed", "settle: failed, attempts left, pause", is_counted=True),
    Transition("active", "delayed", "settle: later"),
    Transition("active", "waiting", "settle: failed, attempts left, no pause", is_counted=True),
    Transition("active", "prioritized", "settle: failed, attempts left, no pause, with priority", is_counted=True),
    Transition("active", "waiting", "settle: put back, or stall"),
    Transition("active", "prioritized", "settle: put back, or stall, with priority"),
    Transition("active", "waiting-children", "settle: wait for children"),
    Transition("waiting-children", "waiting", "children done, or a child's failure let it go on"),
    Transition("waiting-children", "prioritized", "children done, or a child's failure let it go on, with priority"),
    Transition("waiting-children", "delayed", "children done, with delay"),
    Transition("waiting", "delayed", "delay"),
    Transition("prioritized", "delayed", "delay"),
    Transition("waiting", "prioritized", "prioritise"),
    Transition("prioritized", "waiting", "prioritise"),
    Transition("completed", "waiting", "retry"),
    Transition("completed", "prioritized", "retry, with priority"),
    Transition("completed", "waiting-children", "retry, with children that are not done"),
    Transition("failed", "waiting", "retry"),
    Transition("failed", "prioritized", "retry, with priority"),
    Transition("failed", "waiting-children", "retry, with children that are not done"),
    Transition("waiting", "failed", "cancel"),
    Transition("prioritized", "failed", "cancel"),
    Transition("delayed", "failed", "cancel"),
    Transition("waiting-children", "failed", "cancel"),
    Transition("waiting", "failed", "expired"),
    Transition("prioritized", "failed", "expired"),
    Transition("delayed", "failed", "expired"),
    Transition("waiting-children", "failed", "expired"),
    Transition("waiting", None, "remove"),
    Transition("prioritized", None, "remove"),
    Transition("delayed", None, "remove"),
    Transition("waiting-children", None, "remove"),
    Transition("active", None, "obliterate"),
    Transition("completed", None, "remove, or retention"),
    Transition("failed", None, "remove, or retention"),
)

STARTS: Final[dict[Action, frozenset[State]]] = {
    "retry": frozenset({"completed", "failed"}),
    "promote": frozenset({"delayed"}),
    "delay": frozenset({"delayed", "waiting", "prioritized"}),
    "prioritise": frozenset({"waiting", "prioritized", "delayed", "waiting-children"}),
    "cancel": frozenset({"waiting", "prioritized", "delayed", "waiting-children", "active"}),
    "move": frozenset({"waiting", "prioritized", "delayed", "completed", "failed"}),
    "remove": frozenset({"waiting", "prioritized", "delayed", "waiting-children", "completed", "failed"}),
    "obliterate": frozenset({"active"}),
}
"""The states from which an action may start. Cancelling an active job is a request to the worker that runs it.

To move a job to another queue changes no state; one that waits for children belongs to a flow, which stays together.
To obliterate is to remove by force what its worker still runs."""

FAMILY_STARTS: Final[dict[str, frozenset[State]]] = {
    "retry": frozenset({"failed"}),
    "cancel": STARTS["cancel"],
}
"""Which members of a whole flow are retried, or cancelled: what has completed stays as it is."""

STALLED_REASON: Final = "job stalled more than allowable limit"  # BullMQ's words: people search for them


def reception(new: NewJob, owner: State | None, *, is_until_finished: bool) -> Reception:
    """What becomes of a new job whose dedup key is taken by one in the state `owner` (None: it is gone).

    It is dropped; or takes the place of a job that is delayed; or hands its delay on to that; or is kept while the
    other runs, to be added when that has finished, unless a later one is kept instead. `is_until_finished` is of the
    key. A job of a flow is only ever dropped.
    """
    dedup = new.options.dedup
    if dedup is None or new.parent is not None or new.has_children:
        return "dropped"
    if owner == "delayed" and dedup.replaces:
        return "replaces"
    if owner == "delayed" and dedup.reschedules:
        return "reschedules"
    return "kept" if owner == "active" and dedup.keeps_last and is_until_finished else "dropped"


def settle(lease: Lease, outcome: Outcome, chance: float) -> Settlement:
    """What this outcome makes of this job; `chance` in [0, 1) draws the jitter of its backoff."""
    match outcome:
        case Done():  # of nearly every job
            keep = lease.options.keep_completed
            return _settlement(lease, "completed", is_counted=True, result=outcome.result, keep=keep)
        case Failed(failure, is_retryable, asked_ms):
            return _after_failure(lease, failure, is_retryable, asked_ms, chance)
        case Postponed(delay_ms):
            return _settlement(lease, "delayed" if delay_ms > 0 else "waiting", delay_ms=delay_ms)
        case AwaitsChildren(pause_ms):
            return _settlement(lease, "waiting-children", delay_ms=pause_ms)
        case PutBack(rest_ms):
            return _settlement(lease, "waiting", is_front=True, rest_ms=rest_ms)
        case Cancelled(reason):
            failure = Failure(reason, "cancelled", attempt=lease.attempts_made + 1)
            return _settlement(lease, "failed", is_counted=True, failure=failure, keep=lease.options.keep_failed)


def settle_deferred(lease: Lease, deferred: Failure) -> Settlement:
    """The settlement of a job that was claimed with a deferred failure: failed, without having been run."""
    return _settlement(lease, "failed", is_counted=True, failure=deferred, keep=lease.options.keep_failed)


def revive(options: Options, stalls: int) -> Failure | None:
    """What a job brings along when it is given back after its `stalls`-th stall: a deferred failure, or nothing."""
    return Failure(STALLED_REASON, "stalled") if stalls > options.max_stalled else None


def sibling_failed(queue: str, id: str) -> Failure:
    """Why a job is cancelled whose parent needs it no more, as its child `queue/id` has failed."""
    return Failure(f"its sibling {queue}/{id} failed", "cancelled")


REMOVED_REASON: Final = "removed"
"""What the step for the end of a job is told of one that was removed before it had ended."""


def cancel_reason(deferred: Failure | None) -> str:
    """Why somebody asked to cancel an active job. One that was to fail anyhow keeps that failure, and no other."""
    return deferred.reason if deferred is not None and deferred.cause == "cancelled" else Cancelled().reason


def child_failed(queue: str, id: str) -> Failure:
    """The deferred failure of a parent whose child `queue/id` failed for good with the policy `fail_parent`."""
    return Failure(f"child {queue}/{id} failed", "child-failed")


def deadline(options: Options, added_at: int) -> int | None:
    """The instant at which a job expires that nobody has started; whatever it waits for, it is counted from the add."""
    return None if options.expires_ms is None else added_at + options.expires_ms


def expiry(options: Options, added_at: int, attempts_started: int, now: int) -> Failure | None:
    """The failure of a job that is past its deadline. A job that was ever claimed has none, nor has one retried."""
    end = deadline(options, added_at)
    if end is None or attempts_started or now < end:
        return None
    return Failure(f"not started within {(options.expires_ms or 0) / 1000:g} s", "expired")


def starts_of_retried(options: Options, attempts_started: int) -> int:
    """The `attempts_started` of a job that is retried by hand: one with a deadline counts as started from then on."""
    return attempts_started if options.expires_ms is None else max(attempts_started, 1)


def _after_failure(
    lease: Lease, failure: Failure, is_retryable: bool, asked_ms: int | None, chance: float
) -> Settlement:
    attempt = lease.attempts_made + 1
    if not is_retryable or attempt >= lease.options.attempts:
        return _settlement(lease, "failed", is_counted=True, failure=failure, keep=lease.options.keep_failed)
    delay_ms = pause_ms(lease.options.backoff, attempt, chance) if asked_ms is None else asked_ms
    to: Literal["delayed", "waiting"] = "delayed" if delay_ms > 0 else "waiting"
    return _settlement(lease, to, is_counted=True, failure=failure, delay_ms=delay_ms, is_front=lease.options.lifo)


def _settlement(
    lease: Lease,
    to: Literal["completed", "failed", "waiting", "delayed", "waiting-children"],
    *,
    is_counted: bool = False,
    delay_ms: int = 0,
    rest_ms: int = 0,
    is_front: bool = False,
    result: str | None = None,
    failure: Failure | None = None,
    keep: Keep | None = None,
) -> Settlement:
    return Settlement(
        lease.queue,
        lease.id,
        lease.token,
        to,
        is_counted,
        delay_ms,
        rest_ms,
        is_front,
        result,
        failure,
        keep,
        lease.name,
        lease.waited_ms,
        lease.options.dedup is not None,
    )
