"""In which order a worker asks its queues."""

from headrace.core.commands import Source
from headrace.core.jobs import Lease


class Turns:
    """A circle of queues: each claim begins behind the queue that gave the last job of the claim before.

    To go on by one queue each time would not do: the queue behind many empty ones would be the first to give at almost
    every claim, and while it is full the others would starve.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._rotations = [sources[at:] + sources[:at] for at in range(len(sources))]
        self._behind = {source.queue: (at + 1) % len(sources) for at, source in enumerate(sources)}
        self._at = 0

    def sources(self) -> tuple[Source, ...]:
        """What the next claim is to ask."""
        return self._rotations[self._at]

    def gave(self, leases: tuple[Lease, ...]) -> None:
        """What it was given."""
        if leases:
            self._at = self._behind[leases[-1].queue]
