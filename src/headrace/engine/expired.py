"""What a worker says of the jobs that its janitor found expired: nobody else saw them fail."""

import logging
from typing import Final

from headrace.core.commands import Get
from headrace.core.jobs import JobRecord, JobRef, Lease
from headrace.engine.hooks import Hooks, tell
from headrace.storage.protocol import Storage, granted

NAMED_MAX: Final = 10  # jobs named in one line of the log

_log: Final = logging.getLogger("headrace")


class Expired:
    """Called with jobs that have expired; the hooks for failed jobs hear of those that are kept."""

    def __init__(self, storage: Storage, hooks: Hooks) -> None:
        self._storage = storage
        self._hooks = hooks

    async def __call__(self, refs: tuple[JobRef, ...]) -> None:
        _log.warning("%d jobs were not started in time: %s", len(refs), ", ".join(map(str, refs[:NAMED_MAX])))
        if not self._hooks.failed:
            return
        for record in granted(await self._storage.run(Get(refs))).jobs:
            if record is not None and record.failure is not None:
                await tell(self._hooks.failed, _as_leased(record), record.failure)


def _as_leased(record: JobRecord) -> Lease:
    """The job as the hooks are given it; its token is nobody's."""
    parent = None if record.parent is None else JobRef(record.parent.queue, record.parent.id)
    return Lease(
        record.queue,
        record.id,
        "",
        record.name,
        record.data,
        record.options,
        record.priority,
        record.added_at,
        record.attempts_made,
        record.attempts_started,
        record.stalls,
        parent=parent,
    )
