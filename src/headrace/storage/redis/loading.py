"""The libraries of functions come to the server with the first call of each on a link, or when a store is opened.

All that stands in a server's Lua makes each call a little slower, so what is never used is not there. But a memory that
is full takes no library any more; so those by which jobs are added, worked off, seen and removed come with whoever
opens first.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from headrace.core.errors import Unavailable
from headrace.storage.redis.crowd import Errand
from headrace.storage.redis.link import Link, ReplyError, packed
from headrace.storage.redis.meaning import may_be_there, meaning
from headrace.storage.redis.script import TOGETHER, library, script

AT_FIRST: Final = ("add", *TOGETHER)


def bring(link: Link, errands: Sequence[Errand]) -> None:
    """Send along what these call, if that was not done by this link; whether it helps, the call itself will say."""
    for command, _ in errands:
        name = script(command).library
        if name not in link.brought:
            link.brought.add(name)
            link.send(_loading(name), 1, _unheard)


async def load(link: Link, names: Collection[str]) -> None:
    """Load some libraries now: `Unavailable` if that may not be done. To be there all the same is no error."""
    for reply in await link.ask(b"".join(map(_loading, names)), len(names)):
        if isinstance(reply, ReplyError) and not may_be_there(str(reply)):
            raise Unavailable(problem=meaning(str(reply)).says)
    link.brought.update(names)


def _unheard(_: list[Any] | BaseException) -> None:
    pass


@cache
def _loading(name: str) -> bytes:
    return packed("FUNCTION", "LOAD", library(name).text)
