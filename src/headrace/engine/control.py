"""What reaches a worker from outside: a job that it runs is to be cancelled, or the worker itself is told something.

Of a cancellation the topic says only that something was asked of somebody; the renewal of the leases brings the answer.
What a worker is told stands in a log, and so does what it says to that. It is data: each order names one of a few
things that this worker can do.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from headrace.core import topics
from headrace.core.commands import Publish, Read, Trim
from headrace.core.errors import HeadraceError
from headrace.core.log import Entry
from headrace.core.orders import KEPT, Answer, Order
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

POLL_MS: Final = 5_000
CALM_S: Final = 0.05  # between two looks, so that a thousand cancellations are not a thousand renewals

_log: Final = logging.getLogger("headrace")
_decoder: Final = msgspec.json.Decoder(Order)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a worker does when it is told: `act` gives the answer, `after` is called when that is sent."""

    act: Callable[[Order], Any]
    after: Callable[[], None] | None = None


class Control:
    """Calls `asked` when a cancellation was asked of somebody, and obeys the orders to this worker.

    It hears orders that are given after `start`; `hears` is called when that is so.
    """

    def __init__(
        self,
        storage: Storage,
        worker: str,
        asked: Callable[[], None],
        deeds: Mapping[str, Deed],
        hears: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._worker = worker
        self._asked = asked
        self._deeds = deeds
        self._hears = hears
        self._position: int | None = None
        self._ticker = Ticker("control", self._beat, CALM_S)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        await self._ticker.stop()

    async def _beat(self) -> None:
        if self._position is None:
            self._position = granted(await self._storage.run(Read(topics.ORDERS, limit=0))).last
            self._hears()
        orders = topics.log(topics.ORDERS)
        moved = await self._storage.wait({topics.CONTROL, orders}, POLL_MS)
        if topics.CONTROL in moved:
            self._asked()
        if orders in moved:
            await self._obey(self._position)

    async def _obey(self, position: int) -> None:
        for entry in granted(await self._storage.run(Read(topics.ORDERS, position, KEPT))).entries:
            self._position = entry.position  # first of all: what goes wrong now is not done again
            order = _read(entry)
            if order is None or self._worker not in order.to:
                continue
            _log.info("told to %s", order.do)
            deed = self._deeds.get(order.do)
            try:
                await self._say(entry.key, self._answer(order, deed))
            finally:
                if deed is not None and deed.after is not None:
                    deed.after()

    def _answer(self, order: Order, deed: Deed | None) -> Answer:
        if deed is None:
            return Answer(self._worker, problem=f"knows no order {order.do!r}; it knows {', '.join(self._deeds)}")
        try:
            return Answer(self._worker, deed.act(order))
        except HeadraceError as error:
            return Answer(self._worker, problem=f"refuses: {error}")

    async def _say(self, key: str, answer: Answer) -> None:
        body = msgspec.json.encode(answer).decode()
        for reply in await self._storage.run(Publish(topics.ANSWERS, (body,), key), Trim(topics.ANSWERS, KEPT)):
            granted(reply)


def _read(entry: Entry) -> Order | None:
    """The order; what is none is for nobody."""
    try:
        return _decoder.decode(entry.body)
    except msgspec.DecodeError as error:
        _log.warning("entry %d of %s is no order: %s", entry.position, topics.ORDERS, error)
        return None
