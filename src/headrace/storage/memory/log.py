"""Publish, Read, Commit, Trim, Channels."""

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
from headrace.core.log import Gap
from headrace.storage.memory import journal
from headrace.storage.memory.world import Log, World


def publish(world: World, command: Publish, now: int) -> Published | Refused:
    position = world.logs.get(command.channel, Log()).last
    if command.expected is not None and command.expected != position:
        return Conflict(channel=command.channel, position=position, expected=command.expected)
    return Published(journal.append(world, command.channel, command.bodies, command.key, now).last)


def read(world: World, command: Read, _now: int) -> Entries:
    log = world.logs.get(command.channel, Log())
    start = max(command.after + 1, log.first)
    place = start - log.first
    gap = Gap(command.after + 1, log.first - 1) if command.after + 1 < log.first else None
    return Entries(tuple(log.entries[place : place + command.limit]), log.last, gap)


def commit(world: World, command: Commit, _now: int) -> Committed:
    reader = (command.channel, command.name)
    position = world.readers.get(reader, 0)
    if command.position is not None and command.position > position:
        position = world.readers[reader] = command.position
    return Committed(position)


def trim(world: World, command: Trim, _now: int) -> Trimmed:
    log = world.logs.get(command.channel)
    return Trimmed(journal.trim(log, command.keep) if log else 0)


def channels(world: World, command: Channels, _now: int) -> ChannelList:
    names = sorted(name for name in world.logs if name.startswith(command.prefix) and name > command.after)
    page = names[: command.limit]
    records = [ChannelRecord(name, world.logs[name].first, world.logs[name].last) for name in page]
    return ChannelList(tuple(records), page[-1] if page and len(names) > len(page) else None)
