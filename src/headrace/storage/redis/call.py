"""How a command travels to Redis and what comes back."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from headrace.core.jobs import JobRecord, JobRef
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word

CHANGED: Final = "changed"
"""What a script answers instead of writing when a job is not the one that was seen."""

pack: Final = msgspec.msgpack.Encoder().encode
"""Lists travel as MessagePack."""


Sequel: TypeAlias = Callable[[Any], tuple[str, tuple[Word, ...]] | None]
"""By the answer of a script, what else is to be done: a script and its arguments."""


class Call(Struct, frozen=True):
    """The script of a command, what that is given after the prefix and the instant, and what its answer means.

    The reply is given when the `sequel` has been done.
    """

    script: str
    arguments: Callable[[Any, Keys], tuple[Word, ...]]
    reply: Callable[[Any, Any, Keys], Any]
    sequel: Sequel | None = None


class Sights(NamedTuple):
    """Some jobs as they were a moment ago: a record and a fingerprint each; a job that is not there has none."""

    now: int
    jobs: Mapping[JobRef, tuple[JobRecord, str]]


NOTHING_SEEN: Final = Sights(0, {})


class Look(NamedTuple):
    """How something is looked at: the script and its arguments, and what the answer shows."""

    ask: Callable[[Any, Keys], tuple[str, tuple[Word, ...]]]
    see: Callable[[Any, Any, Keys], Any]


class Considered(Struct, frozen=True):
    """The call of a command in which Python decides something by what is there: records of jobs, or what `look` sees.

    `looks_at` says by which; often by none. The script writes only if they are still as they were seen.
    """

    script: str
    looks_at: Callable[[Any], tuple[Any, ...]]
    arguments: Callable[..., tuple[Word, ...]]  # of the command, the keys, and the sights if there are any
    reply: Callable[[Any, Any, Keys], Any]
    look: Look | None = None
