"""What the store does for each command that it knows, a module a family."""

from typing import Final

from headrace.core.commands import Add, Claim, Recover, Settle
from headrace.storage.redis.arguments import ARGUMENTS
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
from headrace.storage.redis.crowd import TURN
from headrace.storage.redis.replies import READERS

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

SCRIPTS: Final = frozenset({call.script for call in CALLS.values()} | {schedulers.ADVANCE, TURN})
