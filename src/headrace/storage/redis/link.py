"""One connection. Whoever asks is answered in turn; what is asked meanwhile is on its way already.

hiredis reads, asyncio moves the bytes: a round trip costs a third of what it costs with a whole client.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, cast

import hiredis
from hiredis import ReplyError

from headrace.core.errors import Unavailable
from headrace.storage.redis.address import Place
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed

CONNECT_S: Final = 3.0
ANSWER_S: Final = 30.0  # without a byte of the answer; a script of ours is done in milliseconds
DOUBT_S: Final = 2.0  # without a byte of the answer, until somebody is told
SILENCE_S: Final = 5  # without a sign of life from the peer's system, where ours can tell

_INCOMPLETE: Final = object()
Told: TypeAlias = Callable[[list[Any] | BaseException], None]
"""Is given the replies, or why there are none. It must not raise."""
_Question: TypeAlias = tuple[Told, int, float]

__all__ = ["Link", "ReplyError", "Told", "connect"]


class Link(asyncio.Protocol):
    """A connection to Redis. `ask` sends packed commands and gives their replies; an error of Redis's is a reply.

    Who is cancelled while it waits leaves its place in the line of answers, and its answer is thrown away.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(encoding="utf-8", errors="replace", notEnoughData=_INCOMPLETE)
        self._transport: asyncio.Transport | None = None
        self._questions: deque[_Question] = deque()
        self._replies: list[Any] = []  # those to the first question
        self._timer: asyncio.TimerHandle | None = None
        self._is_retired = False
        self.heard_at = 0.0
        """When a byte came, or the first question was asked, by the clock of the loop."""
        self.doubted: Callable[[], None] | None = None
        """Called again and again while an answer is late."""

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_asked(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._questions)

    async def ask(self, packed: bytes, count: int, timeout_s: float = ANSWER_S) -> list[Any]:
        """The `count` replies to what is sent; `Unavailable` if the connection is lost before, or says nothing."""
        answer: asyncio.Future[list[Any]] = self._loop.create_future()
        self.send(packed, count, partial(_settle, answer), timeout_s)
        return await answer

    def send(self, packed: bytes, count: int, told: Told, timeout_s: float = ANSWER_S) -> None:
        """As `ask`; the answer goes to `told`, as soon as it is read. `Unavailable` if the connection is closed."""
        if self._transport is None or self._transport.is_closing():
            raise Unavailable(problem="the connection is closed")
        if not self._questions:
            self.heard_at = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(DOUBT_S, self._be_patient)
        self._questions.append((told, count, timeout_s))
        self._transport.write(packed)

    def retire(self) -> None:
        """Close when all that was asked is answered."""
        self._is_retired = True
        if not self._questions:
            self.close()

    def close(self) -> None:
        """Close now; who waits for an answer gets `Unavailable`."""
        if self._transport is not None:
            self._transport.abort()

    def end(self, problem: str) -> None:
        """Close now, and say why to who waits for an answer."""
        self._stop_timer()
        while self._questions:
            told = self._questions.popleft()[0]
            told(Unavailable(problem=problem))
        self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # uvloop writes at once then, and not at the end of the turn
        _be_watchful(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                self._replies.append(reply)
                if self._questions and len(self._replies) == self._questions[0][1]:
                    told = self._questions.popleft()[0]
                    replies, self._replies = self._replies, []
                    told(replies)
        except hiredis.ProtocolError as error:
            self.end(f"not the protocol of Redis: {error}")
            return
        if self._is_retired and not self._questions:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        last = self._replies[-1] if self._replies else None  # why Redis closes it may be the last that it said
        self.end(str(last if isinstance(last, ReplyError) else exc or "the connection was closed"))

    def _be_patient(self) -> None:
        """One timer looks after all questions: to begin and to end one with each would cost more than many answers."""
        self._timer = None
        if not self._questions:
            return
        timeout_s = self._questions[0][2]
        due, doubt, now = self.heard_at + timeout_s, self.heard_at + DOUBT_S, self._loop.time()
        if now >= due:
            self.end(f"no answer within {timeout_s:.0f} s")
            return
        if now >= doubt:
            doubt = now + DOUBT_S
            if self.doubted is not None:
                self.doubted()
        self._timer = self._loop.call_at(min(due, doubt), self._be_patient)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _settle(answer: "asyncio.Future[list[Any]]", replies: list[Any] | BaseException) -> None:
    if answer.done():
        return
    if isinstance(replies, BaseException):
        answer.set_exception(replies)
    else:
        answer.set_result(replies)


async def connect(place: Place, tls: ssl.SSLContext | None, greeting: Sequence[tuple[str, ...]]) -> Link:
    """A link that has introduced itself: `Unavailable` if there is no Redis, or it does not serve us now."""
    host, port = place
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            _, link = await loop.create_connection(Link, host, port, ssl=tls)
    except ssl.SSLError as error:
        problem = f"{host}:{port} is not trusted, or speaks no TLS: {error}; see ssl_ca_certs"
        raise Unavailable(problem=problem) from None
    except OSError as error:  # TimeoutError is one
        silence = "no answer; does it speak TLS?" if tls else "no answer"
        raise Unavailable(problem=f"cannot connect to {host}:{port}: {str(error) or silence}") from None
    try:
        words = [*greeting, ("PING",)]  # by the answer to this it says whether it serves us
        replies = await link.ask(b"".join(packed(*word) for word in words), len(words), CONNECT_S)
        for word, reply in zip(words, replies, strict=True):
            # Some services know no names of connections, and not every user may give them.
            if isinstance(reply, ReplyError) and word[0] != "CLIENT":
                raise Unavailable(problem=f"{host}:{port}: {meaning(str(reply)).says}")
    except BaseException:
        link.close()
        raise
    return link


def _be_watchful(connection: socket.socket | None) -> None:
    """Let the system find out that the peer is gone, which an idle connection would never hear of."""
    if connection is None:
        return
    with suppress(OSError):  # not every system and kind of socket knows each
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", SILENCE_S), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", SILENCE_S)):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_S * 1000)
