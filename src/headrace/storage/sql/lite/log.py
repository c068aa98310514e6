"""Publish, Read, Commit, Trim, Channels on SQLite."""

from typing import Final

from headrace.core import topics
from headrace.core.commands import (
    ChannelList,
    ChannelRecord,
    Channels,
    Commit,
    Committed,
    Entries,
    Publish,
    Published,
    Read,
    Trim,
    Trimmed,
)
from headrace.core.errors import Conflict, Refused
from headrace.core.log import Entry, Gap
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

PUBLISH: Final = load("publish")
READ: Final = load("read")
COMMIT: Final = load("commit")
TRIM: Final = load("trim")
CHANNELS: Final = load("channels")


def publish(ledger: Ledger, command: Publish) -> Published | Refused:
    """Append; see `core.commands.log.Publish`."""
    row = ledger.row(READ.channel, {"name": command.channel})
    last = 0 if row is None else row[3]
    if command.expected is not None and command.expected != last:
        return Conflict(channel=command.channel, position=last, expected=command.expected)
    bodies, count = as_json(command.bodies), len(command.bodies)
    head = ledger.head(row[1]) if row is not None and row[1] is not None else None
    if head is not None:  # somebody publishes to the events of a queue
        ledger.append(head, count, PUBLISH.append, {"rows": bodies, "key": command.key})
        return Published(head.last)
    channel, last = ledger.row(PUBLISH.advance, {"name": command.channel, "count": count})
    step = {"channel": channel, "first": last - count + 1, "now": ledger.now, "key": command.key, "rows": bodies}
    ledger.run(PUBLISH.append, step)
    ledger.moved.add(topics.log(command.channel))
    return Published(last)


def read(ledger: Ledger, command: Read) -> Entries:
    """Entries after a position; see `core.commands.log.Read`."""
    row = ledger.row(READ.channel, {"name": command.channel})
    if row is None:
        return Entries((), 0)
    channel, _, first, last = row
    step = {"channel": channel, "after": command.after, "limit": command.limit}
    entries = tuple(Entry(*entry) for entry in ledger.rows(READ.entries, step))
    gap = Gap(command.after + 1, first - 1) if command.after + 1 < first else None
    return Entries(entries, last, gap)


def commit(ledger: Ledger, command: Commit) -> Committed:
    """Move a reader's cursor on; see `core.commands.log.Commit`."""
    step = {"channel": command.channel, "name": command.name, "position": command.position}
    if command.position is not None:
        ledger.run(COMMIT.advance, step)
    row = ledger.row(COMMIT.cursor, step)
    return Committed(0 if row is None else row[0])


def trim(ledger: Ledger, command: Trim) -> Trimmed:
    """Remove old entries; see `core.commands.log.Trim`."""
    step = {"name": command.channel, "keep": command.keep}
    ledger.run(TRIM.entries, step)
    count = ledger.db.changes()
    ledger.run(TRIM.channel, step)
    ledger.run(TRIM.queue, step)
    ledger.forget_heads()
    return Trimmed(count)


def channels(ledger: Ledger, command: Channels) -> ChannelList:
    """Channels by name; see `core.commands.log.Channels`."""
    step = {"prefix": command.prefix, "after": command.after, "limit": command.limit + 1}
    rows = [ChannelRecord(*row) for row in ledger.rows(CHANNELS.page, step)]
    page = rows[: command.limit]
    return ChannelList(tuple(page), page[-1].name if page and len(rows) > command.limit else None)
