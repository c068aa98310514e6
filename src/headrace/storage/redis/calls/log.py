"""Publish, Read, Commit, Trim, Channels."""

from typing import Any, Final

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
from headrace.storage.redis.call import Call
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word


def publish(command: Publish, _: Keys) -> tuple[Word, ...]:
    return command.channel, command.key, "" if command.expected is None else command.expected, *command.bodies


def published(command: Publish, reply: Any, _: Keys) -> Published | Refused:
    code, position = reply
    if code == "conflict":
        assert command.expected is not None
        return Conflict(channel=command.channel, position=position, expected=command.expected)
    return Published(position)


def read(command: Read, _: Keys) -> tuple[Word, ...]:
    return command.channel, command.after, command.limit


def entries(command: Read, reply: Any, _: Keys) -> Entries:
    """Up to the next gap: who reads on after that is told of it."""
    rows, first, last = reply
    found = [_entry(*row) for row in rows]
    end = next((at for at in range(1, len(found)) if found[at].position > found[at - 1].position + 1), len(found))
    missing = command.after + 1
    kept = found[0].position if found else first if command.limit <= 0 else last + 1
    return Entries(tuple(found[:end]), last, Gap(missing, kept - 1) if missing < kept else None)


def commit(command: Commit, _: Keys) -> tuple[Word, ...]:
    return command.channel, command.name, "" if command.position is None else command.position


def committed(_: Commit, reply: Any, __: Keys) -> Committed:
    return Committed(reply)


def trim(command: Trim, _: Keys) -> tuple[Word, ...]:
    return command.channel, command.keep


def trimmed(_: Trim, reply: Any, __: Keys) -> Trimmed:
    return Trimmed(reply)


def channels(command: Channels, _: Keys) -> tuple[Word, ...]:
    return command.prefix, command.limit, command.after


def listed(_: Channels, reply: Any, __: Keys) -> ChannelList:
    rows, is_more = reply
    page = tuple(ChannelRecord(*row) for row in rows)
    return ChannelList(page, page[-1].name if page and is_more else None)


def _entry(stream_id: str, fields: list[str]) -> Entry:
    _, at, _, key, _, body = fields
    return Entry(int(stream_id.partition("-")[0]), int(at), key, body)


CALLS: Final[dict[type, Call]] = {
    Publish: Call("publish", publish, published),
    Read: Call("read", read, entries),
    Commit: Call("commit", commit, committed),
    Trim: Call("trim", trim, trimmed),
    Channels: Call("channels", channels, listed),
}
