"""Orders are taken once, by the loop of a worker or by its stand-in."""

import asyncio
from typing import Any

import msgspec

from headrace.core.commands import Publish, Read, WorkerRecord
from headrace.core.log import Entry
from headrace.core.orders import Answer, Order
from headrace.engine.inbox import Deed, Inbox
from headrace.engine.standin import StandIn
from headrace.engine.vitals import BLOCKED_LOOKS, Lag
from headrace.storage import open as open_store
from headrace.storage.protocol import Wrapper, granted


def written(position: int, order: object) -> Entry:
    return Entry(position, 0, f"key-{position}", msgspec.json.encode(order).decode())


def test_an_order_is_taken_once_and_older_ones_with_it() -> None:
    inbox = Inbox("w", {})
    ping = Order("ping", ("w",))
    assert inbox.take(written(1, ping)) is None, "it is not known yet where to begin"
    inbox.open(1)
    assert inbox.take(written(1, ping)) is None
    assert inbox.take(written(3, ping)) == ping
    assert inbox.take(written(3, ping)) is None
    assert inbox.take(written(2, ping)) is None
    assert inbox.take(written(4, Order("ping", ("x",)))) is None, "it is for another"
    assert inbox.take(written(5, {"do": 7})) is None, "it is no order"
    assert inbox.unread().after == 5


class FromThreads(Wrapper):
    """A store that takes commands from any thread, and counts those that ask for orders."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.reads = 0

    def run_blocking(self, command: Any) -> Any:
        self.reads += isinstance(command, Read)
        return self.inner.run_blocking(command)  # type: ignore[attr-defined]


async def test_the_stand_in_takes_nothing_while_the_loop_comes_and_all_in_order_while_it_does_not() -> None:
    store = FromThreads(open_store("sqlite:///:memory:"))
    await store.open()
    done: list[str] = []

    def deed(name: str) -> Any:
        return lambda _: done.append(name)

    deeds = {
        "set": Deed(deed("set"), lambda: done.append("after")),
        "ping": Deed(both := deed("ping"), aside=both),
        "pause": Deed(deed("pause"), aside=deed("hold")),
    }
    inbox, lag = Inbox("w", deeds), Lag()
    stand_in = StandIn(store, inbox, lambda: WorkerRecord("w", "host", 1, (), 1), lag)
    inbox.open(0)
    orders = [msgspec.json.encode(Order(do, ("w",))).decode() for do in ("set", "ping", "pause", "fly")]
    for number, body in enumerate(orders):
        await store.run(Publish("control/orders", (body,), str(number)))
    stand_in._aside._loop = asyncio.get_running_loop()
    await stand_in._look()
    assert store.reads == 0, "a loop that comes does all itself"
    for _ in range(BLOCKED_LOOKS):
        await stand_in._look()  # without a turn of the loop between
    assert done == ["ping", "hold"], "what needs no loop"
    await asyncio.sleep(0)
    assert done == ["ping", "hold", "set", "after", "pause"], "the rest, in its order"
    said = [
        msgspec.json.decode(entry.body, type=Answer)
        for entry in granted(await store.run(Read("control/answers"))).entries
    ]
    assert [(answer.waits, answer.problem) for answer in said] == [
        (True, None),
        (False, None),
        (False, None),
        (False, "knows no order 'fly'; it knows set, ping, pause"),
    ]
    await store.close()
