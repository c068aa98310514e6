"""A look at the server of a store, for `headrace doctor` and for production: nothing is changed.

A managed server, or an ACL, may forbid any of the questions. What is not told is None.
"""

import ssl
import time
from ipaddress import ip_address
from typing import Any, Final

from msgspec.structs import replace

from headrace.core.errors import Unavailable
from headrace.core.servers import ServerFacts
from headrace.storage.redis.address import Address, address_of
from headrace.storage.redis.finder import Finder
from headrace.storage.redis.link import ReplyError
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed

NAME: Final = "headrace-doctor"
ASK_S: Final = 5.0

_SETTINGS: Final = ("appendfsync", "save", "aof-load-truncated")
_QUESTIONS: Final = (("INFO",), *(("CONFIG", "GET", name) for name in _SETTINGS))


async def inspect(url: str, prefix: str) -> ServerFacts:
    """What there is to know of the server at `url` that has this prefix; `problem` says what kept us from asking."""
    address = address_of(url)
    known: dict[str, Any] = {
        "address": str(address),
        "is_local": all(_is_local(host) for host, _ in address.seeds),
        "is_encrypted": address.tls is not None,
        "is_verified": _is_verified(address),
    }
    try:
        told, ahead_ms = await _asked(Finder(address, prefix))
    except Unavailable as error:
        return ServerFacts(**known, problem=str(error.fields["problem"]))
    info, fsync, snapshots, cuts = told
    return ServerFacts(
        **known,
        **_from_info(_lines(info)),
        fsync=_setting(fsync),
        snapshots=_setting(snapshots),
        cuts_log=_is_yes(_setting(cuts)),
        is_open=await _is_open(address, prefix),
        ahead_ms=ahead_ms,
    )


async def _asked(finder: Finder) -> tuple[list[Any], int | None]:
    link = await finder.connect(NAME)
    try:
        told = await link.ask(b"".join(packed(*words) for words in _QUESTIONS), len(_QUESTIONS), ASK_S)
        before = time.time_ns()
        (now,) = await link.ask(packed("TIME"), 1, ASK_S)
        ours = (before + time.time_ns()) // 2_000
    finally:
        link.close()
    if isinstance(now, ReplyError):
        return told, None
    seconds, micros = map(int, now)
    return told, (seconds * 1_000_000 + micros - ours) // 1_000


async def _is_open(address: Address, prefix: str) -> bool | None:
    """Whether it lets in whoever has no password; asked by coming as such."""
    try:
        link = await Finder(replace(address, username="", password=""), prefix).connect(NAME)
    except Unavailable as error:
        return False if meaning("NOAUTH").says in str(error) else None
    link.close()
    return True


def _is_verified(address: Address) -> bool:
    tls = address.tls
    return tls is not None and tls.verify_mode is not ssl.CERT_NONE and tls.check_hostname


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _lines(info: Any) -> dict[str, str]:
    """What INFO says, by name; nothing if it may not be asked."""
    if isinstance(info, ReplyError):
        return {}
    pairs = (line.partition(":") for line in str(info).splitlines())
    return {name: value for name, sign, value in pairs if sign}


def _from_info(info: dict[str, str]) -> dict[str, Any]:
    if not info:
        return {}
    is_valkey = "valkey_version" in info
    version = info.get("valkey_version") or info.get("redis_version", "")
    return {
        "product": "Valkey" if is_valkey else "Redis",
        "version": tuple(int(part) for part in version.split(".") if part.isdigit()) or None,
        "eviction": info.get("maxmemory_policy"),
        "has_log": _is_set(info.get("aof_enabled")),
        "memory": _number(info.get("used_memory")),
        "memory_max": _number(info.get("maxmemory")),
        "role": info.get("role"),
        "replicas": _number(info.get("connected_slaves")),
        "awaits_replicas": "min_slaves_good_slaves" in info,  # said only where some are wanted
    }


def _is_set(text: str | None) -> bool | None:
    return None if text is None else text == "1"


def _is_yes(text: str | None) -> bool | None:
    return None if text is None else text == "yes"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _setting(reply: Any) -> str | None:
    """A setting's value; None where CONFIG is forbidden, or does not tell."""
    return str(reply[1]) if isinstance(reply, list) and len(reply) == 2 else None
