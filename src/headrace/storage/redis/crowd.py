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
from headrace.storage.redis.link import ReplyError, Told, Word

TOGETHER_MAX: Final = 25  # Adds in one call; while the server does these, we take in the next
BYTES_MAX: Final = 65_536  # of one Add that goes with others; a large one would keep them waiting
TURN: Final = "turn"
PAIR: Final = frozenset({"settle", "claim"})

Errand: TypeAlias = tuple[str, tuple[Word, ...]]
_Asked: TypeAlias = tuple[Sequence[Errand], "asyncio.Future[list[Any]]"]


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
        self._asked.append((errands, answer))
        if len(self._asked) == TOGETHER_MAX or (len(self._asked) == 2 and _is_pair(*self._asked)):
            self._leave()  # there is nothing to wait for
        elif not self._is_leaving:
            self._is_leaving = True
            self._loop.call_soon(self._end_turn)
        return answer

    def _end_turn(self) -> None:
        self._is_leaving = False
        if self._asked:
            self._leave()

    def _leave(self) -> None:
        asked, self._asked = self._asked, []
        groups = _groups(asked)
        calls = [_joined(group) for group in groups]
        self._send([errand for call in calls for errand in call], partial(_answer, groups, calls))


def _answer(groups: list[list[_Asked]], calls: list[Sequence[Errand]], replies: list[Any] | BaseException) -> None:
    """Give each errand its answer. A connection calls this as it reads: nothing may raise here."""
    at = 0
    for group, call in zip(groups, calls, strict=True):
        parted = replies if isinstance(replies, BaseException) else _parted(group, replies[at : at + len(call)])
        at += len(call)
        for place, (_, answer) in enumerate(group):
            if answer.done():
                continue  # who was cancelled takes nobody along
            if isinstance(parted, BaseException):
                answer.set_exception(parted)
            else:
                answer.set_result(parted[place])


def _is_pair(one: _Asked, other: _Asked) -> bool:
    return len(one[0]) == len(other[0]) == 1 and {one[0][0][0], other[0][0][0]} == PAIR


def _groups(asked: list[_Asked]) -> list[list[_Asked]]:
    """What goes to one script each, in its order."""
    if len(asked) == 1 or (len(asked) == 2 and _is_pair(*asked)):
        return [asked]  # nearly always
    groups: list[list[_Asked]] = []
    before = ""
    for each in asked:
        kind = _kind(each)
        is_one_more = kind == before == "add" and len(groups[-1]) < TOGETHER_MAX
        if is_one_more or {before, kind} == PAIR:
            groups[-1].append(each)
            before = kind if is_one_more else ""
            continue
        groups.append([each])
        before = kind
    return groups


def _kind(asked: _Asked) -> str:
    """The script, if it may go with others."""
    errands = asked[0]
    if len(errands) > 1:
        return ""
    ((script, words),) = errands
    if script == "add" and sum(len(word) for word in words if isinstance(word, str | bytes)) > BYTES_MAX:
        return ""
    return script


def _joined(group: list[_Asked]) -> Sequence[Errand]:
    if len(group) == 1:
        return group[0][0]
    scripts = [errands[0] for errands, _ in group]
    name = scripts[0][0]
    if name in PAIR:
        if name == "claim":
            scripts.reverse()  # the Settle first
        name = TURN
    return [(name, tuple([word for _, words in scripts for word in words]))]


def _parted(group: list[_Asked], replies: list[Any]) -> list[list[Any]] | Unavailable:
    """The answers of a group, of each errand of each."""
    if len(group) == 1:
        return [replies]
    (reply,) = replies
    if isinstance(reply, ReplyError):
        return [[reply]] * len(group)
    first = group[0][0][0][0]
    if not isinstance(reply, list) or (first == "add" and len(reply) != len(group)) or not reply:
        return Unavailable(problem=f"an answer to {len(group)} commands that is none")
    if first == "add":  # its script always answers to several
        return [[[answer]] for answer in reply]
    settled = reply.pop()
    return [[reply], [settled]] if first == "claim" else [[settled], [reply]]
