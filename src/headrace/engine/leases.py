"""The leases that this worker holds, and their renewal, well before they end, also while a handler blocks the loop."""

import logging
from typing import Final

from headrace.core.commands import Hold, Renew, Renewed
from headrace.engine.aside import Aside
from headrace.engine.run import Run
from headrace.storage.protocol import Storage

PAGE: Final = 1_000  # leases in one Renew
RENEWALS: Final = 3  # in the time of one lease

_log: Final = logging.getLogger("headrace")


class Leases:
    """Every run of this worker whose outcome is not recorded yet."""

    def __init__(self, storage: Storage, lease_ms: int) -> None:
        self._lease_ms = lease_ms
        self._held: dict[tuple[str, str], Run] = {}
        self._let_go: list[Hold] = []
        self.pokes = 0
        """How often something may have been asked of a job."""
        self._aside = Aside(storage, "leases", self._renew, lease_ms / 1000 / RENEWALS)

    def __len__(self) -> int:
        return len(self._held)

    def add(self, run: Run) -> None:
        """Keep the lease of this run. An older run of the same job has lost its own."""
        key = (run.lease.queue, run.lease.id)
        older = self._held.get(key)
        self._held[key] = run
        if older is not None:
            older.stop("lease-lost")

    def drop(self, run: Run) -> None:
        """Keep it no longer."""
        key = (run.lease.queue, run.lease.id)
        if self._held.get(key) is run:
            del self._held[key]

    def lose(self, run: Run) -> None:
        """Nothing is recorded of this run: its lease was lost, or its process."""
        if run.why == "crashed":
            self._let_end(run)
        else:
            _log.warning(
                "%s/%s: the lease is lost; what became of this run is not recorded", run.lease.queue, run.lease.id
            )
            self.drop(run)

    def _let_end(self, run: Run) -> None:
        """Let this lease end now: what the run came to is unknown, and the janitor gives the job back as stalled."""
        self.drop(run)
        self._let_go.append(Hold(run.lease.queue, run.lease.id, run.lease.token))
        self._aside.poke()

    def runs(self) -> list[Run]:
        """The runs that are held now; safe from any thread."""
        return list(self._held.copy().values())

    def start(self) -> None:
        self._aside.start()

    def poke(self) -> None:
        """Renew now, because something may have been asked of a job that we run."""
        self.pokes += 1
        if self._held or self._let_go:
            self._aside.poke()

    def catch_up(self, pokes: int) -> None:
        """Renew those that were just added, if a poke came since there were so many: it may have meant them."""
        if self.pokes != pokes and self._held:
            self._aside.poke()

    async def stop(self) -> None:
        await self._aside.stop()

    async def _renew(self) -> None:
        if self._let_go:
            gone = self._let_go[:PAGE]
            await self._aside.ask(Renew(tuple(gone), 0))
            del self._let_go[: len(gone)]
        runs = self.runs()
        for start in range(0, len(runs), PAGE):
            page = runs[start : start + PAGE]
            command = Renew(tuple(Hold(run.lease.queue, run.lease.id, run.lease.token) for run in page), self._lease_ms)
            self._aside.tell(_tell, page, await self._aside.ask(command))


def _tell(page: list[Run], renewed: Renewed) -> None:
    """Tell those runs of a page whose lease is lost, or whose job somebody asked to cancel."""
    if not renewed.lost and not renewed.cancelled:
        return
    runs = {(run.lease.queue, run.lease.id): run for run in page}
    for ref in renewed.lost:
        runs[ref.queue, ref.id].stop("lease-lost")
    for ref, reason in zip(renewed.cancelled, renewed.reasons, strict=True):
        runs[ref.queue, ref.id].stop("cancelled", reason)
