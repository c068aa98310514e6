"""What is asked of a store in one turn of the loop goes to few scripts: a script costs more to begin than a small job.

Adds that were asked one after the other are one call, and so is a Settle with the Claim before or after it. Each stands
or falls for itself there as it would alone, and all is done in the order in which it was asked, but that the Settle of
such a pair comes first: what it frees the Claim may take. Whoever is cancelled while it waits leaves the others alone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from headrace.storage.redis.link import ReplyError, Word

TOGETHER_MAX: Final = 100  # Adds in one call
BYTES_MAX: Final = 65_536  # of one Add that goes with others; a large one would keep them waiting
TURN: Final = "turn"
PAIR: Final = frozenset({"settle", "claim"})
GATHERED: Final = frozenset({"add", "settle", "claim"})
"""Scripts whose calls wait for the end of the turn, as others may come."""

Errand: TypeAlias = tuple[str, tuple[Word, ...]]
_Asked: TypeAlias = tuple[Sequence[Errand], "asyncio.Future[list[Any]]"]


class Crowd:
    """Calls of one turn of the loop, sent together by `send`, which answers each errand."""

    def __init__(self, send: Callable[[Sequence[Errand]], Coroutine[Any, Any, list[Any]]]) -> None:
        self._send = send
        self._asked: list[_Asked] = []
        self._leaving: set[asyncio.Future[list[Any]]] = set()

    @property
    def is_gathering(self) -> bool:
        """Whether something was asked that is not on its way yet: what is asked now must not overtake it."""
        return bool(self._asked)

    async def run(self, errands: Sequence[Errand]) -> list[Any]:
        """What the scripts answer; several errands of one caller stay by themselves."""
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._asked.append((errands, answer))
        if len(self._asked) == 1:
            leaving = asyncio.ensure_future(self._leave(self._asked))
            self._leaving.add(leaving)
            leaving.add_done_callback(partial(self._left, self._asked))
        return await answer

    async def _leave(self, asked: list[_Asked]) -> list[list[Any]]:
        self._asked = []
        groups = _groups(asked)
        calls = [_joined(group) for group in groups]
        replies = iter(await self._send([errand for call in calls for errand in call]))
        parted = [_parted(group, [next(replies) for _ in call]) for group, call in zip(groups, calls, strict=True)]
        return [answer for answers in parted for answer in answers]

    def _left(self, asked: list[_Asked], leaving: "asyncio.Future[list[list[Any]]]") -> None:
        self._leaving.discard(leaving)
        if self._asked is asked:  # it was cancelled before it began
            self._asked = []
        error = None if leaving.cancelled() else leaving.exception()
        for place, (_, answer) in enumerate(asked):
            if answer.done():
                continue
            if leaving.cancelled():
                answer.cancel()
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(leaving.result()[place])


def _groups(asked: list[_Asked]) -> list[list[_Asked]]:
    """What goes to one script each, in its order."""
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
    if scripts[0][0] in PAIR:
        scripts.sort(key=lambda errand: errand[0], reverse=True)  # the Settle first
    words = tuple(word for _, own in scripts for word in own)
    return [(TURN if scripts[0][0] in PAIR else scripts[0][0], words)]


def _parted(group: list[_Asked], replies: list[Any]) -> list[list[Any]]:
    """The answers of a group, of each errand of each."""
    if len(group) == 1:
        return [replies]
    (reply,) = replies
    if isinstance(reply, ReplyError):
        return [[reply]] * len(group)
    first = group[0][0][0][0]
    if first == "add":  # its script always answers to several
        return [[[answer]] for answer in reply]
    return [[answer] for answer in (reversed(reply) if first == "claim" else reply)]
