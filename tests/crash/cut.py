"""A wire between a store and its server that is cut at a chosen round trip."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

CHUNK = 1 << 20


class Wire:
    """Passes on what both sides send, and is cut at the chosen thing that the store asks from when it is armed.

    That does not reach the server then; or it does, and the answer does not reach the store.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.url = ""
        self.asked = 0
        self.was_cut = False
        self._at: int | None = None
        self._is_answer = False
        self._carried: list[asyncio.Task[None] | None] = []

    def arm(self, at: int | None, *, is_answer: bool = False) -> None:
        self.asked, self._at, self._is_answer, self.was_cut = 0, at, is_answer, False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._carried.append(asyncio.current_task())
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        ways = (
            asyncio.ensure_future(self._requests(reader, back)),
            asyncio.ensure_future(self._answers(there, writer)),
        )
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):  # when one way has ended, so has the other
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()
        await asyncio.gather(*ways, return_exceptions=True)

    async def ended(self) -> None:
        """When nobody is connected any more."""
        await asyncio.gather(*(task for task in self._carried if task), return_exceptions=True)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self.asked += 1
            if self.asked == self._at and not self._is_answer:
                self.was_cut = True
                return
            writer.write(data)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.asked == self._at:
                self.was_cut = True
                return
            writer.write(data)


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    """A wire to the server at this URL, which has one of its own."""
    wire = Wire(url)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}{urlsplit(url).path}"
    try:
        yield wire
    finally:
        server.close()
        await wire.ended()
