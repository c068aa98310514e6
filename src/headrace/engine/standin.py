"""Answers for a worker whose event loop is blocked, from a thread of its own.

A blocked loop is when one wants to know most, and when the loop can say least. What needs no loop is done and answered
at once. Of the rest is said that it waits; the loop does it when it is free.
"""

import logging
from collections.abc import Callable
from typing import Final

from headrace.core.commands import WorkerRecord
from headrace.core.errors import HeadraceError
from headrace.core.log import Entry
from headrace.core.orders import Answer, Order
from headrace.engine.aside import Aside
from headrace.engine.inbox import Deed, Inbox, saying
from headrace.engine.vitals import Lag
from headrace.storage.protocol import Storage

LOOK_S: Final = 0.2  # a loop that has not come at two looks is blocked, so an answer takes 0.6 s at most

_log: Final = logging.getLogger("headrace")


class StandIn:
    """Looks how late the loop is, and takes the orders while it is blocked.

    It needs a store that commands can be run on from any thread; with another it does nothing.
    """

    def __init__(self, storage: Storage, inbox: Inbox, describe: Callable[[], WorkerRecord], lag: Lag) -> None:
        self._inbox = inbox
        self._describe = describe
        self._lag = lag
        self._aside = Aside(storage, "stand-in", self._look, LOOK_S)

    def start(self) -> None:
        if self._aside.is_apart:
            self._aside.start()

    async def stop(self) -> None:
        if self._aside.is_apart:
            await self._aside.stop()

    async def _look(self) -> None:
        self._lag.measure(self._aside.tell)
        if not self._lag.blocked_ms:
            return
        for entry in (await self._aside.ask(self._inbox.unread())).entries:
            answer = self._answer(entry)
            for command in saying(entry.key, answer) if answer is not None else ():
                await self._aside.ask(command)

    def _answer(self, entry: Entry) -> Answer | None:
        """Do what can be done here, and leave the rest to the loop, where it comes before any later order."""
        with self._inbox.lock:
            order = self._inbox.take(entry)
            if order is None:
                return None
            deed = self._inbox.deeds.get(order.do)
            aside = None if deed is None else deed.aside
            if deed is None or aside is not None:
                answer = self._inbox.answer(order, aside)
            else:
                answer = Answer(self._inbox.worker, self._describe(), waits=True)
            if deed is not None and aside is not deed.act:
                self._aside.tell(_do, deed, order)
            return answer


def _do(deed: Deed, order: Order) -> None:
    """On the loop: what has waited for it. Whoever asked has been told so."""
    try:
        deed.act(order)
    except HeadraceError as error:
        _log.warning("told to %s: %s", order.do, error)
        return
    if deed.after is not None:
        deed.after()
