"""What reaches a worker from outside: a job that it runs is to be cancelled, or the worker itself is told something.

Of a cancellation the topic says only that something was asked of somebody; the renewal of the leases brings the answer.
"""

from collections.abc import Callable, Mapping
from typing import Final

from headrace.core import topics
from headrace.core.commands import Read
from headrace.core.log import Entry
from headrace.core.orders import Answer
from headrace.engine.inbox import Deed, Inbox, saying
from headrace.engine.presence import Presence
from headrace.engine.standin import StandIn
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

POLL_MS: Final = 5_000
CALM_S: Final = 0.05  # between two looks, so that a thousand cancellations are not a thousand renewals


class Control:
    """Calls `asked` when a cancellation was asked of somebody, and obeys the orders to this worker.

    It hears orders that are given after `start`; the worker is announced when that is so.
    """

    def __init__(
        self,
        storage: Storage,
        worker: str,
        asked: Callable[[], None],
        deeds: Mapping[str, Deed],
        presence: Presence,
    ) -> None:
        self._storage = storage
        self._asked = asked
        self._presence = presence
        self._inbox = Inbox(worker, deeds)
        self._stand_in = StandIn(storage, self._inbox, presence.describe, presence.lag)
        self._is_heard = False
        self._ticker = Ticker("control", self._beat, CALM_S)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        await self._stand_in.stop()
        await self._ticker.stop()

    async def _beat(self) -> None:
        if not self._is_heard:
            self._inbox.open(granted(await self._storage.run(Read(topics.ORDERS, limit=0))).last)
            self._is_heard = True
            self._presence.start()
            self._stand_in.start()
        orders = topics.log(topics.ORDERS)
        moved = await self._storage.wait({topics.CONTROL, orders}, POLL_MS)
        if topics.CONTROL in moved:
            self._asked()
        if orders in moved:
            for entry in granted(await self._storage.run(self._inbox.unread())).entries:
                await self._obey(entry)

    async def _obey(self, entry: Entry) -> None:
        order = self._inbox.take(entry)  # first of all: what goes wrong now is not done again
        if order is None:
            return
        deed = self._inbox.deeds.get(order.do)
        try:
            await self._say(entry.key, self._inbox.answer(order, None if deed is None else deed.act))
        finally:
            if deed is not None and deed.after is not None:
                deed.after()

    async def _say(self, key: str, answer: Answer) -> None:
        for reply in await self._storage.run(*saying(key, answer)):
            granted(reply)
