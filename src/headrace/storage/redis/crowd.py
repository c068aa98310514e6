"""Adds that are asked of a store in one turn of the loop go to few scripts: one costs more to begin than a small job.

Those that were asked one after the other are one call, in which each stands or falls for itself as it would alone. All
is done in the order in which it was asked: what is no Add leaves at once, behind the Adds that were there before it.
Whoever is cancelled while it waits leaves the others alone.
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
        if not _is_social(errands):
            self._leave()
            self._send(errands, partial(_answer, [(errands, answer)]))
            return answer
        self._asked.append((errands, answer))
        if len(self._asked) == TOGETHER_MAX:
            self._leave()
        elif not self._is_leaving:
            self._is_leaving = True
            self._loop.call_soon(self._end_turn)
        return answer

    def _end_turn(self) -> None:
        self._is_leaving = False
        self._leave()

    def _leave(self) -> None:
        if group := self._asked:
            self._asked = []
            self._send([_joined(group)], partial(_answer, group))


def _answer(group: list[_Asked], replies: list[Any] | BaseException) -> None:
    """Give each of a group its answer. A connection calls this as it reads: nothing may raise here."""
    parted = replies if isinstance(replies, BaseException) else _parted(group, replies)
    for place, (_, answer) in enumerate(group):
        if answer.done():  # who was cancelled takes nobody along
            continue
        if isinstance(parted, BaseException):
            answer.set_exception(parted)
        else:
            answer.set_result(parted[place])


def _is_social(errands: Sequence[Errand]) -> bool:
    """Whether it may go with others."""
    if len(errands) > 1:
        return False
    ((script, words),) = errands
    return script == "add" and sum(len(word) for word in words if isinstance(word, str | bytes)) <= BYTES_MAX


def _joined(group: list[_Asked]) -> Errand:
    return "add", tuple([word for ((_, words),), _ in group for word in words])


def _parted(group: list[_Asked], replies: list[Any]) -> list[list[Any]] | Unavailable:
    """The answers of a group, of each errand of each."""
    if len(group) == 1:
        return [replies]
    (reply,) = replies
    if isinstance(reply, ReplyError):
        return [[reply]] * len(group)
    if not isinstance(reply, list) or len(reply) != len(group):
        return Unavailable(problem=f"an answer to {len(group)} commands that is none")
    return [[[answer]] for answer in reply]  # the script always answers to several
