"""The connections on which workers wait for the markers of queues, as BullMQ's workers do."""

import asyncio
from base64 import b64encode
from collections.abc import Collection, Mapping
from typing import Final

from headrace.core.commands import Claim
from headrace.core.errors import Unavailable
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.line import Line
from headrace.storage.redis.link import ReplyError
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed

BLOCK_S: Final = 5.0  # one blocking read; a connection that says nothing for longer is dead
GRACE_S: Final = 2.0
CLAIMERS_MAX: Final = 64  # workers of a queue that are remembered; then those are forgotten that do not wait


class Ear:
    """One connection that blocks on markers for one task.

    The read goes on when the task no longer waits. A marker that comes then is given back, for others who wait; the
    task is told at its next wait all the same, and so it is after a connection was lost.
    """

    def __init__(self, line: Line, topics: Mapping[str, str], commands: Line) -> None:
        self._line = line
        self._topics = topics  # by marker
        self._commands = commands
        self._rung: set[str] = set()
        self._problem: str | None = None
        self._bell: asyncio.Event | None = None  # while the task waits
        self._wanted = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    def begin(self, bell: asyncio.Event) -> None:
        """The task waits: ring when a marker comes, or has come."""
        self._bell = bell
        self._wanted.set()
        if self._rung:
            bell.set()
        if self._listener is None or self._listener.done():
            self._problem = None
            self._listener = asyncio.create_task(self._listen())

    def rest(self) -> None:
        """The task waits no more; what it was not told is kept for its next wait."""
        self._bell = None
        self._wanted.clear()

    def heard(self, topics: Collection[str]) -> frozenset[str]:
        """Which of its topics may have moved since it was told last, or `Unavailable` if that cannot be known."""
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise Unavailable(problem=problem)
        rung = self._rung.intersection(topics)
        self._rung -= rung
        return frozenset(rung)

    def close(self) -> None:
        """Hear nothing any more, and end a wait."""
        if self._listener is not None:
            self._listener.cancel()
        self._line.close()
        self._ring()

    async def ended(self) -> None:
        """Wait, after `close`, until nothing is under way."""
        if self._listener is not None:
            await asyncio.wait([self._listener])
        await self._line.ended()

    async def _listen(self) -> None:
        request = packed("BZPOPMIN", *self._topics, f"{BLOCK_S:.0f}")
        try:
            while True:
                await self._wanted.wait()
                link = await self._line.link()
                (reply,) = await link.ask(request, 1, BLOCK_S + GRACE_S)
                if isinstance(reply, ReplyError):
                    self._line.leave(link)
                    raise Unavailable(problem=meaning(str(reply)).says)
                if reply is not None:
                    await self._heard(*reply)
        except Unavailable as error:
            self._problem = str(error.problem)
            self._ring(*self._topics)

    async def _heard(self, marker: str, member: str, score: str) -> None:
        is_wanted = self._bell is not None
        self._wanted.clear()  # one marker ends the wait
        self._ring(marker)
        if not is_wanted:
            await self._commands.ask(packed("ZADD", marker, score, member), 1)

    def _ring(self, *markers: str) -> None:
        self._rung.update(self._topics[marker] for marker in markers)
        if self._bell is not None:
            self._bell.set()


class Claimers:
    """Which workers claim from which queue, so that each one's connection has the name by which BullMQ finds it."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[str, dict[str, bool]] = {}  # of each queue its workers, and whether a connection has the name

    def note(self, claim: Claim) -> None:
        for source in claim.sources:
            known = self._known.setdefault(source.queue, {})
            if claim.worker and claim.worker not in known:
                known[claim.worker] = False
                if len(known) > CLAIMERS_MAX:
                    del known[next(worker for worker, is_taken in known.items() if not is_taken)]

    def take(self, queue: str) -> str:
        """The newest worker of a queue that has no connection, as older ones may be gone; empty if there is none."""
        known = self._known.get(queue, {})
        for worker in reversed(known):
            if not known[worker]:
                known[worker] = True
                return worker
        return ""

    def leave(self, queue: str, worker: str) -> None:
        """The connection of a worker is closed."""
        self._known.get(queue, {}).pop(worker, None)

    def name(self, queue: str, worker: str) -> str:
        """What BullMQ calls a connection on which a worker waits; Redis takes only printable ASCII in it."""
        encoded = b64encode(queue.encode()).decode()
        named = f":w:{worker}" if worker else ""
        return "".join(sign if "!" <= sign <= "~" else "-" for sign in f"{self._keys.prefix}:{encoded}{named}")
