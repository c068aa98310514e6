"""What a worker asks next, and in which order its queues."""

from headrace.core.commands import Claim, Source
from headrace.core.jobs import Lease


class Turns:
    """A circle of queues: each claim begins behind the queue that gave the last job of the claim before.

    To go on by one queue each time would not do: the queue behind many empty ones would be the first to give at almost
    every claim, and while it is full the others would starve.
    """

    def __init__(self, sources: tuple[Source, ...], worker: str, lease_ms: int) -> None:
        self._worker = worker
        self._lease_ms = lease_ms
        self._claims = 0
        self._rotations = [sources[at:] + sources[:at] for at in range(len(sources))]
        self._behind = {source.queue: (at + 1) % len(sources) for at, source in enumerate(sources)}
        self._at = 0

    def claim(self, limit: int) -> Claim:
        """The next claim, with a token of its own."""
        self._claims += 1
        token = f"{self._worker}:{self._claims}"
        return Claim(self._rotations[self._at], limit, token, self._lease_ms, self._worker)

    def gave(self, leases: tuple[Lease, ...]) -> None:
        """What it was given."""
        if leases:
            self._at = self._behind[leases[-1].queue]
