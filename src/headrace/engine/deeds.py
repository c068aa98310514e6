"""What a worker can be told to do; nothing else can be asked of it from elsewhere."""

from collections.abc import Callable
from functools import partial

from msgspec import UNSET

from headrace.core.commands import WorkerRecord
from headrace.core.errors import InvalidOption
from headrace.core.limits import Limits, check
from headrace.core.orders import Order
from headrace.engine import vitals
from headrace.engine.control import Deed
from headrace.engine.pump import Pump


def deeds(pump: Pump, describe: Callable[[], WorkerRecord], resize: Callable[[int], None]) -> dict[str, Deed]:
    """By the names of orders. All but `stacks` answer with the record of the worker, as it is then."""

    def described(act: Callable[[], None], after: Callable[[], None] | None = None) -> Deed:
        def acted(_: Order) -> WorkerRecord:
            act()
            return describe()

        return Deed(acted, after)

    def set_(order: Order) -> WorkerRecord:
        if order.concurrency is None and order.rate is UNSET:
            raise InvalidOption("there is neither a concurrency nor a rate in the order")
        if order.rate is not UNSET:
            check(Limits(rate=order.rate))
        if order.concurrency is not None:
            resize(order.concurrency)
        if order.rate is not UNSET:
            pump.pace.change(order.rate)
        return describe()

    return {
        "ping": described(_nothing),
        "pause": described(partial(pump.pause, is_paused=True)),
        "resume": described(partial(pump.pause, is_paused=False)),
        # These end the worker, which must have answered before.
        "drain": described(_nothing, pump.drain),
        "stop": described(_nothing, pump.hand_back),
        "set": Deed(set_),
        "stacks": Deed(lambda _: vitals.stacks()),
    }


def _nothing() -> None:
    pass
