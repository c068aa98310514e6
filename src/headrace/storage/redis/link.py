"""One connection that carries one conversation at a time. Whoever leaves a conversation early closes the connection.

hiredis packs and reads, asyncio moves the bytes: a round trip costs a third of what it costs with a whole client.
"""

import asyncio
import ssl
from typing import Any, Final, TypeAlias, cast

import hiredis
from hiredis import ReplyError

from headrace.core.errors import Unavailable

CONNECT_S: Final = 5.0
ANSWER_S: Final = 30.0  # a script of ours is done in milliseconds; what takes longer is a dead peer

Word: TypeAlias = str | bytes | int

_INCOMPLETE: Final = object()

__all__ = ["Address", "Link", "Links", "ReplyError", "Word", "connect", "packed"]


def packed(*words: Word) -> bytes:
    """A command as Redis reads it."""
    return cast("bytes", hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows tuples of one only


class Address:
    """Where a Redis is and how to introduce oneself."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.host: str = settings.get("host") or "localhost"
        self.port: int = int(settings.get("port") or 6379)
        self.path: str | None = settings.get("path")
        self.database: int = int(settings.get("db") or 0)
        self.username: str | None = settings.get("username")
        self.password: str | None = settings.get("password")
        self.is_encrypted: bool = bool(settings.get("is_encrypted"))

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    def greeting(self) -> list[tuple[str, ...]]:
        words: list[tuple[str, ...]] = []
        if self.password is not None:
            words.append(("AUTH", self.username, self.password) if self.username else ("AUTH", self.password))
        if self.database:
            words.append(("SELECT", str(self.database)))
        return words


class Link(asyncio.Protocol):
    """A connection to Redis. `ask` sends packed commands and gives their replies; an error of Redis's is a reply."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(encoding="utf-8", errors="replace", notEnoughData=_INCOMPLETE)
        self._transport: asyncio.Transport | None = None
        self._replies: list[Any] = []
        self._wanted = 0
        self._answer: asyncio.Future[list[Any]] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, packed: bytes, count: int, timeout_s: float = ANSWER_S) -> list[Any]:
        """The `count` replies to what is sent; after anything but an answer the link is closed."""
        if self._transport is None or not self.is_open:
            raise Unavailable(problem="the connection is closed")
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._wanted, self._replies = count, []
        timer = loop.call_later(timeout_s, self._fail, f"no answer within {timeout_s:.0f} s")
        self._transport.write(packed)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._answer = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                self._replies.append(reply)
        except hiredis.ProtocolError as error:
            self._fail(f"not the protocol of Redis: {error}")
            self.close()
            return
        if len(self._replies) >= self._wanted and self._answer is not None and not self._answer.done():
            self._answer.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(str(exc) if exc else "the connection was closed")

    def _fail(self, problem: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unavailable(problem=problem))


async def connect(address: Address) -> Link:
    """A link that has introduced itself: `Unavailable` if there is no Redis, or it does not let us in."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if address.is_encrypted else None
    try:
        async with asyncio.timeout(CONNECT_S):
            if address.path:
                _, link = await loop.create_unix_connection(Link, address.path)
            else:
                _, link = await loop.create_connection(Link, address.host, address.port, ssl=context)
    except OSError as error:  # TimeoutError is one
        raise Unavailable(problem=f"cannot connect to {address}: {str(error) or 'no answer'}") from None
    words = address.greeting()
    if words:
        for reply in await link.ask(b"".join(packed(*word) for word in words), len(words), CONNECT_S):
            if isinstance(reply, ReplyError):
                link.close()
                raise Unavailable(problem=f"{address} does not let us in: {reply}")
    return link


class Links:
    """Idle links, newest first, and new ones up to a bound; beyond it callers take turns."""

    def __init__(self, address: Address, links_max: int) -> None:
        self._address = address
        self._turns = asyncio.Semaphore(links_max)
        self._idle: list[Link] = []
        self._busy: set[Link] = set()
        self._is_closed = False

    async def ask(self, packed: bytes, count: int, timeout_s: float = ANSWER_S) -> list[Any]:
        async with self._turns:
            link = await self._open_link()
            self._busy.add(link)
            try:
                replies = await link.ask(packed, count, timeout_s)
            finally:
                self._busy.discard(link)
            self._idle.append(link)
            return replies

    async def _open_link(self) -> Link:
        while self._idle:
            link = self._idle.pop()
            if link.is_open:
                return link
        link = await connect(self._address)
        if self._is_closed:
            link.close()
        return link

    def close(self) -> None:
        """Close every link; who waits for an answer gets `Unavailable`."""
        self._is_closed = True
        for link in (*self._idle, *self._busy):
            link.close()
        self._idle.clear()
