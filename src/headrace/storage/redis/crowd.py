"""What is asked of a store in one turn of the loop goes to few scripts: a script costs more to begin than a small job.

Adds that were asked one after the other are one call, and so is a Settle with the Claim before or after it. Each stands
or falls for itself there as it would alone, and all is done in the order in which it was asked, but that the Settle of
such a pair comes first: what it frees the Claim may take. Whoever is cancelled while it waits leaves the others alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from headrace.core.errors import Unavailable
from headrace.storage.redis.link import ReplyError, Told
from headrace.storage.redis.packing import Word

TOGETHER_MAX: Final = 25  # Adds in one call; while the server does these, we take in the next
BYTES_MAX: Final = 65_536  # of one Add that goes with others; a large one would keep them waiting
TURN: Final = "turn"
PAIRS: Final = frozenset({("settle", "claim"), ("claim", "settle")})

Errand: TypeAlias = tuple[str, tuple[Word, ...]]
_Asked: TypeAlias = tuple[Sequence[Errand], str, "asyncio.Future[list[Any]]"]
"""With the script, if it may go with others."""


class Crowd:
    """Calls of one turn of the loop, sent together by `send`, which is told whom to answer."""

    def __init__(self, send: Callable[[Sequence[Errand], Told], None]) -> None:
        self._send = send
        self._asked: list[_Asked] = []
        self._is_leaving = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_gathering(self) -> bool:
        """Whether something was asked that is not on its way yet: what is asked now must not overtake it."""
        return bool(self._asked)

    def ask(self, errands: Sequence[Errand]) -> "asyncio.Future[list[Any]]":
        """What the scripts will answer; several errands of one caller stay by themselves."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # a system call, before Python 3.12
        answer: asyncio.Future[list[Any]] = self._loop.create_future()
        asked, kind = self._asked, _kind(errands)
        asked.append((errands, kind, answer))
        count = len(asked)
        if count == 2 and (asked[0][1], kind) in PAIRS:
            self._leave([asked])  # there is nothing to wait for
        elif count == TOGETHER_MAX:
            self._leave(_groups(asked))
        elif not self._is_leaving:
            self._is_leaving = True
            self._loop.call_soon(self._end_turn)
        return answer

    def _end_turn(self) -> None:
        self._is_leaving = False
        if self._asked:
            self._leave(_groups(self._asked))

    def _leave(self, groups: list[list[_Asked]]) -> None:
        self._asked = []
        for group in groups:
            self._send(group[0][0] if len(group) == 1 else [_joined(group)], partial(_answer, group))


def _answer(group: list[_Asked], replies: list[Any] | BaseException) -> None:
    """Give each errand of a group its answer. A connection calls this as it reads: nothing may raise here."""
    parted = replies if isinstance(replies, BaseException) else _parted(group, replies)
    if isinstance(parted, BaseException):
        for _, _, answer in group:
            if not answer.done():  # who was cancelled takes nobody along
                answer.set_exception(parted)
        return
    for place, (_, _, answer) in enumerate(group):
        if not answer.done():
            answer.set_result(parted[place])


def _groups(asked: list[_Asked]) -> list[list[_Asked]]:
    """What goes to one script each, in its order."""
    groups: list[list[_Asked]] = []
    before = ""
    for each in asked:
        kind = each[1]
        is_one_more = kind == before == "add" and len(groups[-1]) < TOGETHER_MAX
        if is_one_more or (before, kind) in PAIRS:
            groups[-1].append(each)
            before = kind if is_one_more else ""
            continue
        groups.append([each])
        before = kind
    return groups


def _kind(errands: Sequence[Errand]) -> str:
    """The script, if it may go with others."""
    if len(errands) > 1:
        return ""
    ((script, words),) = errands
    if script == "add" and sum(len(word) for word in words if isinstance(word, str | bytes)) > BYTES_MAX:
        return ""
    return script


def _joined(group: list[_Asked]) -> Errand:
    calls = [errands[0] for errands, _, _ in group]
    first, words = calls[0]
    if first == "add":
        return first, tuple([word for _, words in calls for word in words])
    others = calls[1][1]
    return TURN, words + others if first == "settle" else others + words  # the Settle first


def _parted(group: list[_Asked], replies: list[Any]) -> list[list[Any]] | Unavailable:
    """The answers of a group, of each errand of each."""
    if len(group) == 1:
        return [replies]
    (reply,) = replies
    if isinstance(reply, ReplyError):
        return [[reply]] * len(group)
    first = group[0][1]
    if not isinstance(reply, list) or (first == "add" and len(reply) != len(group)) or not reply:
        return Unavailable(problem=f"an answer to {len(group)} commands that is none")
    if first == "add":  # its script always answers to several
        return [[[answer]] for answer in reply]
    settled = reply.pop()
    return [[reply], [settled]] if first == "claim" else [[settled], [reply]]
