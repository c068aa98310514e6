"""A network between a server and whoever uses it that is slow, cuts connections, or loses all that they carry."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CHUNK = 1 << 16


class Proxy:
    """Listens on a loopback port of its own, in a thread, and passes everything on to `port`, later by `delay_s`.

    Who connects speaks TLS if there is a context for it; the server behind does not.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.delay_s = 0.0
        self.port = 0
        self._behind = port
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._left: int | None = None  # bytes of answers that still pass
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> None:
        """End every connection that there is, in the middle of whatever it carries."""
        self._soon(lambda: [writer.transport.abort() for writer in self._writers])

    def cut_within(self, count: int) -> None:
        """End every connection as soon as so many more bytes of answers have passed."""
        self._left = count

    def silence(self) -> None:
        """Lose from now on what the present connections carry, without a word; new ones are as they should be."""
        self._soon(lambda: self._silent.update(self._writers))

    def _soon(self, act: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(), done.set()))
        assert done.wait(10)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            server = runner.run(asyncio.start_server(self._come, "127.0.0.1", 0, ssl=self._tls))
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            runner.get_loop().run_forever()
            server.close()
            for writer in self._writers:
                writer.transport.abort()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, inner_writer}
        self._writers |= both
        with suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._carry(reader, inner_writer, is_answer=False), self._carry(inner_reader, writer, is_answer=True)
            )
        self._writers -= both
        self._silent -= both

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        """What comes is under way at the same time: a slow network is not a narrow one."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        deliver = asyncio.create_task(self._deliver(under_way, writer, is_answer=is_answer))
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                under_way.put_nowait((self._loop.time() + self.delay_s, data))
        under_way.put_nowait((self._loop.time() + self.delay_s, b""))
        await deliver

    async def _deliver(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - self._loop.time())
            if not data:
                writer.close()
                return
            if writer in self._silent:
                continue
            if is_answer and self._left is not None:
                data, self._left = data[: self._left], max(0, self._left - len(data))
            writer.write(data)
            if self._left == 0:
                self._left = None
                for each in self._writers:
                    each.close()


@contextmanager
def between(port: int, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy before the server on this port."""
    proxy = Proxy(port, tls)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
