"""Where loops rest until there is something to do for one of them."""

import asyncio


class Bell:
    """Rings wake one sleeper each; a ring while one that was woken has not looked yet wakes nobody else.

    Where it `lingers`, who comes to rest stays awake for a turn of the loop: what was begun just before may end in it.
    """

    def __init__(self, *, lingers: bool = False) -> None:
        self._lingers = lingers
        self._sleepers: list[asyncio.Future[None]] = []
        self._awake = 0
        self._is_ringing = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def rest(self) -> None:
        """Sleep until a ring; always on the same loop."""
        if self._lingers:
            self._awake += 1
            try:
                await asyncio.sleep(0)
            finally:
                self._awake -= 1
            if self._is_ringing:
                self._is_ringing = False
                return
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # a system call, before Python 3.12
        sleeper: asyncio.Future[None] = self._loop.create_future()
        self._sleepers.append(sleeper)
        await sleeper
        self._is_ringing = False

    def ring(self) -> None:
        """Wake one; it rings again if there is more to do than it can take."""
        if self._is_ringing:
            return
        if self._awake:
            self._is_ringing = True
        elif self._sleepers:
            self._is_ringing = True
            sleeper = self._sleepers.pop()
            if not sleeper.done():
                sleeper.set_result(None)

    def ring_all(self) -> None:
        """Wake all."""
        self._is_ringing = self._awake > 0
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        self._sleepers.clear()
