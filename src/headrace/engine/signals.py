"""The signals by which a process is asked to end."""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Within the block `call` is called at each of them, on the running loop. Only the main thread can have them."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in SIGNALS:
                self._before[number] = signal.getsignal(number)
                loop.add_signal_handler(number, self._call)

    def __exit__(self, *ended: object) -> None:
        loop = asyncio.get_running_loop()
        for number, before in self._before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, before)
