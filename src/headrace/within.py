"""The app in a transaction of the caller's: a row of theirs and the job that belongs to it, both or neither."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from headrace.adding import Adding
from headrace.client import Client, check_number
from headrace.core.commands import Add, Added
from headrace.core.errors import Misuse
from headrace.core.jobs import NewJob
from headrace.core.settings import masked
from headrace.engine.home import Home
from headrace.storage.protocol import Storage, Transactional, granted

R = TypeVar("R")


class Within(Adding):
    """Adds jobs in a transaction that the caller has begun: they are there when it commits, and never if it does not.

    What is asked for happens at once, on the caller's loop or thread, so `.sync` may be used on a running loop too. A
    job that is returned can be waited for after the commit. A writing transaction holds up all other writers of the
    file: keep it short, and await nothing else of the app in it.
    """

    def __init__(self, client: Client, connection: object) -> None:
        """`Misuse` if the store has no such transactions, or the connection is not to the store."""
        store = client.store
        if not isinstance(store, Transactional):
            raise Misuse(
                f"jobs at {masked(client.settings.url or '')} cannot be added in a transaction of yours; SQLite can"
            )
        self._client = client
        self._store: Storage = store.within(connection)

    @property
    def _home(self) -> Home:
        return _nowhere

    async def _add(self, jobs: tuple[NewJob, ...]) -> Added:
        check_number(jobs)
        return granted(await self._store.run(Add(jobs)))


class _Nowhere(Home):
    """The home of what needs no loop, as it never waits."""

    def is_here(self) -> bool:
        return True

    def check(self, name: str) -> None:
        """There is nothing that a blocking call could stop."""

    def block(self, name: str, make: Callable[[], Coroutine[Any, Any, R]]) -> R:
        try:
            make().send(None)
        except StopIteration as end:
            value: R = end.value
            return value
        raise AssertionError(f"{name} waits")


_nowhere: Final = _Nowhere()
