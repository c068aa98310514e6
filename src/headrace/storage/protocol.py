"""The narrow door to every store: four methods. To watch a store, wrap it (`Wrapper`)."""

from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeAlias, TypeVar, overload, runtime_checkable

from headrace.core.commands import Command
from headrace.core.errors import Refused

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

Clock: TypeAlias = Callable[[], int]
"""Gives milliseconds since 1970. Only a store asks it; tests inject a frozen one."""


@runtime_checkable
class Storage(Protocol):
    """A place where jobs, logs, locks and workers live. All methods belong to the event loop that opened it."""

    async def open(self) -> None:
        """Make the store ready, creating or migrating its schema: `CannotOpen`, `SchemaTooNew` if that cannot be."""
        ...

    async def close(self) -> None:
        """Give back what `open` took. What was acknowledged stays. Idempotent."""
        ...

    @overload
    async def run(self, command: Command[A], /) -> A | Refused: ...
    @overload
    async def run(self, first: Command[A], second: Command[B], /) -> tuple[A | Refused, B | Refused]: ...
    @overload
    async def run(
        self, first: Command[A], second: Command[B], third: Command[C], /
    ) -> tuple[A | Refused, B | Refused, C | Refused]: ...
    @overload
    async def run(self, *commands: Command[A]) -> tuple[A | Refused, ...]: ...
    async def run(self, *commands: Command[Any]) -> Any:
        """Apply commands in order and answer each: one command its reply, several a tuple of replies.

        Each command is atomic by itself. A refusal is a reply and undoes only its own command. Raises only
        `Unavailable`; then each command may or may not have happened.
        """
        ...

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """The topics that may have moved since this task's last `wait`, as soon as there is one, or none in time.

        A hint: early is allowed, and the first wait of a task for a topic returns at once. Nothing that moved between
        two waits of a task is missed.
        """
        ...


class Wrapper:
    """A store that does as the one inside it: to watch a store, or to come between, override what it takes.

    What stores can do beyond the four methods (`run_blocking`, `turns_at_once`) is hidden, so that everything comes by.
    """

    def __init__(self, inner: Storage) -> None:
        self.inner = inner

    async def open(self) -> None:
        """As `Storage.open`."""
        await self.inner.open()

    async def close(self) -> None:
        """As `Storage.close`."""
        await self.inner.close()

    async def run(self, *commands: Command[Any]) -> Any:
        """As `Storage.run`."""
        return await self.inner.run(*commands)

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """As `Storage.wait`."""
        return await self.inner.wait(topics, timeout_ms)


@runtime_checkable
class Transactional(Protocol):
    """A store that can take commands inside a transaction of the caller's."""

    def within(self, connection: Any) -> Storage:
        """This store on the caller's connection and transaction; only `run`, on the caller's loop or thread."""
        ...


def granted(reply: A | Refused) -> A:
    """The reply, or its refusal raised."""
    if isinstance(reply, Refused):
        raise reply
    return reply


class BareServer(Protocol):
    """A server with nothing of ours in the way, for what is measured on it under a prefix."""

    address: str
    prefix: str

    async def writes_per_second(self, rows: int) -> float:
        """How many small rows it takes in a second, `rows` a round trip."""
        ...

    async def lone_write_ms(self) -> float:
        """How long one takes after a pause."""
        ...

    async def clear(self, prefix: str) -> None:
        """Delete all that a store has under a prefix."""
        ...
