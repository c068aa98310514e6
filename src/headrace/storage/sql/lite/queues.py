"""Configure, Queues, Forget on SQLite."""

from typing import Final

import msgspec
from msgspec.structs import replace

from headrace.core.commands import Configure, Configured, DedupRecord, Forget, Forgotten, QueueList, QueueRecord, Queues
from headrace.core.commands.queues import CLASSES_MAX, limited
from headrace.core.errors import NoSuchQueue, QueueNotEmpty, Refused
from headrace.core.jobs import STATES, JobRef, Keep, State
from headrace.core.limits import NONE, Limits, next_start
from headrace.storage.sql.lite.heads import Head, limits_of, starts_of
from headrace.storage.sql.lite.keys import id_of
from headrace.storage.sql.lite.ledger import TURNS, Ledger, as_json
from headrace.storage.sql.script import load

CONFIGURE: Final = load("configure")
LIST: Final = load("queues")
FORGET: Final = load("forget")
DEDUP: Final = load("dedup")
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
    old, limits = head.limits or NONE, limited(head.limits or NONE, command)
    if limits != old:
        _limit(ledger, head, limits)
        if limits.per_key != old.per_key:
            _tell_apart(ledger, head)
        head.is_woken = True
    return Configured()


def _limit(ledger: Ledger, head: Head, limits: Limits) -> None:
    starts = as_json(head.starts) if limits.rate is not None else None
    text = as_json(limits) if limits != NONE else None
    ledger.run(CONFIGURE.limit, {"id": head.id, "limits": text, "starts": starts})
    head.set_limits(text, starts)


def _tell_apart(ledger: Ledger, head: Head) -> None:
    """The jobs of the queue belong to other keys from now on."""
    step = {"queue": head.id}
    ledger.run(TURNS.unkey_queue, step)
    ledger.run(TURNS.forget_queue, step)
    if head.member is not None:
        ledger.run(TURNS.key_queue, step | {"member": head.member})


def queues(ledger: Ledger, command: Queues) -> QueueList:
    """Every queue; see `core.commands.queues.Queues`."""
    names = None if command.names is None else as_json(command.names)
    records = []
    for row in ledger.rows(LIST.all, {"names": names, "classes": CLASSES_MAX}):
        counts = dict(zip(STATES, row[5:12], strict=True))
        oldest_ms = None if row[13] is None else max(ledger.now - row[13], 0)
        resting_until = row[2] if row[2] > ledger.now else None
        limits = NONE if row[3] is None else limits_of(row[3])
        startable_at = next_start(limits.rate, starts_of(row[4]), ledger.now) if row[4] is not None else None
        keep = _keeps.decode(row[12])
        record = QueueRecord(row[0], bool(row[1]), counts, resting_until, keep, oldest_ms, limits, startable_at)
        records.append(record if command.dedup is None else _asked(ledger, record, command.dedup))
    return QueueList(tuple(records))


def _asked(ledger: Ledger, record: QueueRecord, name: str) -> QueueRecord:
    """The record with who has a dedup key."""
    row = ledger.row(DEDUP.who_has, {"queue": record.name, "name": name, "now": ledger.now})
    if row is None:
        return record
    owner, custom, expires_at, is_forever, is_kept = row
    job = JobRef(record.name, id_of(owner, custom))
    return replace(record, dedup=DedupRecord(job, expires_at, bool(is_forever), bool(is_kept)))


def forget(ledger: Ledger, command: Forget) -> Forgotten | Refused:
    """Forget an empty queue; see `core.commands.queues.Forget`."""
    row = ledger.row(LIST.all, {"names": as_json([command.queue]), "classes": 0})
    if row is None:
        return NoSuchQueue(queue=command.queue)
    if command.dedup is not None:
        return Forgotten(_free(ledger, command.queue, command.dedup))
    if any(row[5:12]):
        return QueueNotEmpty(queue=command.queue)
    step = {"name": command.queue}
    ledger.run(FORGET.turns, step)
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
