"""One of many: who holds a named lock does the work that only one should do."""

from contextlib import suppress

from headrace.core.commands import Acquire, Release
from headrace.core.errors import Held, Unavailable
from headrace.core.names import OWN_LOCKS
from headrace.storage.protocol import Storage, granted


class Leader:
    """A candidate for a duty. Who was elected stays it as long as it asks again within `ttl_ms`.

    The lock is a courtesy, not a fence: for a moment two may think that they are elected, so the work itself must be
    safe to do twice.
    """

    def __init__(self, storage: Storage, duty: str, owner: str, ttl_ms: int) -> None:
        self.is_elected = False
        self.ttl_ms = ttl_ms
        self._storage = storage
        self._owner = owner
        self._lock = f"{OWN_LOCKS}{duty}"

    async def lead(self) -> bool:
        """Whether this candidate is elected now; takes or extends the lock."""
        self.is_elected = False
        reply = await self._storage.run(Acquire(self._lock, self._owner, self.ttl_ms))
        if not isinstance(reply, Held):
            granted(reply)
            self.is_elected = True
        return self.is_elected

    async def resign(self) -> None:
        """Let another be elected at once; when the store is away, as soon as the lock has ended by itself."""
        if self.is_elected:
            self.is_elected = False
            with suppress(Unavailable):
                await self._storage.run(Release(self._lock, self._owner))
