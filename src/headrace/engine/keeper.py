"""The locks that this process holds, and their renewal in time, also while something blocks the loop."""

from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from headrace.core.commands import Acquire
from headrace.core.errors import LockLost
from headrace.engine.aside import Aside
from headrace.storage.protocol import Storage

RENEWALS: Final = 3  # in the life of a hold
EARLY: Final = 0.8  # of the time between two renewals: beats are not quite regular


@dataclass(slots=True, eq=False)
class Grip:
    """A hold of a lock in hand. It counts as lost when it may have expired, although nobody could say so."""

    name: str
    owner: str
    fence: int
    ttl_ms: int
    asked_at: float = field(default_factory=monotonic)  # when its last extension was asked for
    is_refused: bool = False

    @property
    def is_lost(self) -> bool:
        return self.is_refused or monotonic() >= self.asked_at + self.ttl_ms / 1000

    @property
    def every_s(self) -> float:
        return self.ttl_ms / 1000 / RENEWALS


class Keeper:
    """Renews what it is given until that is taken back, or lost."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._grips: list[Grip] = []
        self._aside: Aside | None = None
        self._every_s = 0.0

    def keep(self, grip: Grip) -> None:
        """Renew this from now on. All grips belong to the running loop."""
        if self._aside is not None and self._aside.is_abandoned:
            self._aside, self._grips = None, []  # they were held on a loop that is closed: let them expire
        self._grips.append(grip)
        self._adapt()

    def leave(self, grip: Grip) -> None:
        """Renew it no longer."""
        if grip in self._grips:
            self._grips.remove(grip)
            self._adapt()

    def _adapt(self) -> None:
        """As often as the one that expires soonest needs; not at all without any."""
        every_s = min((grip.every_s for grip in self._grips), default=None)
        if self._aside is not None and (every_s is None or every_s < self._every_s):
            self._aside.end()
            self._aside = None
        if self._aside is None and every_s is not None:
            self._every_s = every_s
            self._aside = Aside(self._storage, "locks", self._renew, every_s)
            self._aside.start()

    async def _renew(self) -> None:
        aside = self._aside
        for grip in self._grips.copy():
            asked_at = monotonic()
            if aside is None or grip.is_refused or asked_at < grip.asked_at + grip.every_s * EARLY:
                continue
            try:
                await aside.ask(Acquire(grip.name, grip.owner, grip.ttl_ms, fence=grip.fence))
                grip.asked_at = asked_at
            except LockLost:
                grip.is_refused = True
