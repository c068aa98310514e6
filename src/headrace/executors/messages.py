"""What a worker and its child processes say to each other: JSON, each message with its length in front.

Nothing else crosses: no code, no pickles, no exceptions.
"""

import asyncio
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from headrace.core.jobs import Lease
from headrace.core.outcomes import Outcome

MESSAGE_MAX: Final = 1 << 30  # bytes; the largest data of a job, and its surroundings

_LENGTH: Final = 4


class Setup(Struct, tag=True, frozen=True):
    """To the child, first: where its code is.

    `tasks` are (queue, name) of what the app must know once it is loaded; the name of a catch-all is None.
    """

    path: tuple[str, ...]
    modules: tuple[str, ...]
    app: str
    tasks: tuple[tuple[str, str | None], ...] = ()


class Work(Struct, tag=True, frozen=True):
    """To the child: run this job. It is answered by one `Over`, unless the child dies."""

    lease: Lease


class Stop(Struct, tag=True, frozen=True):
    """To the child: its job is to end, for this reason."""

    why: str


class Answer(Struct, tag=True, frozen=True):
    """To the child: what the store said to an `Ask`; `problem` when it did not answer."""

    number: int
    replies: msgspec.Raw = msgspec.Raw(b"[]")
    problem: str | None = None


class Ready(Struct, tag=True, frozen=True):
    """From the child: the app is loaded."""


class Ask(Struct, tag=True, frozen=True):
    """From the child: put these commands to the store."""

    number: int
    commands: msgspec.Raw


class Over(Struct, tag=True, frozen=True):
    """From the child: the job has ended so (None: that counts for nothing), and it holds so much memory now."""

    outcome: Outcome | None
    memory: int


ToChild: TypeAlias = Setup | Work | Stop | Answer
FromChild: TypeAlias = Ready | Ask | Over

_encoder: Final = msgspec.json.Encoder()
_to_child: Final = msgspec.json.Decoder(ToChild)
_from_child: Final = msgspec.json.Decoder(FromChild)


def send(writer: asyncio.StreamWriter, message: ToChild | FromChild) -> None:
    """Put a message on its way. To one that is gone nothing is sent, and nothing is raised."""
    raw = _encoder.encode(message)
    if not writer.is_closing():
        writer.write(len(raw).to_bytes(_LENGTH, "big") + raw)


async def heard(reader: asyncio.StreamReader) -> ToChild | None:
    """In the child: the next message, None when the worker is gone."""
    raw = await _frame(reader)
    return None if raw is None else _to_child.decode(raw)


async def told(reader: asyncio.StreamReader) -> FromChild | None:
    """In the worker: the next message, None when the child is gone."""
    raw = await _frame(reader)
    return None if raw is None else _from_child.decode(raw)


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    try:
        size = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        return await reader.readexactly(size) if size <= MESSAGE_MAX else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
