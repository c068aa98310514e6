"""Adds the jobs of schedules when their time has come. One worker of a store does so; whoever tries, a slot fires once.

What is due is read in a page, and what to do about it decided above the store (`core/schedules.py`). A `Fire` names the
version of the schedule that it was decided for, so that of two schedulers one is refused, and a scheduler that was
killed has either fired a slot and gone on to the next, or neither.
"""

import logging
import random
from collections.abc import Callable
from typing import Final

from headrace.core import topics
from headrace.core.commands import Fire, Schedules
from headrace.core.errors import Refused
from headrace.core.schedule_errors import BadSchedule, NoSuchSchedule, ScheduleChanged
from headrace.core.schedules import ScheduleRecord, aim
from headrace.engine.leader import Leader
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

PAGE: Final = 500  # schedules that are looked at in one step
POLL_MS: Final = 5_000  # a clock that was set, or a wake-up that was lost, costs at most this
BUSY_MS: Final = 1_000  # between two looks at a slot that waits: for a job to finish, or for room in a queue
TTL_MS: Final = 5_000  # of the lock, which is taken only when something is due

_log: Final = logging.getLogger("headrace")


class Scheduler:
    """The schedules of a store, fired by whichever worker is elected."""

    def __init__(self, storage: Storage, owner: str, *, chance: Callable[[], float] = random.random) -> None:
        self._storage = storage
        self._leader = Leader(storage, "scheduler", owner, TTL_MS)
        self._chance = chance
        self._reported: set[tuple[str, int]] = set()
        self._ticker = Ticker("scheduler", self.beat)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        """Stop, and let another worker's scheduler take over at once."""
        await self._ticker.stop()
        await self._leader.resign()

    async def beat(self) -> None:
        """Fire what is due, and wait until something else may be."""
        await self._storage.wait({topics.SCHEDULES}, await self.fire_due())

    async def fire_due(self) -> int:
        """Fire every slot that has come, and say for how many milliseconds there is nothing more to do."""
        wait_ms = 0
        while not wait_ms:
            wait_ms = await self._round()
        return wait_ms

    async def _round(self) -> int:
        """Look at every schedule once; 0 if something was fired, for then there may be more."""
        wait_ms, after, is_more, has_fired = POLL_MS, (-1, ""), True, False
        while is_more:
            reply = await self._storage.run(Schedules(order="time", after=after, limit=PAGE))
            found = granted(reply)
            is_elected = False
            for schedule in found.schedules:
                next_at = schedule.next_at or 0
                after = (next_at, schedule.name)
                if next_at > found.now:
                    return 0 if has_fired else min(wait_ms, next_at - found.now)
                is_elected = is_elected or await self._leader.lead()
                if not is_elected:
                    return TTL_MS // 2
                if await self._fire(schedule, found.now):
                    has_fired = True
                else:
                    wait_ms = BUSY_MS
            is_more = len(found.schedules) == PAGE
        return 0 if has_fired else wait_ms

    async def _fire(self, schedule: ScheduleRecord, now: int) -> bool:
        """Fire one slot, or pass over it; False if it has to wait."""
        try:
            aimed = aim(schedule, now)
        except BadSchedule as error:
            self._report(schedule, error)  # this machine does not know the zone; others may
            return False
        if aimed is None:
            return False
        delay_ms = int(self._chance() * schedule.plan.jitter_ms)
        fire = Fire(schedule.name, schedule.version, aimed.slot, aimed.next_at, delay_ms)
        reply = await self._storage.run(fire)
        if isinstance(reply, ScheduleChanged | NoSuchSchedule):
            return True  # another one did it, or somebody changed the schedule: look again
        if isinstance(reply, Refused):
            self._report(schedule, reply)
            return False
        return not reply.is_waiting

    def _report(self, schedule: ScheduleRecord, error: BadSchedule | Refused) -> None:
        """Say it once a version: a slot that has to wait is tried every second."""
        key = (schedule.name, schedule.version)
        if key not in self._reported:
            self._reported = {*list(self._reported)[-PAGE:], key}
            _log.warning("the schedule %r cannot fire: %s", schedule.name, error)
