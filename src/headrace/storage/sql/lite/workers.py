"""Beat, Leave, Workers on SQLite."""

from typing import Final

import msgspec

from headrace.core.commands import Beat, Beaten, Leave, Left, WorkerList, WorkerRecord, Workers
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

BEAT: Final = load("beat")
LEAVE: Final = load("leave")
LIST: Final = load("workers")
_decoder: Final = msgspec.json.Decoder(WorkerRecord)


def beat(ledger: Ledger, command: Beat) -> Beaten:
    """A worker lives; see `core.commands.workers.Beat`."""
    worker = command.worker
    step = {"id": worker.id, "record": as_json(worker), "now": ledger.now}
    ledger.run(BEAT.save, step | {"expires_at": ledger.now + command.ttl_ms})
    ledger.run(BEAT.forget_dead, {"now": ledger.now})
    return Beaten()


def leave(ledger: Ledger, command: Leave) -> Left:
    """A worker has stopped; see `core.commands.workers.Leave`."""
    row = ledger.row(LEAVE.gone, {"id": command.id, "now": ledger.now})
    return Left(row is not None and row[0] > ledger.now)


def workers(ledger: Ledger, _: Workers) -> WorkerList:
    """The workers that live; see `core.commands.workers.Workers`."""
    records = []
    for record, started_at, seen_at, expires_at in ledger.rows(LIST.alive, {"now": ledger.now}):
        times = {"started_at": started_at, "seen_at": seen_at, "expires_at": expires_at}
        times["silent_ms"] = max(ledger.now - seen_at, 0)
        records.append(msgspec.structs.replace(_decoder.decode(record), **times))
    return WorkerList(tuple(records))
