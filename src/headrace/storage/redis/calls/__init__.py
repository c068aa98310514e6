"""What the store does for each command that it knows, a module a family."""

from typing import Final

from headrace.core.commands import Add, Claim, Recover, Settle
from headrace.storage.redis.arguments import ARGUMENTS, turn
from headrace.storage.redis.call import Call, Considered, Sequel
from headrace.storage.redis.calls import (
    annotate,
    find,
    locks,
    log,
    move,
    queues,
    reads,
    remove,
    renew,
    schedulers,
    schedules,
    tally,
    tree,
    workers,
)
from headrace.storage.redis.replies import READERS, turned

_RUNS: Final[dict[type, str]] = {Add: "add", Claim: "claim", Settle: "settle", Recover: "recover"}
_SEQUELS: Final[dict[type, Sequel]] = {Claim: schedulers.advances}

CALLS: Final[dict[type, Call | Considered]] = {
    **{kind: Call(name, ARGUMENTS[kind], READERS[kind], _SEQUELS.get(kind)) for kind, name in _RUNS.items()},
    **reads.CALLS,
    **find.CALLS,
    **queues.CALLS,
    **annotate.CALLS,
    **tally.CALLS,
    **tree.CALLS,
    **remove.CALLS,
    **move.CALLS,
    **renew.CALLS,
    **log.CALLS,
    **locks.CALLS,
    **workers.CALLS,
    **schedules.CALLS,
}

TURN: Final = Call("turn", turn, turned, schedulers.advances)
"""Of a Settle with the Claim behind it: one step of a worker."""

SCRIPTS: Final = frozenset({call.script for call in (*CALLS.values(), TURN)} | {schedulers.ADVANCE})
