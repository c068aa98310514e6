"""The orders to one worker, each to be taken once: by its loop, or by who stands in for that while it is blocked.

Orders stand in a log, and so does what the worker says to them. They are data: each names one of a few things that this
worker can do.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final

import msgspec

from headrace.core import topics
from headrace.core.commands import Publish, Read, Trim
from headrace.core.errors import HeadraceError
from headrace.core.log import Entry
from headrace.core.orders import KEPT, Answer, Order

_log: Final = logging.getLogger("headrace")
_decoder: Final = msgspec.json.Decoder(Order)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a worker does when it is told: `act` gives the answer, `after` is called when that is sent.

    `aside` is what of it another thread can do while the loop is blocked; it gives the answer then. Unless it is all of
    `act`, the loop does that when it is free.
    """

    act: Callable[[Order], Any]
    after: Callable[[], None] | None = None
    aside: Callable[[Order], Any] | None = None


class Inbox:
    """What the worker has been told and nobody has taken; safe from any thread.

    Who takes an order and passes it on does both under `lock`, so that orders stay in their order.
    """

    def __init__(self, worker: str, deeds: Mapping[str, Deed]) -> None:
        self.worker = worker
        self.deeds = deeds
        self.lock = RLock()
        self._position: int | None = None

    def open(self, position: int) -> None:
        """Begin with the orders after this position."""
        self._position = position

    def unread(self) -> Read:
        """Asks for the orders that nobody has looked at."""
        assert self._position is not None
        return Read(topics.ORDERS, self._position, KEPT)

    def take(self, entry: Entry) -> Order | None:
        """The order in this entry, if it is to this worker and not taken yet. From now on it is: it comes once."""
        with self.lock:
            if self._position is None or entry.position <= self._position:
                return None
            self._position = entry.position
        order = _read(entry)
        if order is None or self.worker not in order.to:
            return None
        _log.info("told to %s", order.do)
        return order

    def answer(self, order: Order, act: Callable[[Order], Any] | None) -> Answer:
        """Do it, and what the worker says to that; None is for an order that it does not know."""
        if act is None:
            return Answer(self.worker, problem=f"knows no order {order.do!r}; it knows {', '.join(self.deeds)}")
        try:
            return Answer(self.worker, act(order))
        except HeadraceError as error:
            return Answer(self.worker, problem=f"refuses: {error}")


def saying(key: str, answer: Answer) -> tuple[Publish, Trim]:
    """The commands that give the answer to the order of this key."""
    body = msgspec.json.encode(answer).decode()
    return Publish(topics.ANSWERS, (body,), key), Trim(topics.ANSWERS, KEPT)


def _read(entry: Entry) -> Order | None:
    """The order; what is none is for nobody."""
    try:
        return _decoder.decode(entry.body)
    except msgspec.DecodeError as error:
        _log.warning("entry %d of %s is no order: %s", entry.position, topics.ORDERS, error)
        return None
