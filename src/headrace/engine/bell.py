"""Where loops rest until there is something to do for one of them."""

import asyncio


class Bell:
    """Rings wake one sleeper each; a ring while one that was woken has not looked yet wakes nobody else."""

    def __init__(self) -> None:
        self._sleepers: list[asyncio.Future[None]] = []
        self._is_ringing = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def rest(self) -> None:
        """Sleep until a ring; always on the same loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # a system call, before Python 3.12
        sleeper: asyncio.Future[None] = self._loop.create_future()
        self._sleepers.append(sleeper)
        await sleeper
        self._is_ringing = False

    def ring(self) -> None:
        """Wake one; it rings again if there is more to do than it can take."""
        if self._sleepers and not self._is_ringing:
            self._is_ringing = True
            sleeper = self._sleepers.pop()
            if not sleeper.done():
                sleeper.set_result(None)

    def ring_all(self) -> None:
        """Wake all."""
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        self._sleepers.clear()
