"""The store on Redis and Valkey: a pipeline a call, a script a command."""

import asyncio
import weakref
from collections.abc import Collection, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from headrace.core.commands import Add, Claim, Command, Settle
from headrace.core.errors import CannotOpen, Misuse, Refused, StorageFull, Unavailable
from headrace.storage.protocol import Clock
from headrace.storage.redis.address import address_of
from headrace.storage.redis.bell import Bell
from headrace.storage.redis.blocking import Blocking
from headrace.storage.redis.call import CHANGED, Call, Considered
from headrace.storage.redis.calls import CALLS, TURN
from headrace.storage.redis.crowd import Crowd, Errand
from headrace.storage.redis.finder import Finder, tag_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.line import Line
from headrace.storage.redis.link import Link, ReplyError, Told
from headrace.storage.redis.loading import AT_FIRST, bring, load
from headrace.storage.redis.meaning import meaning, place_of
from headrace.storage.redis.records import AT_JOBS
from headrace.storage.redis.requests import Requests
from headrace.storage.redis.script import script

NAME: Final = "headrace-commands"
PREFIX: Final = "bull"  # as BullMQ's
PREFIX_MAX: Final = 100  # bytes
LOOKS_MAX: Final = 100  # times that jobs are looked at for one command, as others change them meanwhile
HOT: Final = frozenset({Add, Settle, Claim})
TRIES_MAX: Final = 4  # times that a command is sent which Redis did not begin: another server, and then its functions


class RedisStore:
    """Jobs in the data layout of BullMQ 6, under `prefix`; see `Storage` for what the methods promise.

    `name` is that of the connection for commands in CLIENT LIST. With a `clock` (tests) every script is told the
    instant and leases end by that clock alone: the locks of Node's workers still expire in real time, so the two do
    not mix.
    """

    turns_at_once = 2
    """Of a worker, each a Settle with the next Claim: while the server does one, the jobs of the other run.

    A claim after `wait` has told of something goes alone: only then are others looked for who sleep yet.
    """

    def __init__(self, url: str, *, prefix: str = PREFIX, clock: Clock | None = None, name: str = NAME) -> None:
        self._keys = Keys(_checked(prefix))
        address = address_of(url)
        if address.kind == "cluster" and tag_of(prefix) is None:
            raise Misuse(
                f"on a cluster all keys of a store must be on one node: write prefix='{{{prefix}}}', not {prefix!r}"
            )
        self._finder = Finder(address, prefix)
        declared = (self._keys.queues, self._keys.nothing) if address.kind == "cluster" else (self._keys.queues,)
        self._requests = Requests(declared, prefix, clock)
        self._line: Line | None = None
        self._bell: Bell | None = None
        self._blocking: Blocking | None = None
        self._brought = set[str]()  # libraries; a server that has lost them says so
        self._name = name
        self._another = partial(RedisStore, url, prefix=prefix, clock=clock, name=f"{name}-aside")
        self._crowd = Crowd(self._send)
        self._under_way: set[asyncio.Future[list[Any]]] = set()

    async def open(self) -> None:
        if self._line is not None:
            return
        self._brought = set(AT_FIRST)
        self._crowd = Crowd(self._send)  # what a loop has left that ended is no concern of this one's
        self._line = Line(self._finder, self._name, is_quick=True)
        self._bell = Bell(self._finder, self._line, self._keys)
        try:
            await load(await self._line.link(), AT_FIRST)
        except Unavailable as error:
            await self.close()
            raise CannotOpen(path=str(self._finder), problem=error.problem) from None
        self._blocking = Blocking(self._another())
        weakref.finalize(self, self._blocking.end)  # of a store that nobody closed

    async def close(self) -> None:
        line, bell = self._line, self._bell
        self._line = self._bell = None
        if self._blocking is not None:
            self._blocking.end()
        if bell is not None:
            await bell.close()
        if line is not None:
            line.close()
            await line.ended()
        await asyncio.sleep(0)  # lets the transports take leave of the loop

    def run(self, *commands: Command[Any]) -> Any:  # a coroutine; mypy and pyright disagree on what an async def gives
        if len(commands) == 1 and type(commands[0]) in HOT:
            return self._alone(CALLS[type(commands[0])], commands[0])
        if len(commands) == 2 and type(commands[0]) is Settle and type(commands[1]) is Claim:
            return self._alone(TURN, commands)
        return self._all(commands)

    async def _all(self, commands: Sequence[Command[Any]]) -> Any:
        if self._line is None or self._bell is None:
            raise Unavailable(problem="it is not open")
        for command in commands:
            if type(command) is Claim:
                self._bell.note(command)
        replies: list[Any] = []
        for together, refs in _turns(commands):
            if refs:
                replies.append(await self._consider(self._line, together[0], refs))
            else:
                replies += await self._ask(self._line, together)
        return replies[0] if len(replies) == 1 else tuple(replies)

    def run_blocking(self, *commands: Command[Any]) -> Any:
        """As `run`, from any thread that has no event loop to keep alive: leases are renewed this way."""
        if self._blocking is None:
            raise Unavailable(problem="it is not open")
        return self._blocking.run(*commands)

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        if self._bell is None:
            raise Unavailable(problem="it is not open")
        return await self._bell.wait(topics, timeout_ms)

    async def _alone(self, call: Call | Considered, command: Any) -> Any:
        """The reply to what nearly all of a store's work is, with nothing in the way."""
        line = self._line
        if line is None or self._bell is None:
            raise Unavailable(problem="it is not open")
        if call is TURN:
            self._bell.note(command[1])
        elif type(command) is Claim:
            self._bell.note(command)
        (reply,) = await self._crowd.ask(((call.script, call.arguments(command, self._keys)),))
        if isinstance(reply, ReplyError):
            refusal = _refusal(str(reply))
            return (refusal, refusal) if call is TURN else refusal
        if isinstance(call, Call) and call.sequel is not None and call.sequel(reply) is not None:
            await self._finish(line, [(call, reply)])
        return call.reply(command, reply, self._keys)

    async def _ask(self, line: Line, commands: Sequence[Command[Any]]) -> list[Any]:
        calls = [(CALLS[type(command)], command) for command in commands]
        replies = await self._in_order(
            line, [(call.script, call.arguments(command, self._keys)) for call, command in calls]
        )
        await self._finish(line, [(call, reply) for (call, _), reply in zip(calls, replies, strict=True)])
        return [self._read(command, reply) for command, reply in zip(commands, replies, strict=True)]

    async def _in_order(self, line: Line, errands: Sequence[Errand]) -> list[Any]:
        """As `_errands`, behind all that was asked before."""
        return await (self._crowd.ask(errands) if self._crowd.is_gathering else self._errands(line, errands))

    async def _finish(self, line: Line, answered: Sequence[tuple[Call | Considered, Any]]) -> None:
        """Do what is still to be done after some answers."""
        sequels = [
            errand
            for call, reply in answered
            if isinstance(call, Call) and call.sequel and not isinstance(reply, ReplyError)
            if (errand := call.sequel(reply))
        ]
        for reply in await self._errands(line, sequels) if sequels else ():
            if isinstance(reply, ReplyError):
                raise Unavailable(problem=meaning(str(reply)).says)

    async def _consider(self, line: Line, command: Command[Any], refs: tuple[Any, ...]) -> Any:
        """Look, decide by what is seen, and write if that has stayed so; else look again."""
        call = CALLS[type(command)]
        assert isinstance(call, Considered)
        look = call.look or AT_JOBS
        for _ in range(LOOKS_MAX):
            (seen,) = await self._errands(line, [look.ask(refs, self._keys)])
            if isinstance(seen, ReplyError):
                return self._read(command, seen)
            arguments = call.arguments(command, self._keys, look.see(refs, seen, self._keys))
            (reply,) = await self._errands(line, [(call.script, arguments)])
            if reply != CHANGED:
                return self._read(command, reply)
        raise Unavailable(problem=f"what it looked at was changed {LOOKS_MAX} times meanwhile")

    async def _errands(self, line: Line, errands: Sequence[Errand]) -> list[Any]:
        """What some scripts answer to their arguments, in one round trip."""
        return await self._sent(line, errands, self._requests.of(errands))

    def _send(self, errands: Sequence[Errand], told: Told) -> None:
        """As `_errands`, for `told`: with no task where the connection is there and Redis is as we left it."""
        if self._line is None:
            told(Unavailable(problem="it is not open"))
            return
        try:
            requests = self._requests.of(errands)
        except (TypeError, ValueError) as error:  # a word that cannot be packed
            told(error)
            return
        link = self._line.open_link
        if link is None:
            self._tell(told, self._sent(self._line, errands, requests))
        else:
            bring(link, errands, self._brought)
            link.send(b"".join(requests), len(requests), partial(self._answered, link, errands, requests, told))

    def _answered(
        self,
        link: Link,
        errands: Sequence[Errand],
        requests: list[bytes],
        told: Told,
        replies: list[Any] | BaseException,
    ) -> None:
        if isinstance(replies, list) and _undone(replies) and self._line is not None:
            self._tell(told, self._again(self._line, link, errands, requests, replies))
        else:
            told(replies)

    def _tell(self, told: Told, work: Coroutine[Any, Any, list[Any]]) -> None:
        """Tell what this comes to, which takes a while."""

        def tell(task: "asyncio.Future[list[Any]]") -> None:
            self._under_way.discard(task)
            told(Unavailable(problem="it was closed") if task.cancelled() else task.exception() or task.result())

        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(tell)

    async def _sent(self, line: Line, errands: Sequence[Errand], requests: list[bytes]) -> list[Any]:
        link = await line.link()
        bring(link, errands, self._brought)
        replies = await link.ask(b"".join(requests), len(requests))
        return await self._again(line, link, errands, requests, replies)

    async def _again(
        self, line: Line, link: Link, errands: Sequence[Errand], requests: list[bytes], replies: list[Any]
    ) -> list[Any]:
        """The replies once what Redis did not begin was sent again."""
        for _ in range(TRIES_MAX - 1):
            undone = _undone(replies)
            if not undone:
                break
            # The server was restarted, or is not the one any more: these are all of the call, or its end, in order.
            mended = await self._mend(line, link, errands, str(replies[undone[0]]))
            if isinstance(mended, ReplyError):
                return [mended if i in undone else reply for i, reply in enumerate(replies)]
            link = mended
            again = await link.ask(b"".join(requests[i] for i in undone), len(undone))
            for i, reply in zip(undone, again, strict=True):
                replies[i] = reply
        return replies

    async def _mend(self, line: Line, link: Link, errands: Sequence[Errand], problem: str) -> Link | ReplyError:
        """Do what helps against this error, so that the same can be sent again: by which link; or why it cannot."""
        if meaning(problem).deed == "load":
            return await load(link, {script(command).library for command, _ in errands}) or link
        if (place := place_of(problem)) is not None:
            self._finder.told(place)
        line.leave(link)
        return await line.link()

    def _read(self, command: Command[Any], reply: Any) -> Any:
        if isinstance(reply, ReplyError):
            return _refusal(str(reply))
        return CALLS[type(command)].reply(command, reply, self._keys)


def _turns(commands: Sequence[Command[Any]]) -> list[tuple[list[Command[Any]], tuple[Any, ...]]]:
    """The commands in their order: what can travel together, and alone what looks at something first, with that."""
    turns: list[tuple[list[Command[Any]], tuple[Any, ...]]] = []
    for command in commands:
        call = CALLS[type(command)]
        refs = call.looks_at(command) if isinstance(call, Considered) else ()
        if refs or not turns or turns[-1][1]:
            turns.append(([], refs))
        turns[-1][0].append(command)
    return turns


def _undone(replies: list[Any]) -> list[int]:
    """The places of what Redis did not begin."""
    return [i for i, reply in enumerate(replies) if type(reply) is ReplyError and meaning(str(reply)).deed != "wait"]


def _refusal(problem: str) -> Refused:
    """An error of Redis's. A full memory refuses a script's first write, so nothing was done; all else is no answer."""
    if "OOM " in problem:
        return StorageFull(problem="Redis has reached its maxmemory")
    raise Unavailable(problem=meaning(problem).says)


def _checked(prefix: str) -> str:
    if not prefix or len(prefix.encode()) > PREFIX_MAX or "~" in prefix or prefix.endswith(":"):
        raise Misuse(f"the prefix {prefix!r} must be 1 to {PREFIX_MAX} bytes, without '~' and no ':' at its end")
    return prefix
