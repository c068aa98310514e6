"""A way to a server on loopback that can be cut: at once, within an answer, or into silence. With TLS if wanted."""

import asyncio
import ssl
from types import TracebackType
from typing import Self


class Cutter:
    """Passes bytes on between its own port and another. It runs on the loop of the test."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.made = 0
        """Connections so far."""
        self._to = port
        self._tls = tls
        self._open: set[asyncio.StreamWriter] = set()
        self._left: int | None = None  # bytes of answers that still pass
        self._silent: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection now."""
        for writer in self._open:
            writer.transport.abort()

    def cut_within(self, count: int) -> None:
        """Cut every connection as soon as so many more bytes of answers have passed."""
        self._left = count

    def silence(self) -> None:
        """Pass nothing on any more, on the connections that there are; they stay open."""
        self._silent |= self._open

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, forth}
        ways = [self._pass(reader, forth, is_answer=False), self._pass(back, writer, is_answer=True)]
        tasks = {asyncio.ensure_future(way) for way in ways}
        self._tasks |= tasks
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, forth):
            end.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open -= {writer, forth}
        self._silent -= {writer, forth}
        self._tasks -= tasks

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_answer: bool) -> None:
        try:
            while data := await source.read(1 << 16):
                if target in self._silent:
                    continue
                if is_answer and self._left is not None:
                    data, self._left = data[: self._left], max(0, self._left - len(data))
                target.write(data)
                await target.drain()
                if self._left == 0:
                    self._left = None
                    await asyncio.sleep(0)
                    self.cut_after_flush()
        except OSError:
            pass

    def cut_after_flush(self) -> None:
        for writer in self._open:
            writer.close()
