"""The commands on SQLite: each function guards, applies, records; its SQL stands in the file of the command's name."""

from collections.abc import Callable
from typing import Any, Final

from headrace.core import commands
from headrace.storage.sql.lite.add import add, join
from headrace.storage.sql.lite.annotate import annotate
from headrace.storage.sql.lite.claim import claim
from headrace.storage.sql.lite.joint import Apart, Joint, Runs, added, is_fresh
from headrace.storage.sql.lite.leases import recover, renew
from headrace.storage.sql.lite.ledger import Ledger
from headrace.storage.sql.lite.locks import acquire, locks, release
from headrace.storage.sql.lite.log import channels, commit, publish, read, trim
from headrace.storage.sql.lite.move import move
from headrace.storage.sql.lite.queues import configure, forget, queues
from headrace.storage.sql.lite.reads import count, find, get, lines, tally, tree
from headrace.storage.sql.lite.remove import remove
from headrace.storage.sql.lite.schedules import drop_schedule, fire, put_schedule, schedules
from headrace.storage.sql.lite.settle import settle
from headrace.storage.sql.lite.storing import Repeated
from headrace.storage.sql.lite.workers import beat, leave, workers

Apply = Callable[[Ledger, Any], Any]

READS: Final[dict[type[commands.Command[Any]], Apply]] = {
    commands.Get: get,
    commands.Find: find,
    commands.Count: count,
    commands.Tree: tree,
    commands.Lines: lines,
    commands.Tally: tally,
    commands.Queues: queues,
    commands.Read: read,
    commands.Channels: channels,
    commands.Locks: locks,
    commands.Workers: workers,
    commands.Schedules: schedules,
}
WRITES: Final[dict[type[commands.Command[Any]], Apply]] = {
    commands.Add: add,
    commands.Claim: claim,
    commands.Settle: settle,
    commands.Renew: renew,
    commands.Recover: recover,
    commands.Move: move,
    commands.Remove: remove,
    commands.Annotate: annotate,
    commands.Configure: configure,
    commands.Forget: forget,
    commands.Publish: publish,
    commands.Commit: commit,
    commands.Trim: trim,
    commands.Acquire: acquire,
    commands.Release: release,
    commands.Beat: beat,
    commands.Leave: leave,
    commands.PutSchedule: put_schedule,
    commands.DropSchedule: drop_schedule,
    commands.Fire: fire,
}
_APPLY: Final = READS | WRITES
_TURN: Final = frozenset({commands.Claim, commands.Settle, commands.Renew, commands.Recover})
"""The commands of the hot path read no events and no counters but through the ledger: these are written once a
transaction."""


VOLATILE: Final = frozenset({commands.Claim, commands.Renew, commands.Beat, *READS})
"""Commands whose effect need not outlive a power cut: it ends every worker on the machine, and their leases with them.

A commit of these alone does not wait for the disk; a later one that does takes it along, so that order is kept."""


def apply(ledger: Ledger, command: commands.Command[Any] | Joint) -> Any:
    """The reply to a command. All but Adds find everything written that came before them, and write what they did."""
    if isinstance(command, Joint):
        return join(ledger, command)
    if type(command) is commands.Add:
        return add(ledger, command)
    if type(command) in _TURN:
        ledger.flush_places()
        return _APPLY[type(command)](ledger, command)
    ledger.flush()
    reply = _APPLY[type(command)](ledger, command)
    ledger.flush()
    return reply


__all__ = ["READS", "VOLATILE", "WRITES", "Apart", "Joint", "Ledger", "Repeated", "Runs", "added", "apply", "is_fresh"]
