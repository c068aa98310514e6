"""What scripts answer, as the replies of their commands. hiredis has made text of bytes; nil is None."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeAlias

from headrace.core.commands import Add, Added, Claim, Claimed, Recover, Recovered, Settle, Settled
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchJob, NoSuchParent, Refused, WrongState
from headrace.core.flow_errors import CannotFollow
from headrace.core.jobs import JobRef, Lease
from headrace.core.limits import queue_full
from headrace.storage.redis.failures import deferred_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.options import options_of

ROW: Final = 6  # values of a job that was claimed

Reader: TypeAlias = Callable[[Any, Any, Keys], Any]

REFUSALS: Final[dict[str, type[Refused]]] = {
    refusal.code: refusal for refusal in (DuplicateId, NoSuchParent, LeaseLost, WrongState, NoSuchJob, CannotFollow)
}


def first_added(command: Add, reply: Any, keys: Keys) -> Added | Refused:
    return added(command, reply[0], keys)


def added(command: Add, reply: Any, _: Keys) -> Added | Refused:
    if type(reply) is str:
        return Added((JobRef(command.jobs[0].queue, reply),), ())
    code, *rest = reply
    if code == "run":  # numbers, of one queue
        first, count = int(rest[0]), rest[1]
        queue = command.jobs[0].queue
        return Added(tuple([JobRef(queue, str(number)) for number in range(first, first + count)]), ())
    if code == "queue-full":
        return queue_full(*rest)
    if code in REFUSALS:
        fields = dict(zip(("queue", "id", "state"), rest, strict=False))
        return REFUSALS[code](**fields)
    ids, existing, *more = rest
    if not more:
        return Added(tuple(map(JobRef, [job.queue for job in command.jobs], ids)), tuple(existing))
    queues, duplicates, replaced, kept = more
    refs = tuple(map(JobRef, queues, ids))
    were = tuple((place, JobRef(queues[place], owner)) for place, owner in replaced)
    return Added(refs, tuple(existing), tuple(duplicates), were, tuple(kept))


def claimed(command: Claim, reply: Any, keys: Keys) -> Claimed:
    values = iter(reply)
    now, more = islice(values, 2)
    wait_ms = more[0] if more else -1
    queues, token = [source.queue for source in command.sources], command.token
    rows = zip(*[values] * ROW, strict=True)
    return Claimed(tuple([_lease(row, queues, token, now, keys) for row in rows]), None if wait_ms < 0 else wait_ms)


def settled(command: Settle, reply: Any, _: Keys) -> Settled:
    refusals: list[Refused | None] = [None] * len(command.settlements)
    for position in reply or ():
        settlement = command.settlements[position]
        refusals[position] = LeaseLost(queue=settlement.queue, id=settlement.id)
    return Settled(tuple(refusals))


def turned(commands: tuple[Settle, Claim], reply: Any, keys: Keys) -> tuple[Settled, Claimed]:
    lost = reply.pop()
    return settled(commands[0], lost, keys), claimed(commands[1], reply, keys)


def recovered(_: Recover, reply: Any, __: Keys) -> Recovered:
    given_back, expired, is_more = reply
    return Recovered(tuple(JobRef(*ref) for ref in given_back), tuple(JobRef(*ref) for ref in expired), is_more == 1)


def _lease(row: tuple[Any, ...], queues: list[str], token: str, now: int, keys: Keys) -> Lease:
    job_id, name, data, opts, added_at, rest = row
    if not rest:
        rest = _FIRST
    elif len(rest) == len(_STARTED):
        rest += _FRESH
    started, deferred, parent, ready_at, source, priority, made, stalls, since, asked, last_start = rest
    # Started since it became ready, as far as we know: Node made it ready again.
    stood_since = int(ready_at or added_at or now)
    if last_start and int(last_start) > stood_since:
        stood_since = int(last_start)
    return Lease(
        queues[source - 1],
        job_id,
        token,
        name,
        data or "{}",
        options_of(opts or "{}"),
        int(priority or 0),
        int(added_at or 0),
        int(made or 0),
        started,
        int(stalls or 0),
        None if deferred is None else deferred_of(deferred, since, asked, keys),
        None if parent is None else keys.ref(parent),
        max(now - stood_since, 0),
    )


_STARTED: Final = (1, None, None, None, 1, None)
_FRESH: Final = (None,) * 5
_FIRST: Final = _STARTED + _FRESH

READERS: Final[dict[type, Reader]] = {
    Add: first_added,
    Claim: claimed,
    Settle: settled,
    Recover: recovered,
}
