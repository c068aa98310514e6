"""Find: a page of jobs. The script gives what is to be looked at; which of it fits is decided here."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from headrace.core.commands import Find, Found
from headrace.core.commands.reads import FIND_MAX, strange_cursor
from headrace.core.jobs import FINISHED, JobRecord, JobRef, State
from headrace.storage.match import matches
from headrace.storage.redis.call import Call, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word
from headrace.storage.redis.records import record

TRAIL_MAX: Final = 50  # jobs seen last that a cursor in the line of waiting jobs names

_SAFE: Final = 1 << 53  # Lua knows all integers up to here
_Step = Annotated[int, Meta(ge=-_SAFE, le=_SAFE)]
_IN_LINE: Final = msgspec.json.Decoder(tuple[_Step, Annotated[list[str], Meta(min_length=1, max_length=TRAIL_MAX)]])
_BY_NUMBER: Final = msgspec.json.Decoder(tuple[_Step, _Step])
_BY_ID: Final = msgspec.json.Decoder(tuple[_Step, str])
_TIES_ARE_IDS: Final[frozenset[State]] = frozenset({"prioritized", "delayed"})

_encode: Final = msgspec.json.Encoder().encode


def find(command: Find, _: Keys) -> tuple[Word, ...]:
    limit = FIND_MAX if command.where is not None else min(command.limit, FIND_MAX)
    return command.queue, command.state, limit, _order(command), pack(_place(command))


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


def _place(command: Find) -> tuple[int, int | str | list[str]] | None:
    """Behind which job to begin."""
    if command.after is None:
        return None
    order = _order(command)
    by_id = order == "set" and command.state in _TIES_ARE_IDS
    decoder = _IN_LINE if order == "line" else _BY_ID if by_id else _BY_NUMBER
    try:
        return decoder.decode(command.after)
    except msgspec.MsgspecError:
        raise strange_cursor(command.after) from None


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
