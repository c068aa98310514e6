"""What is asked of a store in one turn of the loop goes to few scripts: a script costs more to begin than a small job.

The Adds of many callers are one call, and so are the Settle and the Claim of a worker. Each stands or falls for itself
there as it would alone. Whoever is cancelled while it waits leaves the others alone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from headrace.storage.redis.link import ReplyError, Word

TOGETHER_MAX: Final = 17  # Adds in one call
BYTES_MAX: Final = 65_536  # of one Add that goes with others; a large one would keep them waiting
TURN: Final = "turn"
GATHERED: Final = frozenset({"add", "settle", "claim"})
"""Scripts whose calls are gathered."""

Errand: TypeAlias = tuple[str, tuple[Word, ...]]
_Asked: TypeAlias = tuple[Errand, "asyncio.Future[Any]"]


class Crowd:
    """Calls of one turn of the loop, sent together by `send`, which answers each errand."""

    def __init__(self, send: Callable[[Sequence[Errand]], Coroutine[Any, Any, list[Any]]]) -> None:
        self._send = send
        self._asked: list[_Asked] = []
        self._sending: set[asyncio.Future[list[Any]]] = set()

    async def run(self, errand: Errand) -> Any:
        """What the script answers."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._start)
        answer: asyncio.Future[Any] = loop.create_future()
        self._asked.append((errand, answer))
        return await answer

    def _start(self) -> None:
        asked, self._asked = self._asked, []
        groups = _groups(asked)
        sending = asyncio.ensure_future(self._send([_joined(group) for group in groups]))
        self._sending.add(sending)
        sending.add_done_callback(partial(self._sent, groups))

    def _sent(self, groups: list[list[_Asked]], sending: "asyncio.Future[list[Any]]") -> None:
        self._sending.discard(sending)
        error = None if sending.cancelled() else sending.exception()
        for place, group in enumerate(groups):
            if sending.cancelled() or error is not None:
                _fail(group, error)
            else:
                _answer(group, sending.result()[place])


def _groups(asked: list[_Asked]) -> list[list[_Asked]]:
    """What goes to one script each: small Adds, and a Settle with the Claim that was asked with it."""
    groups: list[list[_Asked]] = []
    adds: list[_Asked] = []
    by_script: dict[str, list[_Asked]] = {"settle": [], "claim": []}
    for each in asked:
        (script, words), _ = each
        if script != "add":
            by_script[script].append(each)
        elif sum(len(word) for word in words if isinstance(word, str | bytes)) > BYTES_MAX:
            groups.append([each])
        else:
            adds.append(each)
    groups += [adds[at : at + TOGETHER_MAX] for at in range(0, len(adds), TOGETHER_MAX)]
    settles, claims = by_script["settle"], by_script["claim"]
    if settles and claims:
        groups.append([settles.pop(), claims.pop()])
    return [*groups, *([each] for each in (*settles, *claims))]


def _joined(group: list[_Asked]) -> Errand:
    script = group[0][0][0]
    if script == "settle" and len(group) > 1:
        script = TURN
    return script, tuple(word for (_, words), _ in group for word in words)


def _parted(group: list[_Asked], reply: Any) -> list[Any]:
    """The answers of a group. The script of Add always answers to several."""
    script = group[0][0][0]
    if script == "add":
        return [[answer] for answer in reply]
    return [reply] if len(group) == 1 else reply


def _answer(group: list[_Asked], reply: Any) -> None:
    answers = [reply] * len(group) if isinstance(reply, ReplyError) else _parted(group, reply)
    for (_, future), answer in zip(group, answers, strict=True):
        if not future.done():
            future.set_result(answer)


def _fail(group: list[_Asked], error: BaseException | None) -> None:
    """Without an error it was cancelled."""
    for _, future in group:
        if future.done():
            continue
        if error is None:
            future.cancel()
        else:
            future.set_exception(error)
