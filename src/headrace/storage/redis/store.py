"""The store on Redis and Valkey: a pipeline a call, a script a command."""

import asyncio
import weakref
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

from redis.asyncio.connection import SSLConnection, parse_url

from headrace.core.commands import Command
from headrace.core.errors import BadUrl, CannotOpen, Misuse, Refused, StorageFull, Unavailable
from headrace.storage.protocol import Clock
from headrace.storage.redis.bell import Bell
from headrace.storage.redis.blocking import Blocking
from headrace.storage.redis.call import CHANGED, Call, Considered
from headrace.storage.redis.calls import CALLS, SCRIPTS
from headrace.storage.redis.crowd import GATHERED, Crowd, Errand
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.link import Address, Links, ReplyError, Word, packed
from headrace.storage.redis.records import AT_JOBS
from headrace.storage.redis.script import Script, script

LINKS_MAX: Final = 8  # connections that carry commands; more callers take turns
PREFIX_MAX: Final = 100  # bytes
LOOKS_MAX: Final = 100  # times that jobs are looked at for one command, as others change them meanwhile

_SETTINGS: Final = frozenset({"host", "port", "path", "db", "username", "password"})


class RedisStore:
    """Jobs in the data layout of BullMQ 6, under `prefix`; see `Storage` for what the methods promise.

    With a `clock` (tests) every script is told the instant and leases end by that clock alone: the locks of Node's
    workers still expire in real time, so the two do not mix.
    """

    def __init__(self, url: str, *, prefix: str = "bull", clock: Clock | None = None) -> None:
        self._keys = Keys(_checked(prefix))
        self._clock = clock
        self._address = address_of(url)
        self._links: Links | None = None
        self._bell: Bell | None = None
        self._scripts: dict[str, Script] = {}
        self._blocking: Blocking | None = None
        self._another = partial(RedisStore, url, prefix=prefix, clock=clock)
        self._crowd = Crowd(self._together)

    async def open(self) -> None:
        if self._links is not None:
            return
        self._scripts = {name: script(name) for name in SCRIPTS}
        self._links = Links(self._address, LINKS_MAX)
        self._bell = Bell(self._address, self._links, self._keys)
        try:
            await self._load(self._links)
        except Unavailable as error:
            await self.close()
            raise CannotOpen(path=str(self._address), problem=error.problem) from None
        self._blocking = Blocking(self._another())
        weakref.finalize(self, self._blocking.end)  # of a store that nobody closed

    async def close(self) -> None:
        links, bell = self._links, self._bell
        self._links = self._bell = None
        if self._blocking is not None:
            self._blocking.end()
        if bell is not None:
            await bell.close()
        if links is not None:
            links.close()
        await asyncio.sleep(0)  # lets the transports take leave of the loop

    async def run(self, *commands: Command[Any]) -> Any:
        if self._links is None:
            raise Unavailable(problem="it is not open")
        replies: list[Any] = []
        for together, refs in _turns(commands):
            if refs:
                replies.append(await self._consider(self._links, together[0], refs))
            else:
                replies += await self._ask(self._links, together)
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

    async def _ask(self, links: Links, commands: Sequence[Command[Any]]) -> list[Any]:
        calls = [(CALLS[type(command)], command) for command in commands]
        errands = [(call.script, call.arguments(command, self._keys)) for call, command in calls]
        if len(errands) == 1 and errands[0][0] in GATHERED:
            replies = [await self._crowd.run(errands[0])]
        else:
            replies = await self._errands(links, errands)
        await self._finish(links, [(call, reply) for (call, _), reply in zip(calls, replies, strict=True)])
        return [self._read(command, reply) for command, reply in zip(commands, replies, strict=True)]

    async def _together(self, errands: Sequence[Errand]) -> list[Any]:
        if self._links is None:
            raise Unavailable(problem="it is not open")
        return await self._errands(self._links, errands)

    async def _finish(self, links: Links, answered: Sequence[tuple[Call | Considered, Any]]) -> None:
        """Do what is still to be done after some answers."""
        sequels = [
            errand
            for call, reply in answered
            if isinstance(call, Call) and call.sequel and not isinstance(reply, ReplyError)
            if (errand := call.sequel(reply))
        ]
        for reply in await self._errands(links, sequels) if sequels else ():
            if isinstance(reply, ReplyError):
                raise Unavailable(problem=str(reply))

    async def _consider(self, links: Links, command: Command[Any], refs: tuple[Any, ...]) -> Any:
        """Look, decide by what is seen, and write if that has stayed so; else look again."""
        call = CALLS[type(command)]
        assert isinstance(call, Considered)
        look = call.look or AT_JOBS
        for _ in range(LOOKS_MAX):
            (seen,) = await self._errands(links, [look.ask(refs, self._keys)])
            if isinstance(seen, ReplyError):
                return self._read(command, seen)
            arguments = call.arguments(command, self._keys, look.see(refs, seen, self._keys))
            (reply,) = await self._errands(links, [(call.script, arguments)])
            if reply != CHANGED:
                return self._read(command, reply)
        raise Unavailable(problem=f"what it looked at was changed {LOOKS_MAX} times meanwhile")

    async def _errands(self, links: Links, errands: Sequence[tuple[str, tuple[Word, ...]]]) -> list[Any]:
        """What some scripts answer to their arguments, in one round trip."""
        now = "" if self._clock is None else str(self._clock())
        keys, scripts = self._keys, self._scripts
        requests = [
            packed("EVALSHA", scripts[name].sha, 1, keys.queues, keys.prefix, now, *words) for name, words in errands
        ]
        replies = await links.ask(b"".join(requests), len(requests))
        forgotten = [i for i, reply in enumerate(replies) if _is_forgotten(reply)]
        if forgotten:
            # A server that was restarted has lost all texts, so these are all commands of the call, in their order.
            await self._load(links)
            again = await links.ask(b"".join(requests[i] for i in forgotten), len(forgotten))
            for i, reply in zip(forgotten, again, strict=True):
                replies[i] = reply
        return replies

    def _read(self, command: Command[Any], reply: Any) -> Any:
        if isinstance(reply, ReplyError):
            return _refusal(str(reply))
        return CALLS[type(command)].reply(command, reply, self._keys)

    async def _load(self, links: Links) -> None:
        requests = [packed("SCRIPT", "LOAD", found.text) for found in self._scripts.values()]
        for reply in await links.ask(b"".join(requests), len(requests)):
            if isinstance(reply, ReplyError):
                raise Unavailable(problem=f"a script cannot be loaded: {reply}")


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


def _is_forgotten(reply: object) -> bool:
    return isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT")


def _refusal(problem: str) -> Refused:
    """An error of Redis's. A full memory refuses a script's first write, so nothing was done; all else is no answer."""
    if "OOM " in problem:
        return StorageFull(problem="Redis has reached its maxmemory")
    raise Unavailable(problem=problem)


def address_of(url: str) -> Address:
    """Where `url` points; what it says beyond that is refused, so that no setting is silently without effect."""
    scheme = url.partition("://")[0]
    try:
        settings = dict(parse_url(url.replace("valkey", "redis", 1) if scheme.startswith("valkey") else url))
    except ValueError as error:
        raise BadUrl(url=f"{scheme}://…", problem=f"cannot be understood: {error}") from None
    kind = settings.pop("connection_class", None)
    if unknown := sorted(settings.keys() - _SETTINGS):
        raise BadUrl(url=f"{scheme}://…", problem=f"has options that are not known: {', '.join(unknown)}")
    return Address({**settings, "is_encrypted": kind is SSLConnection})


def _checked(prefix: str) -> str:
    if not prefix or len(prefix.encode()) > PREFIX_MAX or "~" in prefix or prefix.endswith(":"):
        raise Misuse(f"the prefix {prefix!r} must be 1 to {PREFIX_MAX} bytes, without '~' and no ':' at its end")
    return prefix
