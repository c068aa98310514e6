"""What a command asks of PostgreSQL, and what the rows of the answer mean: one function a command."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.core import topics
from headrace.core.commands import (
    Add,
    Added,
    Claim,
    Claimed,
    Command,
    Get,
    Got,
    Recover,
    Recovered,
    Settle,
    Settled,
    Settlement,
)
from headrace.core.commands.jobs import PAGE_MAX, UNTOLD
from headrace.core.errors import DuplicateId, LeaseLost, Misuse, NoSuchParent, Refused, WrongState
from headrace.core.jobs import DEFAULTS, FINISHED, HISTORY_MAX, Failure, JobRecord, JobRef, Lease
from headrace.core.lifecycle import STALLED_REASON, child_failed
from headrace.storage.sql.rows import failure, options
from headrace.storage.sql.script import load

PROMOTE_MAX: Final = 1_000  # jobs of one queue promoted by one Claim
REQUESTS_KEPT_MS: Final = 10 * 60 * 1000  # how long the answer to an Add is kept for its repetition
FORGET_MAX: Final = 10_000  # answers forgotten by one Recover
POLICIES: Final = frozenset({"fail_parent", "wait"})

Rows: TypeAlias = list[tuple[Any, ...]]
Reader: TypeAlias = Callable[[Rows, set[str]], "Any | Call"]

_encode: Final = msgspec.json.encode
_added: Final = msgspec.json.Decoder(Added)
_record: Final = msgspec.json.Decoder(JobRecord)


class Statement(Struct, frozen=True):
    """One text with its bound parameters."""

    text: bytes
    parameters: list[Any]


class Call(Struct, frozen=True):
    """Statements to run in one transaction, and `read`, which makes a reply of the rows they all gave.

    `read` puts the topics that moved into its second argument. Where it gives another call instead of a reply, that
    one has to be made next; `is_final` says that this never happens.
    """

    statements: list[Statement]
    read: Reader
    is_final: bool = True


def call(command: Command[Any], now: int | None) -> Call:
    """The call of a command; `now` is the clock of a test, None leaves it to the server. `Misuse` if there is none."""
    make = CALLS.get(type(command))
    if make is None:
        raise Misuse(f"{type(command).__name__} is not served by the PostgreSQL store yet; use sqlite:/// for it")
    return make(command, now)


def add(command: Add, now: int | None) -> Call:
    """All jobs travel as one document; queues that nobody has named before are made when the statement misses them."""
    for job in command.jobs:
        if job.parent and job.parent.policy not in POLICIES:
            raise Misuse(f"the policy {job.parent.policy!r} is not served yet; use fail_parent or wait")
    statement = Statement(_step("add"), [_text(command), now])

    def read(rows: Rows, moved: set[str]) -> Added | Refused | Call:
        answer, code, *about, missing = rows[-1]
        if code is not None:
            return _add_refusal(code, *about)
        if missing:
            makers = [Statement(_step("add", "queue"), [name]) for name in missing]
            return Call([*makers, statement], read, is_final=False)
        if answer is None:
            return Added(())
        moved.update(topics.ready(name) for name in {job.queue for job in command.jobs})
        return _added.decode(answer)

    return Call([statement], read, is_final=False)


def _add_refusal(code: str, queue: str, id: str, state: str | None) -> Refused:
    match code:
        case "duplicate-id":
            return DuplicateId(queue=queue, id=id)
        case "no-such-parent":
            return NoSuchParent(queue=queue, id=id)
        case _:
            return WrongState(queue=queue, id=id, state=state)


def claim(command: Claim, now: int | None, promote: int = PROMOTE_MAX) -> Call:
    """When jobs were due, the first statement has only promoted them: a second one hands out."""
    statement = Statement(_step("claim"), [_text(command), now, promote])

    def read(rows: Rows, moved: set[str]) -> Claimed | Call:
        if promote and rows[0][-1]:
            moved.update(topics.ready(source.queue) for source in command.sources)
            return claim(command, now, promote=0)
        return Claimed(tuple(_lease(row, command.token) for row in rows if row[0] is not None), rows[0][-2])

    return Call([statement], read, is_final=False)


def _lease(row: tuple[Any, ...], token: str) -> Lease:
    parent = None if row[11] is None else JobRef(row[11], row[12])
    return Lease(
        row[0],
        row[1],
        token,
        row[2],
        row[3],
        options(row[4]),
        row[5],
        row[6],
        row[7],
        row[8],
        row[9],
        failure(row[10]),
        parent,
    )


class Ending(Struct, frozen=True, omit_defaults=True):
    """A settlement with a failure, as the statement takes it. Failures travel as JSON text: a reason may have a NUL."""

    queue: str
    id: str
    token: str
    to: str
    is_counted: bool
    delay_ms: int
    rest_ms: int
    is_front: bool
    failure: str | None = None
    cause: str | None = None
    is_attempt: bool = False
    child_failure: str | None = None  # what a parent is told


class Retention(Struct, frozen=True):
    """What a job that finished wants kept of its queue and state; `place` is its settlement's."""

    place: int
    queue: str
    id: str
    to: str
    count: int | None
    age_ms: int | None


def settle(command: Settle, now: int | None) -> Call:
    settlements = command.settlements
    settled = [s if s.failure is None and s.to != "failed" else _ending(s) for s in settlements]
    kept = [
        Retention(place, s.queue, s.id, s.to, s.keep.count, s.keep.age_ms)
        for place, s in enumerate(settlements)
        if s.keep and s.to in FINISHED and (s.keep.count is not None or s.keep.age_ms is not None)
    ]
    statements = [Statement(_step("settle"), [_text(settled), now, HISTORY_MAX, bool(kept)])]
    if kept:
        statements.append(Statement(_step("settle", "retain"), [_text(kept), now, PAGE_MAX]))

    def read(rows: Rows, moved: set[str]) -> Settled:
        (held, queues, _), *released = rows
        moved.update(topics.ready(queue) for queue in queues)
        moved.update(topics.ready(queue) for (queue,) in released)
        return Settled(_lost(settlements, held))

    return Call(statements, read)


def _ending(settlement: Settlement) -> Ending:
    is_final = settlement.to == "failed"
    failed = settlement.failure or (UNTOLD if is_final else None)
    return Ending(
        queue=settlement.queue,
        id=settlement.id,
        token=settlement.token,
        to=settlement.to,
        is_counted=settlement.is_counted,
        delay_ms=settlement.delay_ms,
        rest_ms=settlement.rest_ms,
        is_front=settlement.is_front,
        failure=_unstamped(failed) if failed else None,
        cause=failed.cause if failed else None,
        is_attempt=bool(failed and failed.attempt),
        child_failure=_unstamped(child_failed(settlement.queue, settlement.id)) if is_final else None,
    )


def _lost(settlements: tuple[Settlement, ...], held: list[int]) -> tuple[Refused | None, ...]:
    if len(held) == len(settlements):
        return (None,) * len(settlements)
    ours = set(held)
    return tuple(
        None if place in ours else LeaseLost(queue=lost.queue, id=lost.id) for place, lost in enumerate(settlements)
    )


def recover(command: Recover, now: int | None) -> Call:
    stalled = _unstamped(Failure(STALLED_REASON, "stalled"))
    parameters = [command.limit, now, DEFAULTS.max_stalled, stalled, REQUESTS_KEPT_MS, FORGET_MAX]

    def read(rows: Rows, moved: set[str]) -> Recovered:
        moved.update(topics.ready(queue) for queue, _ in rows)
        if rows:
            moved.add(topics.CONTROL)  # whoever still runs one of them should learn it soon
        return Recovered(tuple(JobRef(*row) for row in rows))

    return Call([Statement(_step("recover"), parameters)], read)


def get(command: Get, _now: int | None) -> Call:
    def read(rows: Rows, _: set[str]) -> Got:
        return Got(tuple(None if text is None else _record.decode(text) for (text,) in rows))

    return Call([Statement(_step("get"), [_text(command.jobs)])], read)


@cache
def _step(command: str, step: str | None = None) -> bytes:
    text: str = getattr(load(command, "postgres"), step or command)
    return text.encode()


def _text(value: object) -> str:
    return _encode(value).decode()


def _unstamped(failure: Failure) -> str:
    return _text(replace(failure, at=0))


CALLS: Final[dict[type[Command[Any]], Callable[[Any, int | None], Call]]] = {
    Add: add,
    Claim: claim,
    Settle: settle,
    Recover: recover,
    Get: get,
}
