"""How a command travels to Redis and what comes back."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from headrace.storage.redis.keys import Keys

Argument: TypeAlias = str | bytes | int

pack: Final = msgspec.msgpack.Encoder().encode
"""Lists travel as MessagePack."""


class Call(NamedTuple):
    """The script of a command, what that is given after the prefix and the instant, and what its answer means."""

    script: str
    arguments: Callable[[Any, Keys], tuple[Argument, ...]]
    reply: Callable[[Any, Any, Keys], Any]
