"""Move: what people do to jobs."""

from typing import Any, Final

import msgspec

from headrace.core.commands import Move, Moved
from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.jobs import STATES, Failure, JobRef
from headrace.core.lifecycle import FAMILY_STARTS, STARTS
from headrace.storage.redis.call import NOTHING_SEEN, Considered, Sights, pack
from headrace.storage.redis.calls.remove import judged, looks_at, refused
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word

_json: Final = msgspec.json.Encoder().encode


def move(command: Move, _: Keys, sights: Sights = NOTHING_SEEN) -> tuple[Word, ...]:
    is_whole = command.with_children and command.action in FAMILY_STARTS
    starts = FAMILY_STARTS[command.action] if is_whole else STARTS[command.action]
    failure = command.failure or Failure("cancelled", "cancelled")
    action = (
        command.action,
        [state for state in STATES if state in starts],
        command.delay_ms,
        command.priority,
        _json(msgspec.structs.replace(failure, at=0)).decode(),  # the script appends the instant
        failure.reason,
        failure.cause,
        command.to,
        FAMILY_MAX if is_whole else 0,
    )
    return pack([(ref.queue, ref.id, *judged(command, ref, sights)) for ref in command.jobs]), pack(action)


def moved(_: Move, reply: Any, __: Keys) -> Moved:
    refusals, requested, refs, asked = reply
    return Moved(
        tuple(map(refused, refusals)),
        tuple(requested),
        tuple(JobRef(*ref) for ref in refs),
        tuple(JobRef(*ref) for ref in asked),
    )


CALLS: Final[dict[type, Considered]] = {Move: Considered("move", looks_at, move, moved)}
