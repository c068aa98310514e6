"""The libraries of functions come to the server with the first call of each, or when a store is opened.

All that stands in a server's Lua makes each call a little slower, so what is never used is not there. But a memory that
is full takes no library any more; so those by which jobs are added, worked off, seen and removed come with whoever
opens first.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from headrace.core.errors import Unavailable
from headrace.storage.redis.crowd import Errand
from headrace.storage.redis.link import Link, ReplyError
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed
from headrace.storage.redis.script import TOGETHER, library, script

AT_FIRST: Final = ("add", *TOGETHER)


def bring(link: Link, errands: Sequence[Errand], brought: set[str]) -> None:
    """Send along what these call and was not brought before; whether it is there now, the call itself will say."""
    for command, _ in errands:
        name = script(command).library
        if name not in brought:
            brought.add(name)
            link.send(_loading(name), 1, _unheard)


async def load(link: Link, names: Collection[str]) -> ReplyError | None:
    """Load some libraries now: `Unavailable` if that may not be done.

    Gives the error of a full memory, which Redis looks at first: so they may be there all the same, or not.
    """
    full = None
    for reply in await link.ask(b"".join(map(_loading, names)), len(names)):
        if isinstance(reply, ReplyError) and "already exists" not in str(reply):
            if not str(reply).startswith("OOM "):
                raise Unavailable(problem=meaning(str(reply)).says)
            full = reply
    return full


def _unheard(_: list[Any] | BaseException) -> None:
    pass


@cache
def _loading(name: str) -> bytes:
    return packed("FUNCTION", "LOAD", library(name).text)
