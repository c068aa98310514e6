"""Where commands go: to the server of the URL, to the primary that Sentinels name, to the node that has the slot."""

import asyncio
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from headrace.core.errors import Unavailable
from headrace.storage.redis.address import Address, Place
from headrace.storage.redis.link import CONNECT_S, Link, ReplyError, connect
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed

SLOTS: Final = 16_384
ASK_S: Final = 1.0  # for one Sentinel or node to say where to go; then the next is asked
PLACES_MAX: Final = 100  # nodes that are asked

_TAG: Final = re.compile(r"\{([^}]+)\}")
_Greeting: TypeAlias = list[tuple[str, ...]]


def tag_of(prefix: str) -> str | None:
    """What a cluster looks at in all keys that begin with `prefix`, if that decides."""
    opened = prefix.find("{")
    found = _TAG.match(prefix, opened) if opened >= 0 else None
    return found[1] if found else None


def slot_of(tag: str) -> int:
    """The slot of a cluster in which keys with this hash tag are."""
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


class Finder:
    """Makes connections to the server that takes commands now; each asks anew where that is."""

    def __init__(self, address: Address, prefix: str) -> None:
        self._address = address
        self._slot = slot_of(tag_of(prefix) or prefix)
        self._places = list(address.seeds)  # Sentinels or nodes, that which answered last first
        self._hint: Place | None = None

    def __str__(self) -> str:
        return str(self._address)

    def told(self, place: Place) -> None:
        """A node has said where the slot is; no host means its own."""
        self._hint = (place[0] or self._places[0][0], place[1])

    async def connect(self, name: str) -> Link:
        """A link to the server that takes commands, by this name: `Unavailable` if there is none now."""
        address = self._address
        if address.kind == "server":
            return await connect(address.seeds[0], address.tls, self._greeting(name))
        place = await (self._primary() if address.kind == "sentinel" else self._node())
        link = await connect(place, address.tls, self._greeting(name))
        if address.kind == "sentinel":
            await _check_role(link, place)
        return link

    def _greeting(self, name: str) -> _Greeting:
        address = self._address
        selected: _Greeting = [("SELECT", str(address.database))] if address.database else []
        return [*_auth(address.username, address.password), *selected, ("CLIENT", "SETNAME", name)]

    async def _primary(self) -> Place:
        address = self._address
        problem = "there is none"
        for place in self._in_turn():
            greeting = _auth(address.sentinel_username, address.sentinel_password)
            try:
                found = await self._ask(place, greeting, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.master)
            except Unavailable as error:
                problem = str(error.problem)
                continue
            if found:
                return found[0], int(found[1])
            problem = f"{place[0]}:{place[1]} knows no primary named {address.master!r}"
        raise Unavailable(problem=f"no Sentinel of {address} says where the primary is; the last: {problem}")

    async def _node(self) -> Place:
        hint, self._hint = self._hint, None
        if hint is not None:
            return hint
        address = self._address
        problem = "there is none"
        for place in self._in_turn():
            try:
                ranges = await self._ask(place, _auth(address.username, address.password), "CLUSTER", "SLOTS")
            except Unavailable as error:
                problem = str(error.problem)
                continue
            known = [(node[0] or place[0], int(node[1])) for each in ranges for node in each[2:]]
            self._places = list(dict.fromkeys((place, *known, *address.seeds)))[:PLACES_MAX]
            for first, last, primary, *_ in ranges:
                if first <= self._slot <= last:
                    return primary[0] or place[0], int(primary[1])
            problem = f"{place[0]}:{place[1]} says that no node has the slot {self._slot}"
        raise Unavailable(problem=f"no node of the cluster at {address} says where the keys are; the last: {problem}")

    def _in_turn(self) -> Iterator[Place]:
        for place in list(self._places):
            yield place
            if place in self._places:  # it did not help: another is asked first the next time
                self._places.remove(place)
                self._places.append(place)

    async def _ask(self, place: Place, greeting: _Greeting, *words: str) -> Any:
        try:
            async with asyncio.timeout(ASK_S):
                link = await connect(place, self._address.tls, greeting)
                try:
                    (reply,) = await link.ask(packed(*words), 1)
                finally:
                    link.close()
        except TimeoutError:
            raise Unavailable(problem=f"{place[0]}:{place[1]} does not answer") from None
        if isinstance(reply, ReplyError):
            raise Unavailable(problem=f"{place[0]}:{place[1]}: {meaning(str(reply)).says}")
        return reply


def _auth(username: str, password: str) -> _Greeting:
    if not password:
        return []
    return [("AUTH", username, password) if username else ("AUTH", password)]


async def _check_role(link: Link, place: Place) -> None:
    """A Sentinel may be late: what it names may be a replica by now, or not be a primary yet."""
    try:
        (reply,) = await link.ask(packed("ROLE"), 1, CONNECT_S)
        role: Sequence[Any] = ["master"] if isinstance(reply, ReplyError) else reply  # not every user may ask
        if role[0] != "master":
            raise Unavailable(problem=f"{place[0]}:{place[1]} is no primary (yet)")
    except BaseException:
        link.close()
        raise
