"""Commands for what people do to jobs: move, remove, annotate."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.commands.jobs import PAGE_MAX
from headrace.core.errors import Refused
from headrace.core.jobs import Failure, JobRef, State
from headrace.core.query import Query

FAMILY_MAX: Final = 10_000  # jobs below one that is removed with its children; as many as one Add can add

ByHand: TypeAlias = Literal["retry", "promote", "delay", "prioritise", "cancel", "move"]


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


class Spared(Struct, frozen=True):
    """How far a page of Remove came among the finished jobs of a state.

    `count` of them stay before that place; the last that was looked at is told by its instant and number in the queue.
    """

    state: State
    count: int
    instant: int
    number: int


class Removed(Struct, frozen=True):
    """The jobs that are gone, and a refusal or None for each job that was named. `spared` continues after the page."""

    jobs: tuple[JobRef, ...] = ()
    refusals: tuple[Refused | None, ...] = ()
    spared: Spared | None = None


class Remove(Command[Removed], frozen=True):
    """Remove the named `jobs`, or a page of what `queue`, `states`, `older_ms` and `keep_count` describe.

    An active job is refused (`WrongState`). A removed child no longer counts for its parent, which is released if it
    was the last; the result that a completed child left with its parent stays. Children of a removed job go on
    without a parent; with `with_children` they go too, and theirs, in one step: if one of them is active, none goes and
    `WrongState` names it; more than FAMILY_MAX below it are `FamilyTooLarge`.

    By description: finished jobs by the time they finished, others by the time they were added; oldest first, the
    newest `keep_count` of each state stay, at most `limit` go. With `spares_kept`, finished jobs that brought their own
    `keep_completed` or `keep_failed` stay too: their own settlements see to them. They count among the newest, and for
    `limit`, so that no page looks at more; where it ended among them, `spared` is given, for `after`.

    A named job that does not fit `where` when the command begins is refused: `NoMatch`. With `is_forced` named jobs
    that are active go too, and their workers' leases with them.
    """

    jobs: tuple[JobRef, ...] = ()
    queue: str | None = None
    states: tuple[State, ...] = ()
    older_ms: int = 0
    keep_count: int = 0
    spares_kept: bool = False
    after: Spared | None = None
    limit: int = PAGE_MAX
    with_children: bool = False  # of the named jobs
    where: Query | None = None
    is_forced: bool = False


def states_to_go(command: Remove) -> tuple[State, ...]:
    """The states that are described, each once, from the one on in which `after` is."""
    states, after = tuple(dict.fromkeys(command.states)), command.after
    if after is None:
        return states
    return states[states.index(after.state) :] if after.state in states else ()


def stay_before(command: Remove, state: State) -> int:
    """How many jobs of a state stay before the place where the page begins."""
    return command.after.count if command.after is not None and command.after.state == state else 0


class Annotated(Struct, frozen=True):
    """Done."""


class Annotate(Command[Annotated], frozen=True):
    """Attach progress, log lines, notes or new data to a job, in whatever state it is.

    With `token` only while that lease holds (`LeaseLost`). `progress` and `data` replace (JSON text); `lines` are
    appended, the last LINES_MAX stay; `notes` (a JSON object) is merged into the notes, a null removes its key, and so
    is `patch` into the data, new or old: `NotAnObject` if that is none. New progress is an event. What is merged has
    at most `bytes_max` bytes then, as the store spells it: `DataTooLarge`.

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
    bytes_max: int | None = None
