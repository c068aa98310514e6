"""What a worker can be told to do; nothing else can be asked of it from elsewhere."""

from collections.abc import Callable

from msgspec import UNSET

from headrace.core.commands import WorkerRecord
from headrace.core.errors import InvalidOption
from headrace.core.limits import Limits, check
from headrace.core.orders import Order
from headrace.engine import vitals
from headrace.engine.home import Home
from headrace.engine.inbox import Deed
from headrace.engine.pump import Pump


def deeds(
    home: Home, pump: Pump, describe: Callable[[], WorkerRecord], resize: Callable[[int], None]
) -> dict[str, Deed]:
    """By the names of orders. All but `stacks` answer with the record of the worker, as it is then."""

    def ping(_: Order) -> WorkerRecord:
        return describe()

    def pause(_: Order) -> WorkerRecord:
        pump.pause(is_paused=True)
        return describe()

    def hold(_: Order) -> WorkerRecord:
        pump.is_paused = True  # no more than that: only the loop may ring the bells of the pump
        return describe()

    def resume(_: Order) -> WorkerRecord:
        pump.pause(is_paused=False)
        return describe()

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

    def stacks(_: Order) -> str:
        return vitals.stacks(home.loop)

    return {
        "ping": Deed(ping, aside=ping),
        "pause": Deed(pause, aside=hold),
        "resume": Deed(resume),
        # These end the worker, which must have answered before.
        "drain": Deed(ping, pump.drain),
        "stop": Deed(ping, pump.hand_back),
        "set": Deed(set_),
        "stacks": Deed(stacks, aside=stacks),
    }
