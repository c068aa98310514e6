"""Find: a page of jobs. The script gives what is to be looked at; which of it fits is decided here."""

from typing import Any, Final

import msgspec

from headrace.core.commands import Find, Found
from headrace.core.commands.reads import FIND_MAX
from headrace.core.jobs import FINISHED, JobRecord, JobRef
from headrace.storage.match import matches
from headrace.storage.redis.call import Call, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.link import Word
from headrace.storage.redis.records import record

TRAIL_MAX: Final = 50  # jobs seen last that a cursor in the line of waiting jobs names

_encode: Final = msgspec.json.Encoder().encode


def find(command: Find, _: Keys) -> tuple[Word, ...]:
    limit = FIND_MAX if command.where is not None else min(command.limit, FIND_MAX)
    after = None if command.after is None else msgspec.json.decode(command.after)
    return command.queue, command.state, limit, _order(command), pack(after)


def found(command: Find, reply: Any, keys: Keys) -> Found:
    now, is_more, rows = reply
    limit = min(command.limit, FIND_MAX)
    page: list[JobRecord] = []
    for looked, (job_id, _, _, job) in enumerate(rows):
        if len(page) == limit:
            return Found(tuple(page), _cursor(command, rows[:looked]), looked)
        one = record(JobRef(command.queue, job_id), job, keys)
        if matches(one, command.where, now):
            page.append(one)
    return Found(tuple(page), _cursor(command, rows) if is_more else None, len(rows))


def _order(command: Find) -> str:
    if command.is_steady and command.state not in FINISHED:
        return "added"
    return {"waiting": "line", "active": "lease"}.get(command.state, "set")


def _cursor(command: Find, seen: list[Any]) -> str | None:
    """Where a page ended whose last rows these are."""
    if not seen:
        return command.after
    _, first, second, _ = seen[-1]
    if _order(command) != "line":
        return _encode((first, second)).decode()
    _, trail = msgspec.json.decode(command.after) if command.after else (0, [])
    return _encode((first, [*trail, *(row[0] for row in seen)][-TRAIL_MAX:])).decode()


CALLS: Final[dict[type, Call]] = {Find: Call("find", find, found)}
