"""Configure, Queues, Forget on SQLite."""

from typing import Final

import msgspec

from headrace.core.commands import Configure, Configured, Forget, Forgotten, QueueList, QueueRecord, Queues
from headrace.core.errors import NoSuchQueue, QueueNotEmpty, Refused
from headrace.core.jobs import STATES, JobRef, Keep, State
from headrace.storage.sql.lite.keys import id_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

LIST: Final = load("queues")
FORGET: Final = load("forget")
DEDUP: Final = load("dedup")
CONFIGURE: Final = load("configure")
_keeps: Final = msgspec.json.Decoder(dict[State, Keep])


def configure(ledger: Ledger, command: Configure) -> Configured:
    """Change a queue; see `core.commands.queues.Configure`."""
    head = ledger.made_head(command.queue)
    head.is_changed = True
    if command.is_paused is not None:
        if head.is_paused and not command.is_paused:
            head.is_woken = True
        head.is_paused = command.is_paused
    for state, keep in command.keeps.items():
        step = {"queue": head.id, "state": state}
        if keep == "default":
            ledger.run(CONFIGURE.keep_by_default, step)
        else:
            ledger.run(CONFIGURE.keep, step | {"count": keep.count, "age_ms": keep.age_ms})
    return Configured()


def queues(ledger: Ledger, command: Queues) -> QueueList:
    """Every queue; see `core.commands.queues.Queues`."""
    names = None if command.names is None else as_json(command.names)
    records = []
    for row in ledger.rows(LIST.all, {"names": names}):
        counts = dict(zip(STATES, row[3:10], strict=True))
        oldest_ms = None if row[11] is None else max(ledger.now - row[11], 0)
        resting_until = row[2] if row[2] > ledger.now else None
        records.append(QueueRecord(row[0], bool(row[1]), counts, resting_until, _keeps.decode(row[10]), oldest_ms))
    return QueueList(tuple(records))


def forget(ledger: Ledger, command: Forget) -> Forgotten | Refused:
    """Forget an empty queue; see `core.commands.queues.Forget`."""
    row = ledger.row(LIST.all, {"names": as_json([command.queue])})
    if row is None:
        return NoSuchQueue(queue=command.queue)
    if command.dedup is not None:
        return Forgotten(_free(ledger, command.queue, command.dedup))
    if any(row[3:10]):
        return QueueNotEmpty(queue=command.queue)
    step = {"name": command.queue}
    ledger.run(FORGET.log, step)
    ledger.run(FORGET.tallies, step)
    ledger.run(FORGET.dedups, step)
    ledger.run(FORGET.retention, step)
    ledger.run(FORGET.queue, step)
    ledger.forget_heads()
    return Forgotten()


def _free(ledger: Ledger, queue: str, name: str) -> JobRef | None:
    row = ledger.row(DEDUP.free, {"queue": queue, "name": name})
    if row is None or (row[2] is not None and row[2] <= ledger.now):
        return None
    return JobRef(queue, id_of(row[0], row[1]))
