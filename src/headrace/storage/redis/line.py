"""A connection that is made anew when it was lost; all who ask share it."""

import asyncio
import random
from functools import partial
from typing import Any, Final

from headrace.core.errors import Unavailable
from headrace.storage.redis.finder import Finder
from headrace.storage.redis.link import ANSWER_S, Link

PAUSE_MIN_S: Final = 0.02  # between two attempts to connect; it doubles with each that fails
PAUSE_MAX_S: Final = 1.0
LATE_S: Final = 0.5  # by which an answer may come later than that to a younger question on another link


class Line:
    """The way to the server by a link of this name.

    With `is_quick` the server answers at once if it can: when an answer is late, another link is tried, and if that
    works the first is dead. A server that is busy answers neither, and is given its time.
    """

    def __init__(self, finder: Finder, name: str, *, is_quick: bool = False) -> None:
        self._finder = finder
        self._name = name
        self._link: Link | None = None
        self._is_quick = is_quick
        self._connecting: asyncio.Task[Link] | None = None
        self._trial: asyncio.Task[None] | None = None
        self._failures = 0
        self._earliest = 0.0  # when the next attempt may be made
        self._is_closed = False

    @property
    def open_link(self) -> Link | None:
        """The link, if there is one now."""
        return self._link if self._link is not None and self._link.is_open else None

    async def link(self) -> Link:
        """The open link, made if there is none. All who wait for one share an attempt: `Unavailable` if it fails."""
        if (link := self.open_link) is not None:
            return link
        if self._is_closed:
            raise Unavailable(problem="it is closed")
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_heed)
        attempt = self._connecting
        try:
            return await asyncio.shield(attempt)  # who is cancelled does not take the others along
        except asyncio.CancelledError:
            if attempt.cancelled():
                raise Unavailable(problem="it is closed") from None
            raise

    async def ask(self, packed: bytes, count: int, timeout_s: float = ANSWER_S) -> list[Any]:
        """As `Link.ask`, by a link that is made if need be."""
        link = await self.link()
        return await link.ask(packed, count, timeout_s)

    def leave(self, link: Link) -> None:
        """Take another link than this one from now on; what was asked there is still answered."""
        if self._link is link:
            self._link = None
        link.retire()

    def close(self) -> None:
        """Close the link; who waits for an answer gets `Unavailable`."""
        self._is_closed = True
        for task in (self._connecting, self._trial):
            if task is not None:
                task.cancel()
        if self._link is not None:
            self._link.close()

    async def ended(self) -> None:
        """Wait, after `close`, until nothing is under way."""
        for task in (self._connecting, self._trial):
            if task is not None:
                await asyncio.wait([task])

    async def _connect(self) -> Link:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._earliest - loop.time()))
        try:
            self._link = link = await self._finder.connect(self._name)
        except Unavailable:
            self._failures += 1
            raise
        else:
            self._failures = 0
        finally:  # a server that takes leave of everybody at once is not asked without a pause either
            longest = min(PAUSE_MIN_S * 2 ** min(self._failures, 10), PAUSE_MAX_S)
            self._earliest = loop.time() + longest * (0.5 + 0.5 * random.random())
        if self._is_quick:
            link.doubted = partial(self._doubt, link)
        return link

    def _doubt(self, link: Link) -> None:
        if not self._is_closed and (self._trial is None or self._trial.done()):
            self._trial = asyncio.create_task(self._try_another(link))

    async def _try_another(self, link: Link) -> None:
        heard_at = link.heard_at
        try:
            other = await self._finder.connect(self._name)
        except Unavailable:
            return
        other.close()
        await asyncio.sleep(LATE_S)
        if link.is_asked and link.heard_at == heard_at:
            link.end("the connection is dead, while the server answers on another")


def _heed(task: "asyncio.Task[Link]") -> None:
    """All who waited may be gone; that the attempt failed is no news to anybody then."""
    if not task.cancelled():
        task.exception()
